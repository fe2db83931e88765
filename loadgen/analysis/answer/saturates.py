"""Say from which level on more streams bring hardly more, and whose limit that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import Estimate, Limit, Saturates, Summary


def saturates(evidence: Evidence) -> Iterator[Saturates]:
    """Yield the first level, of each client, at which tokens per second grew by less than half of what was added.

    Whose limit it is says :mod:`loadgen.analysis.limits`. The server's is reported once, from the client that reaches
    the lowest level with it.
    """
    found = [answer for sweep in evidence.sweeps.values() for answer in _first(sweep)]
    of_server = sorted((a for a in found if a.limit is Limit.SERVER), key=lambda a: a.level)
    yield from of_server[:1]
    yield from (a for a in found if a.limit is not Limit.SERVER)


def _first(sweep: Sequence[Summary]) -> Iterator[Saturates]:
    for below, summary in pairwise(sweep):
        if summary.limited_by is None:
            continue
        ratio = effects.times(rounds.contrast([summary], [below], "tokens_per_s"))
        rate = effects.mean(rounds.values(summary, "tokens_per_s").values())
        added = summary.level.value / below.level.value
        if ratio is None or rate is None or ratio.high is None or ratio.high > 1 + (added - 1) / 2:
            continue
        server = summary.limited_by is Limit.SERVER
        yield Saturates(
            client=None if server else summary.client,
            level=summary.level,
            below=below.level,
            limit=summary.limited_by,
            tokens_per_s=Estimate(rate.value, rate.low, rate.high),
            ratio=Estimate(ratio.value, ratio.low, ratio.high),
        )
        return
