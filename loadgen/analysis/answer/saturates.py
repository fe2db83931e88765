"""Say from which level on more streams bring hardly more, and whose limit that is; or that there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence, over_rounds
from loadgen.model import Estimate, Limit, Saturates, Scales, Summary

KEEPS_UP = 0.8  # share of what was added that more streams bring at least where nothing is saturated


def saturates(evidence: Evidence) -> Iterator[Saturates | Scales]:
    """Yield the first level, of each client, at which tokens per second grew by less than half of what was added.

    Whose limit it is says :mod:`loadgen.analysis.limits`. The server's is reported once, from the client that reaches
    the lowest level with it. Of one client alone it is yielded too that it reached no limit.
    """
    found = [answer for sweep in evidence.sweeps.values() for answer in _first(sweep)]
    of_server = sorted((a for a in found if a.limit is Limit.SERVER), key=lambda a: a.level)
    yield from of_server[:1]
    yield from (a for a in found if a.limit is not Limit.SERVER)
    if len(evidence.clients) == 1 and not found:
        yield from _scales(*evidence.sweeps.values())


def _first(sweep: Sequence[Summary]) -> Iterator[Saturates]:
    for below, summary in pairwise(sweep):
        ratio, added = _growth(below, summary)
        if summary.limited_by is None or ratio.high is None or ratio.high > 1 + (added - 1) / 2:
            continue
        yield Saturates(
            client=None if summary.limited_by is Limit.SERVER else summary.client,
            level=summary.level,
            below=below.level,
            limit=summary.limited_by,
            tokens_per_s=over_rounds(summary, "tokens_per_s"),
            ratio=ratio,
        )
        return


def _scales(sweep: Sequence[Summary]) -> Iterator[Scales]:
    ratio, added = _growth(sweep[0], sweep[-1])
    if added > 1 and not any(s.limited_by for s in sweep) and ratio.low and ratio.low > KEEPS_UP * added:
        yield Scales(level=sweep[-1].level, below=sweep[0].level, ratio=ratio)


def _growth(below: Summary, summary: Summary) -> tuple[Estimate, float]:
    """Return how many times the tokens per second are, and how many times the level is."""
    ratio = effects.times(rounds.contrast([summary], [below], "tokens_per_s")) or Estimate()
    return Estimate(ratio.value, ratio.low, ratio.high, ratio.n), summary.level.value / below.level.value
