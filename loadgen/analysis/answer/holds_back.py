"""Say which client holds back requests or tokens, and whether anything shows that it is the client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence, over_rounds
from loadgen.analysis.delivery_lag import CLIENTS, MIN_EXPLAINED, by_cause
from loadgen.analysis.limits import DELAY_MS, DELAY_SHARE
from loadgen.model import HoldsBack, Limit

METRICS: tuple[Literal["send_delay", "lag"], ...] = ("send_delay", "lag")


def holds_back(evidence: Evidence) -> Iterator[HoldsBack]:
    """Yield each client whose p99, with its whole interval, is beyond the budget, at the highest level where it is.

    What the machine kept waiting is not the client's doing. It is ``shown`` to be the client's where causes of its own
    explain half of the delays.
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
                    late = replace(over_rounds(summary, column), low=delay.low)
                    causes = by_cause(evidence.repeats_of(summary), first=metric == "send_delay")
                    own = sum(share for cause, share in causes.items() if cause in CLIENTS)
                    yield HoldsBack(
                        client=client,
                        level=summary.level,
                        metric=metric,
                        delay=late,
                        shown=own >= MIN_EXPLAINED,
                    )
                    break
