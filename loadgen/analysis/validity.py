"""Whether a measurement may be believed, and if not, why not: in words, with numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadgen.analysis.measures import Measured, present
from loadgen.analysis.percentiles import percentiles
from loadgen.analysis.repeats import Repeat
from loadgen.model import Summary, TextFinding, Validity

# What makes a measurement suspect, and what invalid.
LIVE_SUSPECT = 0.99  # streams open at once, as a share of the concurrency asked for
LIVE_INVALID = 0.90
FAILED_SUSPECT = 0.01  # share of streams
SERVER_LATE_SUSPECT_MS = 5.0  # p99 of the simulator's actual minus scheduled send time
SERVER_LATE_INVALID_MS = 50.0
OTHERS_SUSPECT = 0.10  # share of the engine's cores that other processes took
STEAL_SUSPECT = 0.10  # and that the hypervisor took
SCHEDULE_LATE_SUSPECT_MS = 50.0  # p99 of start minus due; both this and
SCHEDULE_LATE_SHARE = 0.10  # this share of the median TTFT
FEW_STREAMS_SUSPECT = 10  # counted streams
LAG_SUSPECT_MS = 5.0  # the client's own lag; both this and
LAG_SHARE = 0.10  # this share of the TTFT of the same percentile
SATURATED = 0.90  # share of its cores

Reason = tuple[Validity, str]

_ORDER = (Validity.VALID, Validity.SUSPECT, Validity.INVALID)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and its reasons; no reason when valid."""

    validity: Validity
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, reasons: Iterable[Reason]) -> Judgement:
        """The worst of the reasons decides; the gravest are named first."""
        ordered = sorted(reasons, key=lambda reason: -_ORDER.index(reason[0]))
        return cls(ordered[0][0] if ordered else Validity.VALID, tuple(text for _, text in ordered))


def of_repeat(repeat: Repeat) -> list[Reason]:
    """What is wrong with one repeat by itself, whatever the figures of all repeats together are.

    Its parts are judged together where figures are theirs together, and each by itself where one can spoil them;
    those reasons name the workers. What makes a part invalid, or ended it early, makes the repeat suspect while
    another part stands.
    """
    # a worker that was given no stream is neither well nor ill
    parts = [m for m in repeat.parts if m.recording.share != 0 or len(m.outcome)] or repeat.parts
    going = any(not m.recording.ended for m in parts)
    lost = [m for m in parts if going and m.recording.ended and m.recording.worker]
    courses = [[] if m in lost else list(_course(m, alone=len(parts) == 1)) for m in parts]
    stands = any(
        m not in lost and Judgement.of(of).validity is not Validity.INVALID
        for m, of in zip(parts, courses, strict=True)
    )
    return [
        *((Validity.SUSPECT, _loss(m)) for m in lost),
        *((Validity.SUSPECT if stands else verdict, text) for verdict, text in _named(parts, courses)),
        *_together(repeat, lost=bool(lost)),
        *_named(parts, [list(_clocks(m)) for m in parts]),
        *(reason for m in parts for reason in _server(m)),
        *_named(parts, [list(_machine(m)) for m in parts]),
    ]


def of_pool(
    *,
    counted: int,
    chosen: int,
    ttft_ms: Mapping[int, float | None],
    lag_ms: Mapping[int, float | None],
    send_delay_ms: Mapping[int, float | None],
    cpu_share: float | None,
) -> list[Reason]:
    """What is wrong with the figures of all repeats together.

    ``counted`` streams were due after the warm-up and ``chosen`` of them are ok; ``cpu_share`` is the
    engine's CPU time divided by the window and its cores. ``ttft_ms``, ``lag_ms`` and ``send_delay_ms`` have
    p50 and p99; like is compared with like, since a rare lag touches rare values only.
    """
    reasons: list[Reason] = []
    if counted and 0 < chosen < FEW_STREAMS_SUSPECT:
        reasons.append(
            (
                Validity.SUSPECT,
                f"only {streams_told(chosen)} counted; {FEW_STREAMS_SUSPECT} are the least to judge by: "
                "lengthen load.duration, or raise load.requests or repeats",
            )
        )
    busy = ""
    if cpu_share is not None:
        state = "saturated" if cpu_share > SATURATED else "not saturated"
        busy = f"; the engine used {cpu_share:.0%} of its cores' time and was {state}"
    for what, share_ms in (
        ("the client's own lag", lag_ms),
        ("the time until the server had the request", send_delay_ms),
    ):
        for rank in (99, 50):
            share, ttft = share_ms[rank], ttft_ms[rank]
            if share is not None and ttft and share > max(LAG_SUSPECT_MS, LAG_SHARE * ttft):
                reasons.append(
                    (
                        Validity.SUSPECT,
                        f"{what}, p{rank} {share:.1f} ms, is {share / ttft:.0%} of the TTFT's p{rank} of "
                        f"{ttft:.1f} ms: read it as the client's limit, not the server's{busy}",
                    )
                )
                break
    return reasons


def findings(summaries: Iterable[Summary]) -> list[TextFinding]:
    """One for every client and concurrency that is not plainly valid."""
    return [
        TextFinding(
            kind="validity",
            id=f"{summary.client}@{summary.level.value:g}",
            verdict=summary.validity.value,
            statement=f"{summary.client} at {summary.level} is {summary.validity.value}",
            evidence=summary.reasons,
        )
        for summary in summaries
        if summary.validity is not Validity.VALID
    ]


def _named(parts: Sequence[Measured], reasons: Sequence[Sequence[Reason]]) -> list[Reason]:
    """The reasons of the parts with the names of their workers, equal ones told once."""
    told: dict[Reason, list[str]] = {}
    for m, own in zip(parts, reasons, strict=True):
        for reason in own:
            told.setdefault(reason, []).append(m.recording.worker)
    return [
        (verdict, f"{', '.join(workers)}: {text}" if any(workers) else text)
        for (verdict, text), workers in told.items()
    ]


