"""Say from which level on more streams bring hardly more, and whose limit that is; or that there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence, over_rounds
from loadgen.model import Estimate, Limit, Saturates, Scales, Summary

KEEPS_UP = 0.8  # share of what was added that more streams bring at least where nothing is saturated
PLATEAU = 1.1  # times the tokens/s: with less than that, more streams only wait


def saturates(evidence: Evidence) -> Iterator[Saturates | Scales]:
    """Yield where tokens per second stop growing with each client.

    First where more streams only wait for the server: the lowest level of which every higher one, to the highest, has
    less than ``PLATEAU`` times the tokens per second, with its whole interval, although at least half of the streams
    that were added were in flight, and neither client, machine nor simulator reached a limit. Where that is so but for
    an interval that is too wide, or missing, it is undecided.

    Otherwise, the first level at which tokens per second grew by less than half of what was added. Whose limit that
    is says :mod:`loadgen.analysis.limits`. Of rates :mod:`loadgen.analysis.answer.carries` tells. The server's is
    reported once, from the client that reaches the lowest level with it. Of one client alone it is yielded too that
    it reached no limit.
    """
    if evidence.is_open:
        return
    found = [answer for sweep in evidence.sweeps.values() for answer in _of(sweep)]
    of_server = sorted((a for a in found if a.limit is Limit.SERVER), key=lambda a: (a.verdict, a.below))
    yield from of_server[:1]
    yield from (a for a in found if a.limit is not Limit.SERVER)
    if len(evidence.clients) == 1 and not found:
        yield from _scales(*evidence.sweeps.values())


def _of(sweep: Sequence[Summary]) -> Iterator[Saturates]:
    first, waiting = next(_first(sweep), None), next(_waiting(sweep), None)
    if waiting and not (first and (waiting.verdict or first.below < waiting.below)):
        yield waiting
    elif first:
        yield first


def _first(sweep: Sequence[Summary]) -> Iterator[Saturates]:
    for below, summary in pairwise(sweep):
        ratio, added = _growth(below, summary)
        if summary.limited_by is not None and ratio.high is not None and ratio.high <= 1 + (added - 1) / 2:
            yield _saturates(below, summary, summary.limited_by, ratio)


def _waiting(sweep: Sequence[Summary]) -> Iterator[Saturates]:
    """Yield from which level on more streams only wait for the server; what is certain first."""
    undecided = []
    for place, below in enumerate(sweep[:-1], 1):
        above = sweep[place:]
        ratios = [_growth(below, summary)[0] for summary in above]
        if not all(r.value is not None and r.value < PLATEAU for r in ratios):
            continue
        if any(s.limited_by not in (None, Limit.SERVER) or not _in_flight(below, s) for s in above):
            continue
        if all(r.high is not None and r.high < PLATEAU for r in ratios):
            yield _saturates(below, above[-1], Limit.SERVER, ratios[-1], waits=True)
        else:
            undecided.append(
                _saturates(below, above[-1], Limit.SERVER, ratios[-1], waits=True, verdict="undecided")
            )
    yield from undecided


def _saturates(
    below: Summary, summary: Summary, limit: Limit, ratio: Estimate, *, waits: bool = False, verdict: str = ""
) -> Saturates:
    served = limit is Limit.SERVER
    return Saturates(
        verdict=verdict,
        client=None if served else summary.client,
        level=summary.level,
        below=below.level,
        limit=limit,
        waits=waits,
        tokens_per_s=over_rounds(summary, "tokens_per_s"),
        ratio=ratio,
        served=over_rounds(summary, "served_peak") if served else Estimate(),
        queue=over_rounds(summary, "queue_p50_ms") if served else Estimate(),
        ttft=over_rounds(summary, "ttft_p50_ms") if served else Estimate(),
    )


def _in_flight(below: Summary, summary: Summary) -> bool:
    """Return whether at least half of the streams that were added were in flight; true where that is not known."""
    before, after = below.value("live_mean"), summary.value("live_mean")
    added = summary.level.value / below.level.value - 1
    return not before or after is None or after / before - 1 >= added / 2


def _scales(sweep: Sequence[Summary]) -> Iterator[Scales]:
    ratio, added = _growth(sweep[0], sweep[-1])
    if added > 1 and not any(s.limited_by for s in sweep) and ratio.low and ratio.low > KEEPS_UP * added:
        yield Scales(level=sweep[-1].level, below=sweep[0].level, ratio=ratio)


def _growth(below: Summary, summary: Summary) -> tuple[Estimate, float]:
    """Return how many times the tokens per second are, and how many times the level is."""
    ratio = effects.times(rounds.contrast([summary], [below], "tokens_per_s")) or Estimate()
    return Estimate(ratio.value, ratio.low, ratio.high, ratio.n), summary.level.value / below.level.value
