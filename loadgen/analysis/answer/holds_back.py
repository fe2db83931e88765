"""Say which client holds back requests or tokens, and whether anything shows that it is the client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence, over_rounds
from loadgen.analysis.delivery_lag import CLIENTS, MIN_EXPLAINED, NOBODYS, by_cause
from loadgen.analysis.limits import DELAY_MS, DELAY_SHARE
from loadgen.model import Cause, HoldsBack, Limit

Metric = Literal["start_delay", "send_delay", "lag"]
METRICS: tuple[Metric, ...] = ("send_delay", "lag")


def holds_back(evidence: Evidence) -> Iterator[HoldsBack]:
    """Yield each client whose p99, with its whole interval, is beyond the budget, at the highest level where it is.

    What the machine or the server is known to have delayed is left out. It is ``shown`` to be the client's doing where
    causes of its own explain half of the delays; and not where half, or all of them, are unexplained.
    """
    for metric in ("start_delay", *METRICS) if evidence.is_open else METRICS:
        column = f"{metric}_p99_ms"
        for client, sweep in evidence.sweeps.items():
            for summary in reversed(sweep):
                delay = effects.never_negative(rounds.values(summary, column).values())
                ttft = next((of for rank in (99, 95, 50) if (of := summary.value(f"ttft_p{rank}_ms"))), 0.0)
                budget = max(DELAY_MS, DELAY_SHARE * ttft)
                if delay is None or delay.low is None or delay.low <= budget:
                    continue
                if summary.limited_by is Limit.MACHINE:
                    continue
                if metric == "start_delay":  # nobody but client and machine has a part in it
                    own = 1.0
                else:
                    causes = by_cause(evidence.repeats_of(summary), first=metric == "send_delay")
                    whole = 1 - causes.get(Cause.OPENING, 0.0) or 1.0  # opening is no send delay
                    own = sum(share for cause, share in causes.items() if cause in CLIENTS) / whole
                    unexplained = sum(share for cause, share in causes.items() if cause in NOBODYS) / whole
                    if causes and max(own, unexplained) < MIN_EXPLAINED:
                        continue
                late = replace(over_rounds(summary, column), low=delay.low)
                shown = own >= MIN_EXPLAINED
                yield HoldsBack(client=client, level=summary.level, metric=metric, delay=late, shown=shown)
                break
