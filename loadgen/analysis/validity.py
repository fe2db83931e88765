"""Decide whether a measurement is valid, and give the reasons if it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from loadgen.analysis import plausible
from loadgen.analysis.machine import SIMULATOR_LATE_MS, Values, late_start, start_figures
from loadgen.analysis.measures import Measured
from loadgen.analysis.repeats import Repeat
from loadgen.model import (
    Grade,
    Group,
    Limit,
    Outcome,
    Reason,
    Run,
    Stopped,
    Summary,
    Validity,
    ValidityFinding,
    reasons,
)
from loadgen.model.confidence import MACHINE
from loadgen.model.recording import PYTHON_GIL

# What makes a measurement suspect, and what invalid.
LIVE_SUSPECT = 0.99  # streams in flight at once, as a share of the target concurrency
LIVE_INVALID = 0.90
FAILED_SUSPECT = 0.01  # share of streams
SILENT_SUSPECT = 0.01  # share of the streams that completed which carried no output; all: invalid
RATE_SUSPECT = 0.01  # share of the arrivals asked for that were not offered, or were too many
FEW_STREAMS_SUSPECT = 10  # streams that are included
GONE = {Outcome.REFUSED.value, Outcome.UNRESOLVED.value}  # nothing listens
MIN_GONE = 5  # streams that end so at the end of a cell: the target is gone
MIN_ROUNDS = 3  # from so many repeats on, intervals come from what they differ by

SUSPECT, INVALID = Validity.SUSPECT, Validity.INVALID


def verdict(against: Iterable[Reason]) -> Validity:
    """Return the validity that the most serious reason leads to; valid without reasons."""
    found = {reason.validity for reason in against}
    return INVALID if INVALID in found else SUSPECT if SUSPECT in found else Validity.VALID


def ordered(against: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return the reasons, the most serious first, otherwise in the same order."""
    places = (INVALID, SUSPECT, Validity.VALID)
    return tuple(sorted(against, key=lambda reason: places.index(reason.validity)))


def of_repeat(repeat: Repeat) -> list[Reason]:
    """Return the reasons against one repeat by itself.

    Reasons about one part name its worker or engine. What makes a worker's part invalid, or ended it early, makes the
    repeat only suspect while another part is valid. Engines of one machine are judged together: each has only a share.
    """
    # nothing speaks for or against a worker without streams
    parts = [m for m in repeat.parts if m.recording.share != 0 or len(m.outcome)] or repeat.parts
    going = any(not m.recording.ended for m in parts)
    lost = [m for m in parts if going and m.recording.ended and m.recording.worker]
    singles = [[m] for m in parts]
    groups = [list(parts)] if all(m.recording.engine for m in parts) else singles
    courses = [[] if of[0] in lost else list(_course(of, alone=len(groups) == 1)) for of in groups]
    stands = any(
        of[0] not in lost and verdict(course) is not INVALID
        for of, course in zip(groups, courses, strict=True)
    )
    return [
        *(
            reasons.WorkerLost(
                validity=SUSPECT,
                workers=(m.recording.worker,),
                streams=len(m.outcome),
                ended=m.recording.ended,
            )
            for m in lost
        ),
        *(replace(r, validity=SUSPECT) if stands else r for r in _by_part(groups, courses)),
        *_together(repeat, lost=bool(lost)),
        *_by_part(singles, [[*_clocks(m), *_counts(m), *_gil(m)] for m in parts]),
        *(reason for m in parts for reason in _server(m)),
        *_by_part(singles, [list(_listen_queue(m)) for m in parts]),
    ]


def of_repeats(repeats: Sequence[Repeat], against: Sequence[Sequence[Reason]]) -> list[Reason]:
    """Return the reasons against single repeats, numbered where there are several.

    An invalid repeat is excluded if another is not, which makes all of them together suspect.
    """
    if len(repeats) == 1:
        return list(against[0])
    stands = any(verdict(of) is not INVALID for of in against)
    found: list[Reason] = []
    for repeat, of in zip(repeats, against, strict=True):
        number = repeat.recording.repeat
        if stands and verdict(of) is INVALID:
            found.append(reasons.RepeatExcluded(validity=SUSPECT, repeat=number, reasons=ordered(of)))
        else:
            found += (replace(reason, repeat=number) for reason in of)
    return found


def of_pool(included: int, rounds: int) -> Iterator[Reason]:
    """Yield the reasons against all repeats together.

    ``included`` streams of ``rounds`` repeats are ok and were due after the warm-up. Few of them are a reason only
    where the rounds are too few for an interval, which otherwise shows what few streams cannot tell.
    """
    if 0 < included < FEW_STREAMS_SUSPECT and rounds < MIN_ROUNDS:
        yield reasons.FewStreams(validity=SUSPECT, streams=included, needed=FEW_STREAMS_SUSPECT)


