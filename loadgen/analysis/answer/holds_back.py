"""Say which client holds back requests or tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence
from loadgen.analysis.limits import DELAY_MS, DELAY_SHARE
from loadgen.model import Estimate, HoldsBack

METRICS: tuple[Literal["send_delay", "lag"], ...] = ("send_delay", "lag")


def holds_back(evidence: Evidence) -> Iterator[HoldsBack]:
    """Yield each client whose p99, with its whole interval, is beyond the budget, at the highest level where it is."""
    for metric in METRICS:
        for client, sweep in evidence.sweeps.items():
            for summary in reversed(sweep):
                delay = effects.never_negative(rounds.values(summary, f"{metric}_p99_ms").values())
                ttft = summary.value("ttft_p99_ms") or 0.0
                if delay and delay.low is not None and delay.low > max(DELAY_MS, DELAY_SHARE * ttft):
                    yield HoldsBack(
                        client=client,
                        level=summary.level,
                        metric=metric,
                        delay=Estimate(summary.value(f"{metric}_p99_ms"), delay.low, delay.high, delay.n),
                    )
                    break
