"""Whether a measurement may be believed, and if not, why not: in words, with numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from loadgen.analysis.measures import Measured, present
from loadgen.analysis.percentiles import percentiles
from loadgen.model import Finding, Summary, Validity

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


def of_recording(measured: Measured) -> list[Reason]:
    """What is wrong with one cell by itself, whatever the figures of its repeats together are."""
    return [*_course(measured), *_surroundings(measured)]


def of_pool(
    *,
    counted: int,
    chosen: int,
    ttft_ms: Mapping[int, float | None],
    lag_ms: Mapping[int, float | None],
    cpu_share: float | None,
) -> list[Reason]:
    """What is wrong with the figures of all repeats together.

    ``counted`` streams were due after the warm-up and ``chosen`` of them are ok; ``cpu_share`` is the
    engine's CPU time divided by the window and its cores. ``ttft_ms`` and ``lag_ms`` have p50 and p99; like is
    compared with like, since a rare lag touches rare values only.
    """
    reasons: list[Reason] = []
    if counted and 0 < chosen < FEW_STREAMS_SUSPECT:
        reasons.append(
            (
                Validity.SUSPECT,
                f"only {_streams(chosen)} counted; {FEW_STREAMS_SUSPECT} are the least to judge by: "
                "lengthen load.duration, or raise load.requests or repeats",
            )
        )
    for rank in (99, 50):
        lag, ttft = lag_ms[rank], ttft_ms[rank]
        if lag is None or not ttft:
            continue
        if lag > max(LAG_SUSPECT_MS, LAG_SHARE * ttft):
            busy = ""
            if cpu_share is not None:
                state = "saturated" if cpu_share > SATURATED else "not saturated"
                busy = f"; the engine used {cpu_share:.0%} of its cores' time and was {state}"
            reasons.append(
                (
                    Validity.SUSPECT,
                    f"the client's own lag, p{rank} {lag:.1f} ms, is {lag / ttft:.0%} of the TTFT's p{rank} of "
                    f"{ttft:.1f} ms: read it as the client's limit, not the server's{busy}",
                )
            )
            break
    return reasons


def findings(summaries: Iterable[Summary]) -> list[Finding]:
    """One for every client and concurrency that is not plainly valid."""
    return [
        Finding(
            kind="validity",
            id=f"{summary.client}@{summary.concurrency}",
            verdict=summary.validity.value,
            statement=f"{summary.client} at {_streams(summary.concurrency)} is {summary.validity.value}",
            evidence=summary.reasons,
        )
        for summary in summaries
        if summary.validity is not Validity.VALID
    ]


def _course(measured: Measured) -> Iterator[Reason]:
    recording = measured.recording
    asked = recording.concurrency
    if recording.ended:
        yield Validity.INVALID, f"the cell did not run to its end: {recording.ended}"
    counted = int(measured.counted.sum())
    if not counted:
        warmup_s = (recording.window[0] - recording.start) / 1e9
        yield (
            Validity.INVALID,
            f"no stream was due after the warm-up of {warmup_s:g} s, so nothing counts: "
            "lengthen load.duration or shorten load.warmup",
        )
        return
    failed = int((measured.counted & measured.failed).sum())
    if not measured.chosen.any():
        yield Validity.INVALID, f"none of the {_streams(counted)} completed{_outcomes(measured)}"
    elif failed > FAILED_SUSPECT * counted:
        yield (
            Validity.SUSPECT,
            f"{failed} of {_streams(counted)} failed ({failed / counted:.1%}){_outcomes(measured)}; "
            "latencies are those of the others",
        )
    live = measured.live_peak
    if live is not None and live < LIVE_SUSPECT * asked:
        verdict = Validity.INVALID if live < LIVE_INVALID * asked else Validity.SUSPECT
        yield verdict, f"{live} streams were open at once at most, not the {asked} asked for"
    delay = (measured.column("start") - measured.column("due"))[measured.counted]
    late = percentiles(present(delay), [99, 50])
    worst = late[99] if late[99] is not None else late[50]
    ttft = percentiles(present(measured.ttft[measured.chosen]), [50])[50] or 0.0
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


def _surroundings(measured: Measured) -> Iterator[Reason]:
    recording, machine, server = measured.recording, measured.recording.machine, measured.recording.server
    if server is not None:
        late = server.late_p99_ms
        if late is not None and late > SERVER_LATE_SUSPECT_MS:
            verdict = Validity.INVALID if late > SERVER_LATE_INVALID_MS else Validity.SUSPECT
            yield verdict, f"the simulator sent later than scheduled, p99 {late:.1f} ms"
        least = math.ceil(LIVE_SUSPECT * recording.concurrency)
        if server.open_peak < least:
            verdict = (
                Validity.INVALID
                if server.open_peak < LIVE_INVALID * recording.concurrency
                else Validity.SUSPECT
            )
            yield (
                verdict,
                f"the server itself saw at most {_streams(server.open_peak)} open at once, "
                f"not the {recording.concurrency} asked for",
            )
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


def _outcomes(measured: Measured) -> str:
    names = measured.outcome[measured.counted & ~measured.ok]
    told = ", ".join(f"{int((names == name).sum())} {name}" for name in sorted(set(names.tolist())))
    return f": {told}" if told else ""


def _streams(number: int) -> str:
    return f"{number:,} stream" if number == 1 else f"{number:,} streams"
