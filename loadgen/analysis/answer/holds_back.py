"""Say which client holds back requests or tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence, over_rounds
from loadgen.analysis.limits import DELAY_MS, DELAY_SHARE
from loadgen.model import HoldsBack, Limit

METRICS: tuple[Literal["send_delay", "lag"], ...] = ("send_delay", "lag")


def holds_back(evidence: Evidence) -> Iterator[HoldsBack]:
    """Yield each client whose p99, with its whole interval, is beyond the budget, at the highest level where it is.

    What the machine kept waiting is not the client's doing.
    """
    for metric in METRICS:
        column = f"{metric}_p99_ms"
        for client, sweep in evidence.sweeps.items():
            for summary in reversed(sweep):
                delay = effects.never_negative(rounds.values(summary, column).values())
                ttft = next((of for rank in (99, 95, 50) if (of := summary.value(f"ttft_p{rank}_ms"))), 0.0)
                budget = max(DELAY_MS, DELAY_SHARE * ttft)
                if delay is None or delay.low is None or delay.low <= budget:
                    continue
                if summary.limited_by is not Limit.MACHINE:
                    shown = replace(over_rounds(summary, column), low=delay.low)
                    yield HoldsBack(client=client, level=summary.level, metric=metric, delay=shown)
                    break