def standing(against: Iterable[Reason], limit: Limit | None) -> list[Reason]:
    """Return the reasons less those that are a result: what a client at its own limit started or read late."""
    results = reasons.StartedLate, reasons.TextHeldBack
    return [r for r in against if limit is not Limit.CLIENT or not isinstance(r, results)]


def settled(summary: Summary) -> Summary:
    """Return the summary with the validity that follows from its confidence and its limit too.

    A median that machine and simulator made uncertain is a reason too.
    """
    found = standing(summary.reasons, summary.limited_by)
    median = summary.confidence.get(Group.MEDIAN)
    if median and median.grade is Grade.LOW:
        causes = tuple(cause for cause in median.causes if isinstance(cause, MACHINE))
        others = [cause.effect or 0.0 for cause in median.causes if not isinstance(cause, MACHINE)]
        if causes and (causes[0].effect is None or causes[0].effect >= max(others, default=0.0)):
            disturbed = reasons.MachineDisturbed(
                validity=SUSPECT, plus_minus=median.plus_minus, causes=causes
            )
            found.append(disturbed)
    return replace(summary, reasons=ordered(found), validity=verdict(found))


def findings(_: Run, summaries: Iterable[Summary]) -> list[ValidityFinding]:
    """Return one finding for every client and level that is not valid."""
    return [
        ValidityFinding(
            verdict="invalid" if summary.validity is INVALID else "suspect",
            client=summary.client,
            level=summary.level,
            reasons=summary.reasons,
        )
        for summary in summaries
        if summary.validity is not Validity.VALID
    ]


def _by_part(groups: Sequence[Sequence[Measured]], against: Sequence[Sequence[Reason]]) -> list[Reason]:
    """Return the reasons of the parts, equal ones merged, with their workers, and with their engines if not all."""
    found: list[tuple[Reason, list[Measured]]] = []
    parts = sum(map(len, groups))
    for group, own in zip(groups, against, strict=True):
        for reason in own:
            of = next((of for other, of in found if other == reason), None)
            if of is None:
                found.append((reason, of := []))
            of += group
    return [
        replace(
            reason,
            workers=tuple(m.recording.worker for m in of if m.recording.worker),
            engines=tuple(m.recording.engine for m in of if m.recording.engine and len(of) < parts),
        )
        for reason, of in found
    ]


def _course(parts: Sequence[Measured], *, alone: bool) -> Iterator[Reason]:
    recording = parts[0].recording
    for ended in dict.fromkeys(m.recording.ended for m in parts if m.recording.ended):
        yield reasons.EndedEarly(validity=INVALID, ended=ended)
    streams = sum(int(m.after_warmup.sum()) for m in parts)
    if not streams:
        yield reasons.NothingAfterWarmup(
            validity=INVALID, warmup_s=(recording.window[0] - recording.start) / 1e9
        )
    elif not any(m.included.any() for m in parts):
        yield reasons.NoneCompleted(validity=INVALID, streams=streams, outcomes=_outcomes(parts))
    else:
        yield from _silent(parts)
        if gone := gone_streams(parts):
            yield reasons.TargetGone(validity=INVALID, streams=gone)
    # users of conversations think, and what ended early need not have come so far
    if streams and not alone and recording.stopped is None and not recording.workload.conversations:
        yield from not_reached(Repeat((*parts,)).live_peak, recording.max_streams)


def gone_streams(parts: Sequence[Measured]) -> int:
    """Return how many streams, the last ones started, found no server; 0 where they are few, or others went on."""
    start, end = (
        np.concatenate([getattr(m.streams, mark) - m.recording.start for m in parts])
        for mark in ("start", "end")
    )
    outcome, ok = np.concatenate([m.outcome for m in parts]), np.concatenate([m.ok for m in parts])
    order = np.argsort(start, kind="stable")
    order = order[outcome[order] != Outcome.STOPPED]
    found = np.isin(outcome[order], [*GONE])
    number = len(found) if found.all() else int(found[::-1].argmin())
    if number < min(MIN_GONE, len(found)) or not number:
        return 0
    return number if not (end[ok] > start[order[-number]]).any() else 0


def target_gone(summaries: Iterable[Summary]) -> bool:
    """Return whether the target died while it was measured, or never answered."""
    found = [reason for summary in summaries for reason in summary.reasons]
    found += [r for reason in found if isinstance(reason, reasons.RepeatExcluded) for r in reason.reasons]
    return any(
        isinstance(r, reasons.TargetGone)
        or (isinstance(r, reasons.NoneCompleted) and set(r.outcomes) <= GONE)
        for r in found
    )


def _silent(parts: Sequence[Measured]) -> Iterator[Reason]:
    streams = sum(int(m.included.sum()) for m in parts)
    silent = sum(int((m.included & m.silent).sum()) for m in parts)
    if silent > SILENT_SUSPECT * streams:
        yield reasons.NoOutput(
            validity=INVALID if silent == streams else SUSPECT, silent=silent, streams=streams
        )


