"""Which cells were measured again, why, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.analysis.repeats import Repeat, attempts_of, disturbances, least_disturbed
from loadgen.model import ConfidenceCause, RemeasuredFinding, Run, Summary
from loadgen.model.remeasured import Attempt


def findings(run: Run, _: Iterable[Summary]) -> list[RemeasuredFinding]:
    """Return one for every cell that was measured more than once, in the order run."""
    return [_finding(attempts) for attempts in attempts_of(run.recordings) if len(attempts) > 1]


def _finding(repeats: list[Repeat]) -> RemeasuredFinding:
    counted = least_disturbed(repeats)
    attempts = [
        _attempt(repeat, size, causes, included=repeat is counted)
        for repeat, (size, causes) in zip(repeats, disturbances(repeats), strict=True)
    ]
    of = counted.recording
    return RemeasuredFinding(
        verdict="disturbed" if any(a.included and a.disturbance > 1 for a in attempts) else "undisturbed",
        client=of.client,
        level=of.level,
        repeat=of.repeat,
        attempts=tuple(attempts),
        seconds=sum(each.seconds for each in attempts[1:]),
    )


def _attempt(repeat: Repeat, size: float, causes: tuple[ConfidenceCause, ...], *, included: bool) -> Attempt:
    clocks = (m.recording.clock for m in repeat.parts)
    return Attempt(
        attempt=repeat.recording.attempt,
        seconds=max(after[0] - before[0] for before, after in clocks) / 1e9,
        disturbance=size,
        causes=causes,
        included=included,
        ended=next((m.recording.ended for m in repeat.parts if m.recording.ended), ""),
    )
