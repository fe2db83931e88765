"""Why a measurement may not be believed, in English."""

from __future__ import annotations

from collections.abc import Mapping

from loadgen.model import EngineNumber, Outcome, Reason, ValidityFinding, reasons
from loadgen.report.columns import where
from loadgen.report.language import _, plural
from loadgen.report.sentences import Sentences
from loadgen.report.sentences.confidence import cause
from loadgen.report.text import clauses, joined, number, percent

OUTCOMES: Mapping[str, tuple[str, str]] = {  # one, several
    Outcome.OK: ("ok", "ok"),
    Outcome.REFUSED: ("connection refused", "connections refused"),
    Outcome.UNRESOLVED: ("host name not resolved", "host names not resolved"),
    Outcome.CONNECT_TIMEOUT: ("connect timeout", "connect timeouts"),
    Outcome.FIRST_TOKEN_TIMEOUT: ("first-token timeout", "first-token timeouts"),
    Outcome.IDLE_TIMEOUT: ("idle timeout", "idle timeouts"),
    Outcome.TOTAL_TIMEOUT: ("total timeout", "total timeouts"),
    Outcome.HTTP_STATUS: ("HTTP error", "HTTP errors"),
    Outcome.SERVER_ERROR: ("error inside a response", "errors inside a response"),
    Outcome.EMPTY: ("empty response", "empty responses"),
    Outcome.TRUNCATED: ("truncated response", "truncated responses"),
    Outcome.RESET: ("connection reset", "connections reset"),
    Outcome.UNDECODABLE: ("undecodable response", "undecodable responses"),
    Outcome.STOPPED: ("stopped by the load", "stopped by the load"),
    Outcome.FAILED: ("other failure", "other failures"),
}


def sentences(finding: ValidityFinding) -> Sentences:
    """Return ``aiohttp at 100 streams is suspect``, and a line for each reason."""
    return Sentences(
        _("{where} is {verdict}").format(
            where=where(finding.client, finding.level), verdict=_(finding.verdict)
        ),
        tuple(map(reason, finding.reasons)),
    )


def reason(why: Reason) -> str:
    """Return the reason in one sentence, led by the repeat, the workers and the engines that it is about."""
    if isinstance(why, reasons.RepeatExcluded):
        text = _("repeat {repeat} excluded; its failures still count: {reasons}")
        return text.format(repeat=(why.repeat or 0) + 1, reasons=clauses(map(reason, why.reasons)))
    about = [] if why.repeat is None else [_("repeat {repeat}").format(repeat=why.repeat + 1)]
    workers = joined(why.workers)
    if isinstance(why, reasons.WorkerLost):
        about.append(_("worker {workers}").format(workers=workers))
    elif workers:
        about.append(workers)
    if why.engines:
        about.append(joined(map(engine, why.engines)))
    return _(": ").join([*about, _text(why)])


def engine(of: EngineNumber) -> str:
    """Return ``engine 2 of 4``."""
    return _("engine {number} of {engines}").format(number=of.number, engines=of.of)


