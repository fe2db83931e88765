"""What a search says of the server: what it carries, whose limit was found, and where it saturates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import groupby
from statistics import fmean

from loadgen.analysis.answer.saturates import PLATEAU
from loadgen.analysis.limits import WAITED
from loadgen.capacity.readings import Reading
from loadgen.capacity.search import Capacity, Rules
from loadgen.model import ClientId, Estimate, Level, Limit, Saturates


def carried(of: Capacity, rules: Rules) -> float | None:
    """Return the level to quote: the conservative end of what is known; ``None`` where no level was carried."""
    if of.limit is None:
        return of.at_least
    return rules.rounded(of.limit.low)


def saturation(client: ClientId, readings: Iterable[Reading]) -> Saturates | None:
    """Return from which level on more streams only wait for the server; ``None`` where they do not.

    That level, the knee, is the lowest of which no higher one has ``PLATEAU`` times the tokens per second, although the
    median TTFT grew to ``WAITED`` times or more. Cells in which the client was the limit are left out.
    """
    mine = [r for r in readings if r.client == client and r.counts and r.limited_by is not Limit.CLIENT]
    steps = [(level, list(of)) for level, of in groupby(sorted(mine, key=_level), key=_level)]
    known = [
        (level, per_s, ttft)
        for level, of in steps
        if (per_s := mean(of, "tokens_per_s")) and (ttft := mean(of, "ttft_p50_ms"))
    ]
    for place, (knee, per_s, ttft) in enumerate(known[:-1]):
        (first, alone, _), (highest, most, waits) = known[0], known[-1]
        grew = max(above for _, above, _ in known[place + 1 :]) >= PLATEAU * per_s
        if grew or waits < WAITED * ttft:
            continue
        beyond = [r for level, of in steps if level > knee for r in of]
        return Saturates(
            client=client,
            level=highest,
            below=knee,
            limit=Limit.SERVER,
            waits=True,
            tokens_per_s=Estimate(per_s),
            ratio=Estimate(most / per_s),
            served=Estimate(mean(beyond, "served_peak")),
            speedup=Estimate(first.streams * per_s / alone if first.streams and first < knee else None),
            queue=Estimate(mean(steps[-1][1], "queue_p50_ms")),
            ttft=Estimate(waits),
        )
    return None


def _level(reading: Reading) -> Level:
    return reading.level


def mean(readings: Iterable[Reading], name: str, *, server: bool = False) -> float | None:
    """Return the mean of a figure over the readings that have it; ``server``: without what the client added."""
    of = (r.server_figures if server else r.figures for r in readings)
    values = [value for figures in of if (value := figures.get(name)) is not None]
    return fmean(values) if values else None


def limited_by(of: Capacity, readings: Iterable[Reading]) -> Limit | None:
    """Return whose limit most of the cells over the objectives show, at the lowest level that was over them.

    The client's, where as many show that: then the server's own limit may be higher. ``None`` where the search ended
    for another reason.
    """
    if of.stopped != "budget":
        return None
    over = [r for r in readings if r.client == of.client and r.verdict == "over"]
    decisive = [r for r in over if r.level.value == of.below] or over
    votes = Counter(r.limited_by for r in decisive if r.limited_by)
    rank: Callable[[Limit], tuple[int, bool]] = lambda each: (votes[each], each is Limit.CLIENT)  # noqa: E731
    return max(votes, key=rank, default=None)