def _loss(measured: Measured) -> str:
    recording = measured.recording
    ended = len(measured.outcome)
    when = (
        f"after {ended:,} of its streams had ended; they count" if ended else "before a stream of its ended"
    )
    return f"worker {recording.worker} was lost {when} (reason: {recording.ended})"


def _course(measured: Measured, *, alone: bool) -> Iterator[Reason]:
    recording = measured.recording
    if recording.ended:
        yield Validity.INVALID, f"the cell did not run to its end: {recording.ended}"
    counted = int(measured.after_warmup.sum())
    if not counted:
        warmup_s = (recording.window[0] - recording.start) / 1e9
        yield (
            Validity.INVALID,
            f"no stream was due after the warm-up of {warmup_s:g} s, so nothing counts: "
            "lengthen load.duration or shorten load.warmup",
        )
    elif not measured.included.any():
        yield Validity.INVALID, f"none of the {streams_told(counted)} completed{_outcomes([measured])}"
    if counted and not alone:
        yield from _live(Repeat((measured,)), recording.max_streams)


def _together(repeat: Repeat, *, lost: bool) -> Iterator[Reason]:
    """``lost``: a worker went, and with it the record of the streams that it had open."""
    counted = sum(int(m.after_warmup.sum()) for m in repeat.parts)
    failed = sum(int((m.after_warmup & m.failed).sum()) for m in repeat.parts)
    if failed > FAILED_SUSPECT * counted and any(m.included.any() for m in repeat.parts):
        yield (
            Validity.SUSPECT,
            f"{failed} of {streams_told(counted)} failed ({failed / counted:.1%}){_outcomes(repeat.parts)}; "
            "latencies are those of the others",
        )
    if counted:
        for verdict, text in _live(repeat, repeat.recording.level.streams or 0):
            if lost:
                yield Validity.SUSPECT, f"{text} (what was open when a worker was lost left no record)"
            else:
                yield verdict, text


def _live(repeat: Repeat, asked: int) -> Iterator[Reason]:
    live = repeat.live_peak
    if live is not None and live < LIVE_SUSPECT * asked:
        verdict = Validity.INVALID if live < LIVE_INVALID * asked else Validity.SUSPECT
        yield verdict, f"{live} streams were open at once at most, not the {asked} asked for"


def _clocks(measured: Measured) -> Iterator[Reason]:
    """Of the schedule, and of the clock that it is held by."""
    if not measured.after_warmup.any():
        return
    delay = (measured.column("start") - measured.column("due"))[measured.after_warmup]
    late = percentiles(present(delay), [99, 50])
    worst = late[99] if late[99] is not None else late[50]
    ttft = percentiles(present(measured.ttft[measured.included]), [50])[50] or 0.0
    if worst is not None and worst > max(SCHEDULE_LATE_SUSPECT_MS, SCHEDULE_LATE_SHARE * ttft):
        rank = "p99" if late[99] is not None else "median"
        yield (
            Validity.SUSPECT,
            f"streams were started later than scheduled, {rank} {worst:.1f} ms: "
            "read the corrected figures, which count from the schedule",
        )
    if measured.clock_stepped:
        yield (
            Validity.SUSPECT,
            f"the wall clock moved by {measured.clock_step_ns / 1e6:+.1f} ms against the monotonic clock "
            "during the cell, so its lag is void; the other figures do not depend on it",
        )


def _server(measured: Measured) -> Iterator[Reason]:
    recording, server = measured.recording, measured.recording.server
    if server is None:
        return
    late = server.late_p99_ms
    if late is not None and late > SERVER_LATE_SUSPECT_MS:
        verdict = Validity.INVALID if late > SERVER_LATE_INVALID_MS else Validity.SUSPECT
        yield verdict, f"the simulator sent later than scheduled, p99 {late:.1f} ms"
    asked = recording.level.streams or 0
    if server.open_peak < math.ceil(LIVE_SUSPECT * asked):
        few = server.open_peak < LIVE_INVALID * asked
        yield (
            Validity.INVALID if few else Validity.SUSPECT,
            f"the server itself saw at most {streams_told(server.open_peak)} open at once, "
            f"not the {asked} asked for",
        )


def _machine(measured: Measured) -> Iterator[Reason]:
    machine = measured.recording.machine
    if machine is None:
        return
    capacity = machine.window_ns * (machine.engine_cores or 1)
    if capacity > 0:
        for taken, limit, who in (
            (machine.others_ns, OTHERS_SUSPECT, "other processes"),
            (machine.steal_ns, STEAL_SUSPECT, "the hypervisor"),
        ):
            if taken is not None and taken > limit * capacity:
                yield (
                    Validity.SUSPECT,
                    f"the machine was short of CPU: {who} took {taken / capacity:.0%} of the engine's cores",
                )
    for number, what in ((machine.listen_overflows, "overflows"), (machine.listen_drops, "drops")):
        if number:
            yield (
                Validity.SUSPECT,
                f"{number} listen-queue {what} on this machine: some connects waited a second or more",
            )


def _outcomes(parts: Sequence[Measured]) -> str:
    names = Counter(name for m in parts for name in m.outcome[m.after_warmup & ~m.ok].tolist())
    told = ", ".join(f"{number} {name}" for name, number in sorted(names.items()))
    return f": {told}" if told else ""


def streams_told(number: int) -> str:
    """``1 stream``, ``1,000 streams``."""
    return f"{number:,} stream" if number == 1 else f"{number:,} streams"