def _text(why: Reason) -> str:
    match why:
        case reasons.WorkerLost():
            text = (
                _("lost after {streams} of its streams had ended; they count ({ended})")
                if why.streams
                else _("lost before any of its streams had ended ({ended})")
            )
            return text.format(streams=f"{why.streams:,}", ended=why.ended)
        case reasons.EndedEarly():
            return _("the cell ended early: {ended}").format(ended=why.ended)
        case reasons.GilOn():
            text = _(
                "Python is free-threaded, and ran with the GIL, which {by} turned on; "
                "PYTHON_GIL=0 keeps it off, at the risk of {by}"
            )
            return text.format(by=why.by)
        case reasons.TooManyErrors():
            text = _("ended after {seconds} s by the stop rule: {failed} of {streams} streams had failed")
            return text.format(
                seconds=f"{why.at_s:.1f}", failed=f"{why.failed:,}", streams=f"{why.streams:,}"
            )
        case reasons.Overloaded():
            text = _(
                "overloaded from t = {since} s: more streams arrived than were served, and TTFT rose until the cell "
                "was ended at {seconds} s; its latencies depend on that time"
            )
            return text.format(since=f"{why.since_s:.1f}", seconds=f"{why.at_s:.1f}")
        case reasons.NothingAfterWarmup():
            text = _(
                "no stream was due after the warm-up of {seconds} s: lengthen load.duration or shorten load.warmup"
            )
            return text.format(seconds=f"{why.warmup_s:g}")
        case reasons.NoneCompleted():
            text = _("0 of {streams} streams completed ({outcomes})")
            return text.format(streams=f"{why.streams:,}", outcomes=_outcomes(why.outcomes))
        case reasons.NoOutput():
            text = _(
                "{silent} of {streams} streams that completed carried no output: no text, no tool call, no refusal"
            )
            return text.format(silent=f"{why.silent:,}", streams=f"{why.streams:,}")
        case reasons.TokensNotUsed():
            return plural(
                why.streams,
                "the server's count of tokens cannot be true and is not used for {n} stream: {tokens} tokens in "
                "{events} events",
                "the server's counts of tokens cannot be true and are not used for {n} streams, such as {tokens} "
                "tokens in {events} events",
                tokens=f"{why.tokens:,}",
                events=f"{why.events:,}",
            )
        case reasons.TargetGone():
            return plural(
                why.streams,
                "the target was gone: the last stream found no server, and none completed after that",
                "the target was gone: the last {n} streams found no server, and none completed after that",
            )
        case reasons.StreamsFailed():
            text = _(
                "{failed} of {streams} streams failed ({share} %: {outcomes}); latencies are those of the others"
            )
            return text.format(
                failed=f"{why.failed:,}",
                streams=f"{why.streams:,}",
                share=f"{100 * why.failed / why.streams:.1f}",
                outcomes=_outcomes(why.outcomes),
            )
        case reasons.ConcurrencyNotReached():
            text = (
                _("target concurrency not reached: the server saw {peak} of {target} streams open")
                if why.seen_by == "server"
                else _("target concurrency not reached: {peak} of {target} streams open")
            )
            lost = _(" (not counting streams of a lost worker)") if why.worker_lost else ""
            return text.format(peak=f"{why.peak:,}", target=f"{why.target:,}") + lost
        case reasons.RateNotOffered():
            text = _("{offered} streams per second were started, {asked} were asked for")
            text = text.format(offered=number(why.offered_per_s), asked=number(why.asked_per_s))
            if not why.not_started:
                return text
            held = plural(
                why.not_started,
                "{n} still waited for load.max_streams at the end, and has no latency",
                "{n} still waited for load.max_streams at the end, and have no latency",
            )
            return _("{text}: {reason}").format(text=text, reason=held)
        case reasons.StartedLate():
            text = _("the client started streams later than scheduled, p{percentile} {late} ms")
            return text.format(percentile=why.percentile, late=f"{why.late_ms:.1f}")
        case reasons.ClockStepped():
            text = _(
                "the wall clock moved by {step} ms against the monotonic clock: no delivery lag; other metrics do not "
                "depend on it"
            )
            return text.format(step=f"{why.step_ms:+.1f}")
        case reasons.SimulatorLate():
            text = _("the simulator sent later than scheduled, p99 {late} ms")
            return text.format(late=f"{why.late_p99_ms:.1f}")
        case reasons.MachineDisturbed():
            text = (
                _("median latency is uncertain: {causes}")
                if why.plus_minus is None
                else _("median latency is uncertain by ±{share}: {causes}")
            )
            return text.format(share=percent(why.plus_minus or 0.0), causes=clauses(map(cause, why.causes)))
        case reasons.ListenQueue():
            if why.event == "overflows":
                return plural(
                    why.number,
                    "the listen queue overflowed once: some connects waited a second or more",
                    "the listen queue overflowed {n} times: some connects waited a second or more",
                )
            return plural(
                why.number,
                "the listen queue dropped connections once: some connects waited a second or more",
                "the listen queue dropped connections {n} times: some connects waited a second or more",
            )
        case reasons.TextHeldBack():
            text = (
                _("whole answers came in one read")
                if 2 * why.whole > why.streams
                else _("{number} text events came in one read on average")
            )
            note = _(
                "{text}: the server, or a proxy before it, holds text back, and TTFT and ITL are those of what holds "
                "it; nginx: proxy_buffering off"
            )
            return note.format(text=text.format(number=number(why.events_per_read)))
        case reasons.SeveralTokens():
            text = _(
                "a text event carries {number} tokens on average: the ITL is the gap between events, the TPOT the time "
                "per token"
            )
            return text.format(number=number(why.tokens_per_event))
        case reasons.FewStreams():
            return plural(
                why.streams,
                "only {n} stream completed, at least {needed} are needed: lengthen load.duration, or raise "
                "load.requests or repeats",
                "only {n} streams completed, at least {needed} are needed: lengthen load.duration, or raise "
                "load.requests or repeats",
                needed=why.needed,
            )
    raise TypeError(f"no sentence for {why}")


def outcome(name: str, n: int) -> str:
    """Return ``connection reset`` or ``connections reset``."""
    return plural(n, *OUTCOMES[name]) if name in OUTCOMES else name


def _outcomes(numbers: Mapping[str, int]) -> str:
    """Return ``3 connections reset, 1 HTTP error``."""
    return joined(
        _("{n} {outcome}").format(n=f"{n:,}", outcome=outcome(name, n)) for name, n in numbers.items()
    )
