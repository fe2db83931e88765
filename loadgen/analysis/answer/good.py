"""Say how many streams hold the objectives of the scenario."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import Good, Summary


def good(evidence: Evidence) -> Iterator[Good]:
    """Yield the share of good streams of every client at every level, with what was missed."""
    slo = evidence.run.info.scenario.workload.slo
    for client, sweep in evidence.sweeps.items():
        limits = slo.of(client).limits
        yield from (
            _good(summary, limits) for summary in sweep if limits and summary.value("good") is not None
        )


def _good(summary: Summary, limits: Mapping[str, float]) -> Good:
    def count(name: str) -> int:
        return int(summary.value(name) or 0)

    return Good(
        client=summary.client,
        level=summary.level,
        limits=limits,
        percent=summary["good_percent"],
        goodput=summary["goodput_per_s"],
        missed={name: count(f"missed_{name}") for name in limits},
        single_gaps=count("single_gaps"),
        failed=count("errors"),
        never_started=count("never_started"),
        not_judged=count("not_judged"),
        cut=count("cut"),
    )
