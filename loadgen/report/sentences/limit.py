"""Whose limit a measurement reached, in English."""

from __future__ import annotations

from loadgen.model import Limit, LimitEvidence, LimitFinding
from loadgen.model.limit import (
    BusyCore,
    GrowingBacklog,
    HaltedEngine,
    LateStarts,
    LongDelay,
    Queueing,
    Starved,
)
from loadgen.report.columns import level_text, where
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.sentences.confidence import HALTED
from loadgen.report.text import number, time

LIMITS = {
    Limit.CLIENT: "the client",
    Limit.SERVER: "the server",
    Limit.SIMULATOR: "the simulator",
    Limit.MACHINE: "the machine",
}
DELAYS = {
    "lag": "delivery lag",
    "to_wire": "time to wire",
    "others_wait": "the wait for other programs",
    "steal_wait": "the wait for the hypervisor",
    "simulator_late": "the simulator's lateness",
}


def sentences(finding: LimitFinding) -> Sentences:
    """Return ``requests at 1,000 streams: limited by the client``, and a line for each figure that shows it."""
    statement = _("{where}: {limit}").format(
        where=where(finding.client, finding.level), limit=limited_by(finding.verdict)
    )
    return Sentences(statement, tuple(map(evidence, finding.evidence)))


def limited_by(limit: Limit) -> str:
    """Return ``limited by the client``."""
    return _("limited by {limit}").format(limit=_(LIMITS[limit]))


def evidence(shown: LimitEvidence) -> str:
    """Return what shows a limit, in one clause."""
    match shown:
        case BusyCore():
            text = _("it used {share} % of a core in its busiest second")
            busiest = text.format(share=f"{shown.busiest_second_percent:.0f}")
            if shown.cpu_percent is None:
                return busiest
            mean = f"{shown.cpu_percent:.0f}"
            return _("{busiest}, {mean} % on average").format(busiest=busiest, mean=mean)
        case LateStarts():
            text = _("it started streams {time} late (p{percentile})")
            return text.format(time=time(shown.late_ms), percentile=shown.percentile) + _cpu(shown)
        case GrowingBacklog():
            text = _(
                "{offered} arrivals per second, {completed} of them completed: each second {growth} more waited or "
                "were open"
            )
            return text.format(
                offered=number(shown.offered_per_s),
                completed=number(shown.completed_per_s),
                growth=number(shown.growth_per_s),
            )
        case LongDelay():
            text = (
                _("{delay} p{percentile} is {ms} ms, {share} % of TTFT p{percentile}")
                if shown.ttft_ms
                else _("{delay} p{percentile} is {ms} ms")
            )
            share = 100 * shown.delay_ms / shown.ttft_ms if shown.ttft_ms else 0.0
            return text.format(
                delay=_(DELAYS[shown.metric]),
                percentile=shown.percentile,
                ms=f"{shown.delay_ms:.1f}",
                share=f"{share:.0f}",
            ) + _cpu(shown)
        case HaltedEngine():
            text = HALTED[shown.how]
            return _(text).format(share=f"{shown.percent:.1f}")
        case Starved():
            got = _("less") if shown.cpu_percent is None else f"{shown.cpu_percent:.0f} %"
            text = _("it wanted {wanted} % of a core and got {got}: others used it")
            return text.format(wanted=f"{shown.wanted_percent:.0f}", got=got)
        case Queueing():
            text = _(
                "{rate} tokens/s, at {below} {rate_below}; the server's own TTFT p50 rose from {before} to {after} ms"
            )
            return text.format(
                rate=number(shown.tokens_per_s),
                below=level_text(shown.below),
                rate_below=number(shown.below_tokens_per_s),
                before=number(shown.below_ttft_ms),
                after=number(shown.ttft_ms),
            )
    raise TypeError(f"no sentence for {shown}")


def _cpu(shown: LateStarts | LongDelay) -> str:
    own = not isinstance(shown, LongDelay) or shown.metric in ("lag", "to_wire")
    if not own or shown.cpu_percent is None:
        return ""
    return _("; it used {share} % of a core").format(share=f"{shown.cpu_percent:.0f}")
