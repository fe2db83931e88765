"""Say up to which rate of arrivals the server keeps up, how long its users then wait, and what happens above."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadgen.analysis.answer.evidence import FEW, Evidence, failed, keeps_up, over_rounds, overloaded, share
from loadgen.analysis.backlog import may_grow
from loadgen.model import Carries, Estimate, HeldBack, Summary

LATENCIES = (
    "ttft_corrected_p95_ms",
    "ttft_corrected_p50_ms",
)  # the second where too few streams have the first


def carries(evidence: Evidence) -> Iterator[Carries]:
    """Yield, for each client of an open load, the rate up to which the server keeps up, and the next one.

    It does where the backlog does not grow and hardly a stream fails: who refuses what is too much has no backlog.
    Where the backlog may grow, it is not clear.
    """
    for client, sweep in evidence.sweeps.items():
        measured = [s for s in sweep if s.level.rate is not None]
        holds = measured[: next((n for n, s in enumerate(measured) if not keeps_up(s)), len(measured))]
        unclear = next((n for n, s in enumerate(holds) if any(map(may_grow, evidence.repeats_of(s)))), None)
        holds = holds[:unclear]
        fails = measured[len(holds)] if len(holds) < len(measured) else None
        if measured:
            metric, latency = _worst(holds)
            yield Carries(
                client=client,
                holds=holds[-1].level if holds else None,
                lowest=measured[0].level,
                metric=metric,
                latency=latency,
                fails=fails.level if fails else None,
                limit=fails.limited_by if fails else None,
                completed=over_rounds(fails, "completed_per_s") if fails else Estimate(),
                growth=over_rounds(fails, "backlog_growth_per_s") if fails else Estimate(),
                unclear=unclear is not None,
                stages=bool(evidence.run.info.scenario.workload.load.stages),
                failed=failed(fails) if fails and not overloaded(fails) else 0.0,
            )


def held_back(evidence: Evidence) -> Iterator[HeldBack]:
    """Yield, for each client, the level at which the most arrivals waited for one of the streams that may be open."""
    for client, sweep in evidence.sweeps.items():
        most = max(sweep, key=lambda s: share(s, "held_back_per_s") + share(s, "not_started_per_s"))
        held, never = (share(most, name) for name in ("held_back_per_s", "not_started_per_s"))
        waits = ((rank, over_rounds(most, f"held_p{rank}_ms")) for rank in (99, 95, 90, 50))
        rank, wait = next((of for of in waits if of[1].value is not None), (50, Estimate(0.0)))
        if max(held, never) > FEW:
            yield HeldBack(
                client=client,
                level=most.level,
                held=held,
                never=never,
                percentile=rank,
                wait=wait,
                max_streams=evidence.run.info.scenario.workload.load.max_streams,
            )


def _worst(summaries: Sequence[Summary]) -> tuple[str, Estimate]:
    """Return the latency that most streams of all these stay below, the highest of them."""
    for metric in LATENCIES:
        found = [of for s in summaries if (of := over_rounds(s, metric)).value is not None]
        if found and len(found) == len(summaries):
            return metric, max(found, key=lambda of: of.value or 0.0)
    return LATENCIES[0], Estimate()
