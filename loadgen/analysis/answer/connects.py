"""Say that opening connections is a large part of the time to the first token."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis import rounds
from loadgen.analysis.answer.evidence import Evidence, over_rounds
from loadgen.analysis.time_parts import LARGE_OPENING
from loadgen.model import Connects


def connects(evidence: Evidence) -> Iterator[Connects]:
    """Yield each client whose median stream opens its connection for a tenth of the median TTFT or more, in every
    round, at the highest level where it does.
    """
    for client, sweep in evidence.sweeps.items():
        for summary in reversed(sweep):
            connecting, ttft = (
                rounds.values(summary, column) for column in ("connecting_p50_ms", "ttft_p50_ms")
            )
            if connecting and all(
                connecting[r] >= LARGE_OPENING * ttft[r] > 0 for r in connecting if r in ttft
            ):
                yield Connects(
                    client=client,
                    level=summary.level,
                    connecting=over_rounds(summary, "connecting_p50_ms"),
                    ttft=over_rounds(summary, "ttft_p50_ms"),
                )
                break
