"""Whose limit a measurement reached, in English."""

from __future__ import annotations

from loadgen.model import Limit, LimitEvidence, LimitFinding
from loadgen.model.limit import BusyCore, LateStarts, LongDelay, Queueing, Starved
from loadgen.report.sentences import Sentences
from loadgen.report.text import number

_LIMITS = {
    Limit.CLIENT: "the client",
    Limit.SERVER: "the server",
    Limit.SIMULATOR: "the simulator",
    Limit.MACHINE: "the machine",
}
_DELAYS = {
    "lag": "delivery lag",
    "send_delay": "send delay",
    "others_wait": "the wait for other programs",
    "steal_wait": "the wait for the hypervisor",
    "simulator_late": "the simulator's lateness",
}


def sentences(finding: LimitFinding) -> Sentences:
    """Return ``requests at 1,000 streams: limited by the client``, and a line for each figure that shows it."""
    return Sentences(
        f"{finding.client} at {finding.level}: limited by {_LIMITS[finding.verdict]}",
        tuple(map(evidence, finding.evidence)),
    )


def evidence(shown: LimitEvidence) -> str:
    """Return what shows a limit, in one clause."""
    match shown:
        case BusyCore():
            mean = "" if shown.cpu_percent is None else f", {shown.cpu_percent:.0f} % on average"
            return f"it used {shown.busiest_second_percent:.0f} % of a core in its busiest second{mean}"
        case LateStarts():
            return f"it started streams {shown.late_ms / 1000:.1f} s late (p{shown.percentile}){_cpu(shown)}"
        case LongDelay():
            of = (
                ""
                if not shown.ttft_ms
                else (f", {100 * shown.delay_ms / shown.ttft_ms:.0f} % of TTFT p{shown.percentile}")
            )
            return f"{_DELAYS[shown.metric]} p{shown.percentile} is {shown.delay_ms:.1f} ms{of}{_cpu(shown)}"
        case Starved():
            got = "less" if shown.cpu_percent is None else f"{shown.cpu_percent:.0f} %"
            return f"it wanted {shown.wanted_percent:.0f} % of a core and got {got}: others used it"
        case Queueing():
            return (
                f"{number(shown.tokens_per_s)} tokens/s, at {shown.below} {number(shown.below_tokens_per_s)}; "
                f"the server's own TTFT p50 rose from {number(shown.below_ttft_ms)} to {number(shown.ttft_ms)} ms"
            )
    raise TypeError(f"no sentence for {shown}")


def _cpu(shown: LateStarts | LongDelay) -> str:
    own = not isinstance(shown, LongDelay) or shown.metric in ("lag", "send_delay")
    return f"; it used {shown.cpu_percent:.0f} % of a core" if own and shown.cpu_percent is not None else ""
