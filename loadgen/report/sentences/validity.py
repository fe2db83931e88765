"""Why a measurement may not be believed, in English."""

from __future__ import annotations

from collections.abc import Mapping

from loadgen.model import Outcome, Reason, ValidityFinding, reasons
from loadgen.report.sentences import Sentences
from loadgen.report.sentences.confidence import cause
from loadgen.report.text import percent, several

_LISTEN_QUEUE = {"overflows": "overflowed", "drops": "dropped connections"}
_OUTCOMES: Mapping[str, tuple[str, str]] = {  # one, several
    Outcome.OK: ("ok", "ok"),
    Outcome.REFUSED: ("connection refused", "connections refused"),
    Outcome.UNRESOLVED: ("host name not resolved", "host names not resolved"),
    Outcome.CONNECT_TIMEOUT: ("connect timeout", "connect timeouts"),
    Outcome.FIRST_TOKEN_TIMEOUT: ("first-token timeout", "first-token timeouts"),
    Outcome.IDLE_TIMEOUT: ("idle timeout", "idle timeouts"),
    Outcome.TOTAL_TIMEOUT: ("total timeout", "total timeouts"),
    Outcome.HTTP_STATUS: ("HTTP error", "HTTP errors"),
    Outcome.SERVER_ERROR: ("error inside a response", "errors inside a response"),
    Outcome.TRUNCATED: ("truncated response", "truncated responses"),
    Outcome.RESET: ("connection reset", "connections reset"),
    Outcome.UNDECODABLE: ("undecodable response", "undecodable responses"),
    Outcome.STOPPED: ("stopped by the load", "stopped by the load"),
    Outcome.FAILED: ("other failure", "other failures"),
}


def sentences(finding: ValidityFinding) -> Sentences:
    """Return ``aiohttp at 100 streams is suspect``, and a line for each reason."""
    return Sentences(
        f"{finding.client} at {finding.level} is {finding.verdict}", tuple(map(reason, finding.reasons))
    )


def reason(why: Reason) -> str:
    """Return the reason in one sentence, led by the repeat and the workers that it is about."""
    if isinstance(why, reasons.RepeatExcluded):
        against = "; ".join(map(reason, why.reasons))
        return f"repeat {(why.repeat or 0) + 1} excluded; its failures still count: {against}"
    about = [] if why.repeat is None else [f"repeat {why.repeat + 1}"]
    if why.workers or isinstance(why, reasons.WorkerLost):
        about.append(f"{'worker ' if isinstance(why, reasons.WorkerLost) else ''}{', '.join(why.workers)}")
    return ": ".join([*about, _text(why)])


def _text(why: Reason) -> str:
    match why:
        case reasons.WorkerLost():
            when = f"after {why.streams:,} of its streams had ended; they count"
            return f"lost {when if why.streams else 'before any of its streams had ended'} ({why.ended})"
        case reasons.EndedEarly():
            return f"the cell ended early: {why.ended}"
        case reasons.NothingAfterWarmup():
            return (
                f"no stream was due after the warm-up of {why.warmup_s:g} s: "
                "lengthen load.duration or shorten load.warmup"
            )
        case reasons.NoneCompleted():
            return f"0 of {why.streams:,} streams completed ({_outcomes(why.outcomes)})"
        case reasons.StreamsFailed():
            share = f"{100 * why.failed / why.streams:.1f} %"
            return (
                f"{why.failed:,} of {why.streams:,} streams failed ({share}: {_outcomes(why.outcomes)}); "
                "latencies are those of the others"
            )
        case reasons.ConcurrencyNotReached():
            seen = "the server saw " if why.seen_by == "server" else ""
            lost = " (not counting streams of a lost worker)" if why.worker_lost else ""
            return f"target concurrency not reached: {seen}{why.peak:,} of {why.target:,} streams open{lost}"
        case reasons.StartedLate():
            return f"streams started later than scheduled, p{why.percentile} {why.late_ms:.1f} ms"
        case reasons.ClockStepped():
            return (
                f"the wall clock moved by {why.step_ms:+.1f} ms against the monotonic clock: "
                "no delivery lag; other metrics do not depend on it"
            )
        case reasons.SimulatorLate():
            return f"the simulator sent later than scheduled, p99 {why.late_p99_ms:.1f} ms"
        case reasons.MachineDisturbed():
            by = "" if why.plus_minus is None else f" by ±{percent(why.plus_minus)}"
            return f"median latency is uncertain{by}: {'; '.join(map(cause, why.causes))}"
        case reasons.ListenQueue():
            times = "once" if why.number == 1 else f"{why.number:,} times"
            return (
                f"the listen queue {_LISTEN_QUEUE[why.event]} {times}: some connects waited a second or more"
            )
        case reasons.FewStreams():
            return (
                f"only {several(why.streams, 'stream')} completed, at least {why.needed} are needed: "
                "lengthen load.duration, or raise load.requests or repeats"
            )
    raise TypeError(f"no sentence for {why}")


def outcome(name: str, n: int) -> str:
    """Return ``connection reset`` or ``connections reset``."""
    return _OUTCOMES.get(name, (name, name))[n != 1]


def _outcomes(numbers: Mapping[str, int]) -> str:
    """Return ``3 connections reset, 1 HTTP error``."""
    return ", ".join(several(n, *_OUTCOMES.get(name, (name, name))) for name, n in numbers.items())
