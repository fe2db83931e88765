"""Say that opening connections is a large part of the time to the first token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from loadgen.analysis import rounds
from loadgen.analysis.answer.evidence import Evidence, over_rounds
from loadgen.analysis.time_parts import LARGE_OPENING
from loadgen.model import Connects


def connects(evidence: Evidence) -> Iterator[Connects]:
    """Yield each client whose median stream opens its connection for a tenth of the median TTFT or more (of bytes, the
    TTFB), in every round, at the highest level where it does.
    """
    for client, sweep in evidence.sweeps.items():
        for summary in reversed(sweep):
            metric: Literal["ttft", "ttfb"] = "ttfb" if summary.value("ttft_p50_ms") is None else "ttft"
            opening, first = (rounds.values(summary, f"{name}_p50_ms") for name in ("connecting", metric))
            shared = opening.keys() & first.keys()
            if shared and all(opening[r] >= LARGE_OPENING * first[r] > 0 for r in shared):
                yield Connects(
                    client=client,
                    level=summary.level,
                    metric=metric,
                    connecting=over_rounds(summary, "connecting_p50_ms"),
                    first=over_rounds(summary, f"{metric}_p50_ms"),
                )
                break
