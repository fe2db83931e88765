"""Say which load a client carries on several cores: it held the schedule, and read in time."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis import rounds
from loadgen.analysis.answer.evidence import FEW, Evidence, failed, over_rounds
from loadgen.model import Limit, OnCores, Summary

LAG_MS = 10.0  # the budget of `loadgen limit`
HELD = 0.99  # of the streams of the level in flight at once


def on_cores(evidence: Evidence) -> Iterator[OnCores]:
    """Yield, for each client that several engines ran, the highest level that it carries on them.

    Its p99 of delivery lag, and of the start delay where there is a schedule, is within the budget, as many streams as
    asked for were in flight at once, hardly one failed, and neither the client nor the machine was the limit.
    """
    for client, sweep in rounds.sweeps(rounds.valid(evidence.summaries)).items():
        found = [(s, engines) for s in sweep if (engines := _engines(evidence, s)) > 1 and _carried(s)]
        if found and not client.control:
            summary, engines = found[-1]
            yield OnCores(
                client=client, level=summary.level, engines=engines, lag_ms=over_rounds(summary, "lag_p99_ms")
            )


def _engines(evidence: Evidence, summary: Summary) -> int:
    """Return on how many engines of one machine all repeats ran; 1 where they differ, or workers ran them."""
    numbers = {
        len(repeat.parts) if all(m.recording.engine for m in repeat.parts) else 1
        for repeat in evidence.repeats_of(summary)
    }
    return numbers.pop() if len(numbers) == 1 else 1


def _carried(summary: Summary) -> bool:
    lag, late = (over_rounds(summary, f"{name}_p99_ms").value for name in ("lag", "start_delay"))
    peak = summary.value("live_peak") or 0.0
    return (
        lag is not None
        and max(lag, late or 0.0) <= LAG_MS
        and peak >= HELD * (summary.level.streams or 0)
        and failed(summary) <= FEW
        and summary.limited_by not in (Limit.CLIENT, Limit.MACHINE)
    )
