"""Why measurements are disturbed, incomplete or based on few values: notes on data quality."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from loadgen.model import DriftFinding, Level, RemeasuredFinding, Summary, Validity
from loadgen.report.blocks import Heading, Text, Tone, Verdict
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import sentences
from loadgen.report.sentences.validity import reason

TONES: Mapping[Validity, Tone] = {
    Validity.VALID: "good", Validity.SUSPECT: "warn", Validity.INVALID: "bad",
}  # fmt: skip
SHOWN = 12  # reasons that the terminal lists in full
DRIFTS = 3


class Quality(Section):
    id = "quality"
    title = "Data quality"

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        alike = _alike(view)
        brief = form == "terminal" and sum(len(reasons) for *_key, reasons in alike) > SHOWN
        for (level, validity, reasons), of in alike.items():
            if form == "terminal" and validity is Validity.VALID:
                continue
            names = ", ".join(s.client.label for s in of)
            who = _("{clients} at {level}").format(clients=names, level=level)
            if brief:
                more = f" (+{len(reasons) - 1})" if len(reasons) > 1 else ""
                yield Verdict(_(validity.value), f"{who}: {reasons[0]}{more}", TONES[validity])
            else:
                yield Verdict(_(validity.value), who, TONES[validity], reasons)
        yield from (Text(sentences(again).statement) for again in view.of(RemeasuredFinding))
        drifts = view.of(DriftFinding)
        if drifts:
            yield Heading(_("Drift during the run"))
        yield from (Text(sentences(f).statement) for f in (drifts[:DRIFTS] if form == "terminal" else drifts))
        if form == "terminal" and len(drifts) > DRIFTS:
            yield Text(_("… and {n} more drifts in the report").format(n=len(drifts) - DRIFTS), "quiet")


def _alike(view: View) -> Mapping[tuple[Level, Validity, tuple[str, ...]], Sequence[Summary]]:
    """Return the summaries that have reasons, those of one level with the same reasons together."""
    alike: dict[tuple[Level, Validity, tuple[str, ...]], list[Summary]] = {}
    for s in (s for s in view.by_level if s.reasons):
        alike.setdefault((s.level, s.validity, tuple(map(reason, s.reasons))), []).append(s)
    return alike
