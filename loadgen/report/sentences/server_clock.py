"""What the stamps of the server are good for, in English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadgen.model import ClockFault, ClockFinding, Level
from loadgen.report.columns import where
from loadgen.report.language import _, plural
from loadgen.report.sentences import Sentences
from loadgen.report.text import clauses, joined, number

FAULTS: Mapping[ClockFault, str] = {
    "missing": "not every event of the server has a time that can be read",
    "backwards": "the server’s times go back within a stream",
    "still": "the server’s times stand still while its events arrive",
    "jump": "the server’s clock was set within a stream",
    "contradiction": "the server’s times are before the request or after the arrival, by whatever clock",
    "offset": "the server’s clock differs from that of the other streams",
    "unsteady": "the server’s clock was set meanwhile, or there are several",
    "coarse": "the server’s times are multiples of {unit}, which is too coarse",
    "loose": "the server’s clock may be anything from {low} to {high}, too much against the lag",
    "host": "the server runs on another host",
}


def sentences(finding: ClockFinding) -> Sentences:
    """Return which lag there is and why not more; streams that have none in the details."""
    texts = {
        "absolute": _("Delivery lag is absolute, to {error}: {clock}"),
        "relative": _("Delivery lag is relative only, above the smallest of its stream: {why}"),
        "none": _("No delivery lag: {why}"),
    }
    clock = (
        _("the server’s clock can be ours")
        if finding.ours
        else _("the server’s clock is {offset}, taken off")
    )
    statement = texts[finding.verdict].format(
        error=f"± {_span(finding.error_ms or 0.0)}",
        clock=clock.format(offset=_offset(((finding.low_ms or 0.0) + (finding.high_ms or 0.0)) / 2)),
        why=_fault(finding, finding.fault) if finding.fault else "",
    )
    if finding.verdict == "none" or not finding.odd:
        return Sentences(statement)
    text = plural(
        finding.odd,
        "{n} of {streams} streams has no lag: {why}",
        "{n} of {streams} streams have no lag: {why}",
        streams=f"{finding.streams:,}",
        why=joined(_fault(finding, fault) for fault in finding.faults),
    )
    return Sentences(statement, (text,))


def notable(finding: ClockFinding) -> bool:
    """Return whether it is not as everyone expects: a lag of all streams, by a clock that can be ours."""
    return finding.verdict != "absolute" or bool(finding.odd) or not finding.ours


def lines(findings: Sequence[ClockFinding]) -> list[str]:
    """Return a line for all clients and levels of which the same is true, led by these where others differ."""
    alike: dict[object, list[ClockFinding]] = {}
    for one in findings:
        alike.setdefault((one.verdict, one.fault, one.faults), []).append(one)
    found = []
    for of in alike.values():
        worst = sentences(max(of, key=lambda one: (one.odd, one.error_ms or 0.0)))
        text = clauses([worst.statement, *worst.details])
        if len(alike) > 1:
            at: dict[Level | None, list[str]] = {}
            for one in of:
                at.setdefault(one.level, []).append(one.client.label if one.client else "")
            who = clauses(where(joined(clients), level) for level, clients in at.items())
            text = _("{where}: {statement}").format(where=who, statement=text)
        found.append(text)
    return found


def _fault(finding: ClockFinding, fault: ClockFault) -> str:
    return _(FAULTS[fault]).format(
        unit=_span(finding.unit_ms), low=_offset(finding.low_ms or 0.0), high=_offset(finding.high_ms or 0.0)
    )


def _offset(ms: float) -> str:
    text = _("{span} behind ours") if ms < 0 else _("{span} ahead of ours")
    return text.format(span=_span(abs(ms)))


def _span(ms: float) -> str:
    """Return ``0.4 ms``, ``8 h`` or ``365 d``."""
    for unit, size in (("d", 86_400_000.0), ("h", 3_600_000.0), ("min", 60_000.0), ("s", 1000.0)):
        if ms >= 2 * size:
            return f"{number(ms / size)} {unit}"
    return f"{number(ms)} ms"
