"""How good the data are: confidence per group, whose limit was reached, what is not valid and why, drift and noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from loadgen.analysis.metrics import column
from loadgen.model import (
    ClockFinding,
    Confidence,
    DriftFinding,
    Finding,
    Group,
    LeftOut,
    Level,
    LimitFinding,
    NeighbourFinding,
    NoiseFinding,
    PredictionFinding,
    RemeasuredFinding,
    ServerChangedFinding,
    Summary,
    UnwatchedFinding,
    Validity,
    WatchedFinding,
)
from loadgen.report.blocks import Cell, Column, Heading, Table, Text, Tone, Verdict
from loadgen.report.columns import at, label, level_text, where
from loadgen.report.language import _
from loadgen.report.sections import confidence
from loadgen.report.sections.section import Block, Form, Section, View, by_level
from loadgen.report.sentences import confidence as english
from loadgen.report.sentences import prediction, sentences, server_clock, watched
from loadgen.report.sentences.validity import reason
from loadgen.report.text import NOT_MEASURED, joined, percent

TONES: Mapping[Validity, Tone] = {
    Validity.VALID: "good", Validity.SUSPECT: "warn", Validity.INVALID: "bad",
}  # fmt: skip
SHOWN = 12  # reasons that the terminal lists in full
DRIFTS = 3
OFF = 3  # predictions that the terminal names
ODD = 3  # measurements of which the server saw something else


class Quality(Section):
    id = "quality"
    title = "Data quality"

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        page = form == "html"
        if page and view.summaries:
            yield _counted(view.summaries)
            yield from _confidence(view)
        yield from _titled(_("Why not everything is valid"), list(_reasons(view, form)), page)
        unread = [Verdict(_("left out"), each.file, "bad", (each.reason,)) for each in view.of(LeftOut)]
        yield from _titled(_("What could not be read"), unread, page)
        about: list[Finding] = [*view.of(ServerChangedFinding), *view.of(UnwatchedFinding)]
        blind = [Verdict(_("server"), sentences(of).statement, "warn") for of in about]
        odd = [sentences(of) for of in view.of(WatchedFinding) if watched.notable(of)]
        few = odd if page else odd[:ODD]
        blind += [Verdict(_("server"), of.statement, "quiet", of.details if page else ()) for of in few]
        yield from _titled(_("What the server reported"), blind, page)
        limits = [sentences(limit) for limit in view.of(LimitFinding)]
        lines = [Verdict(_("limit"), of.statement, "quiet", of.details if page else ()) for of in limits]
        yield from _titled(_("Whose limit was reached"), lines, page)
        parties = [sentences(of) for of in view.of(NeighbourFinding)]
        named = [Verdict(_("cores"), of.statement, "quiet", of.details) for of in parties]
        yield from _titled(_("Who used the client’s cores"), named, page)
        yield from _titled(_("Predicted before the run"), list(_predicted(view, page)), page)
        worth = [of for of in view.of(ClockFinding) if page or server_clock.notable(of)]
        clocks = [Text(line, "quiet") for line in server_clock.lines(worth)]
        yield from _titled(_("The server’s clock"), clocks, page)
        again = [sentences(one) for one in view.of(RemeasuredFinding)]
        found = [Verdict(_("again"), of.statement, "quiet", of.details if page else ()) for of in again]
        yield from _titled(_("Measured again"), found, page)
        drifts = view.of(DriftFinding)
        shown = drifts if page else drifts[:DRIFTS]
        yield from _titled(_("Drift during the run"), [Text(sentences(f).statement) for f in shown], True)
        if len(shown) < len(drifts):
            yield Text(_("… and {n} more drifts in the report").format(n=len(drifts) - len(shown)), "quiet")
        yield from _noise(view.of(NoiseFinding), form)


def _predicted(view: View, page: bool) -> Iterable[Verdict]:
    """Yield the predicted cores beside those used; off the page only where they differ."""
    if page:
        given = {(cell.client, cell.level): cell.engines for cell in view.run.info.cells}
        for text in prediction.short(view.run.info.predictions, given):
            yield Verdict(_("cores"), text, "warn")
    for of in view.of(PredictionFinding):
        if page or of.verdict == "off":
            english = sentences(of)
            off = sum(each.verdict == "off" for each in of.held)
            tone: Tone = "warn" if off else "quiet"
            details = english.details if page else english.details[: min(off, OFF)]
            yield Verdict(_("cores"), english.statement, tone, details)


def _titled(title: str, blocks: Sequence[Block], titled: bool) -> Iterable[Block]:
    if blocks and titled:
        yield Heading(title)
    yield from blocks


def _counted(summaries: Sequence[Summary]) -> Text:
    """Return how many of the measurements are valid."""
    counts = Counter(s.validity for s in summaries)
    if counts[Validity.VALID] == len(summaries):
        text = _("All {n} measurements are valid (one client at one level each)")
        return Text(text.format(n=len(summaries)), "good")
    parts = joined(f"{counts[v]} {_(v.value)}" for v in Validity if counts[v])
    tone: Tone = "bad" if counts[Validity.INVALID] else "warn"
    return Text(_("{n} measurements: {parts}").format(n=len(summaries), parts=parts), tone)


def _confidence(view: View) -> Iterable[Block]:
    """Yield the grade and the ± of each group of figures, a row per measurement."""
    groups = [group for group in Group if any(group in s.confidence for s in view.summaries)]
    if not groups:
        return
    first, rows = by_level(
        view,
        lambda s: [_grade(s.confidence.get(group)) for group in groups],
        lambda level: at(level) if view.sweeps else "",
    )
    columns = [Column(first), *(Column(_(english.GROUPS[group])) for group in groups)]
    yield Table(columns, rows, _("Confidence in each group of figures, and its ±"))


def _grade(of: Confidence | None) -> Cell:
    if of is None:
        return Cell(NOT_MEASURED)
    return Cell(_(of.grade.value), english.width(of), confidence.TONES[of.grade])


def _reasons(view: View, form: Form) -> Iterable[Verdict]:
    alike = _alike(view)
    brief = form == "terminal" and sum(len(reasons) for *_key, reasons in alike) > SHOWN
    for (level, validity, reasons), of in alike.items():
        if form == "terminal" and validity is Validity.VALID:
            continue
        who = where(joined(s.client.label for s in of), level)
        if brief:
            more = f" (+{len(reasons) - 1})" if len(reasons) > 1 else ""
            yield Verdict(
                _(validity.value),
                _("{where}: {reason}").format(where=who, reason=reasons[0] + more),
                TONES[validity],
            )
        else:
            yield Verdict(_(validity.value), who, TONES[validity], reasons)


def _alike(view: View) -> Mapping[tuple[Level, Validity, tuple[str, ...]], Sequence[Summary]]:
    """Return the summaries that have reasons, those of one level with the same reasons together."""
    alike: dict[tuple[Level, Validity, tuple[str, ...]], list[Summary]] = {}
    for s in (s for s in view.by_level if s.reasons):
        alike.setdefault((s.level, s.validity, tuple(map(reason, s.reasons))), []).append(s)
    return alike


def _noise(found: Sequence[NoiseFinding], form: Form) -> Iterable[Block]:
    """Yield how much two measurements of the same client differ."""
    if not found or form == "markdown":
        return
    if form == "terminal":
        yield Text(sentences(found[-1]).statement, "quiet")
        return
    yield Heading(_("Noise of this run"))
    yield Text(
        _(
            "{client} was measured twice in each round, the second time as its A/A control; the difference between the "
            "two estimates the noise. Differences smaller than these are noise."
        ).format(client=found[0].client)
    )
    shown = [{label(column(each.metric)): percent(each.threshold) for each in f.thresholds} for f in found]
    names = dict.fromkeys(name for of in shown for name in of)
    columns = [
        Column(_("metric")),
        *(Column(level_text(finding.level) if finding.level else "") for finding in found),
    ]
    yield Table(columns, {"": [[name, *(of.get(name, NOT_MEASURED) for of in shown)] for name in names]})