def stopped(of: Stopped) -> Reason:
    """Return the reason that a rule of the scenario ended a cell before its time; what was measured still counts."""
    if of.why == "overload":
        return reasons.Overloaded(validity=SUSPECT, since_s=of.since_s, at_s=of.at_s)
    return reasons.TooManyErrors(validity=SUSPECT, at_s=of.at_s, failed=of.failed, streams=of.streams)


def _together(repeat: Repeat, *, lost: bool) -> Iterator[Reason]:
    """``lost``: a worker was lost, and with it the record of the streams that it had in flight."""
    if (early := repeat.recording.stopped) is not None:
        yield stopped(early)
    streams = sum(int(m.after_warmup.sum()) for m in repeat.parts)
    failed = sum(int((m.after_warmup & m.failed).sum()) for m in repeat.parts)
    if failed > FAILED_SUSPECT * streams and any(m.included.any() for m in repeat.parts):
        yield reasons.StreamsFailed(
            validity=SUSPECT, failed=failed, streams=streams, outcomes=_outcomes(repeat.parts)
        )
    if streams and early is None and not repeat.recording.workload.conversations:
        for reason in not_reached(repeat.live_peak, repeat.recording.level.streams or 0):
            yield replace(reason, validity=SUSPECT, worker_lost=True) if lost else reason
        yield from _rate(repeat)


def _rate(repeat: Repeat) -> Iterator[Reason]:
    """Yield that another rate was offered to the server than asked for: arrivals are missing, or never started.

    Of a schedule whose rate does not change, and that ran to its end. A single arrival is the rounding of their number.
    """
    of = repeat.recording
    load = of.workload.load
    if of.level.rate is None or load.seconds is None or load.rates or of.stopped or of.ended:
        return
    seconds = (of.window[1] - of.start) / 1e9
    streams, asked = sum(len(m.streams) for m in repeat.parts), of.level.rate * seconds
    if abs(streams - asked) > max(1.0, RATE_SUSPECT * asked):
        yield reasons.RateNotOffered(
            validity=SUSPECT,
            asked_per_s=of.level.rate,
            offered_per_s=streams / seconds,
            not_started=repeat.not_started,
        )


def not_reached(
    peak: int | None, target: int, seen_by: Literal["client", "server"] = "client"
) -> Iterator[reasons.ConcurrencyNotReached]:
    """Yield that so many streams were never in flight at once."""
    if peak is not None and peak < LIVE_SUSPECT * target:
        validity = INVALID if peak < LIVE_INVALID * target else SUSPECT
        yield reasons.ConcurrencyNotReached(validity=validity, peak=peak, target=target, seen_by=seen_by)


def started_late(known: Values) -> Iterator[Reason]:
    """Yield that streams started late, by the percentiles of TTFT and start delay."""
    if late := late_start(known):
        yield reasons.StartedLate(validity=SUSPECT, percentile=late[0], late_ms=late[1])


def _clocks(measured: Measured) -> Iterator[Reason]:
    if not measured.after_warmup.any():
        return
    yield from started_late(start_figures([measured]))
    if measured.clock_stepped:
        yield reasons.ClockStepped(validity=SUSPECT, step_ms=measured.clock_step_ns / 1e6)


def _counts(measured: Measured) -> Iterator[Reason]:
    absurd = plausible.absurd(measured.streams) & measured.after_warmup
    if absurd.any():
        of = measured.streams.rows(absurd)
        most = int(of.server_tokens.argmax())
        yield reasons.TokensNotUsed(
            validity=SUSPECT,
            streams=len(of),
            tokens=int(of.server_tokens[most]),
            events=int(of.text_events[most]),
        )


def _gil(measured: Measured) -> Iterator[Reason]:
    by = measured.recording.gil
    if by and by != PYTHON_GIL:  # which the user has set
        yield reasons.GilOn(validity=SUSPECT, by=by)


def _server(measured: Measured) -> Iterator[Reason]:
    recording, server = measured.recording, measured.recording.server
    if server is None:
        return
    late = server.late_p99_ms
    if late is not None and late > SIMULATOR_LATE_MS:
        yield reasons.SimulatorLate(validity=INVALID, late_p99_ms=late)
    limited = recording.client.options.get("limits") == "default"  # what its library allows is the result
    if recording.stopped is None and not recording.workload.conversations and not limited:
        yield from not_reached(server.open_peak, recording.level.streams or 0, "server")


def _listen_queue(measured: Measured) -> Iterator[Reason]:
    machine = measured.recording.machine
    if machine is not None and machine.listen_overflows:
        yield reasons.ListenQueue(validity=SUSPECT, event="overflows", number=machine.listen_overflows)
    if machine is not None and machine.listen_drops:
        yield reasons.ListenQueue(validity=SUSPECT, event="drops", number=machine.listen_drops)


def _outcomes(parts: Sequence[Measured]) -> dict[str, int]:
    """Return how many streams had each outcome other than ok."""
    names = Counter(name for m in parts for name in m.outcome[m.after_warmup & ~m.ok].tolist())
    return dict(sorted(names.items()))
