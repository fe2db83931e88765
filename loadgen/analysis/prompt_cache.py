"""Whether a cache of prompts answered for the model.

Where the server reports cached tokens, they are that, from :data:`SHARE` of the tokens of the prompts on; those of
prompts that begin differently only where they are more than a :data:`TEMPLATE`, which stands before them. Otherwise the
first time that a prompt was sent in the run is held against the later ones: by the prompt time that the server
reports, or where it reports none by the time to first token. Only streams that were alone with it count, whose time
overlaps with that of no other stream: when many prompts arrive at once, the first ones are slow without any cache. The
cache answered where, in the median of the prompts, a later time is at most :data:`COLLAPSE` of the first, and the first
is at least :data:`LEAST_NS`. A request that had to load the model is slow for that too, and needs
:data:`COLLAPSE_LOADED`; the time to first token varies, and needs :data:`PROMPTS` prompts. The later turns of a
conversation do not count: what was said before is cached wherever people chat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.measures import Ints, Measured
from loadgen.model import PromptCacheFinding, Recording, Run, Summary

SHARE: Final = 0.2
TEMPLATE: Final = 64  # tokens
COLLAPSE: Final = 1 / 3
COLLAPSE_LOADED: Final = 1 / 10
LEAST_NS: Final = 20_000_000
PROMPTS: Final = 3
RESIDENT_S: Final = 0.25  # a longer load, of a model that was not in memory


def findings(run: Run, _: Sequence[Summary]) -> list[PromptCacheFinding]:
    """Return that a cache answered, if one did."""
    unique = run.info.scenario.workload.unique
    measured = [[Measured(part) for part in parts] for parts in _cells(run)]
    reported = _reported([m for parts in measured for m in parts])
    if reported is not None:
        share, tokens = reported
        if unique and tokens <= TEMPLATE:
            return []
        return [PromptCacheFinding(verdict="reported", unique=unique, share=share)] if share >= SHARE else []
    for verdict, found in (("prompt", _by_prompt_time(run, measured)), ("ttft", _by_ttft(run, measured))):
        if found:
            first, later = (float(np.median([pair[place] for pair in found])) for place in (0, 1))
            ratio = float(np.median([pair[1] / pair[0] / pair[2] for pair in found]))
            if ratio > 1 or first < LEAST_NS or (verdict == "ttft" and len(found) < PROMPTS):
                return []
            return [
                PromptCacheFinding(
                    verdict=verdict,  # type: ignore[arg-type]
                    unique=unique,
                    prompts=len(found),
                    first_ms=first / 1e6,
                    later_ms=later / 1e6,
                )
            ]
    return []


def _cells(run: Run) -> Iterable[list[Recording]]:
    """Yield the recordings of each cell, in the order in which the cells ran."""
    for cell in run.info.cells:
        own = [each for each in run.recordings if (each.index, each.attempt) == (cell.index, cell.attempt)]
        if own:
            yield own


def _reported(parts: Iterable[Measured]) -> tuple[float, float] | None:
    """Return the share of the tokens of the prompts that the server had in its cache, and how many of each.

    ``None`` where it says nothing.
    """
    cached = whole = streams = 0
    for m in parts:
        of = m.reported
        both = m.included & (of.turn <= 0) & (of.server_cached_tokens >= 0) & (of.prompt_tokens > 0)
        cached += int(of.server_cached_tokens[both].sum())
        whole += int(of.prompt_tokens[both].sum())
        streams += int(both.sum())
    return (cached / whole, cached / streams) if whole else None


Pair = tuple[
    float, float, float
]  # the first time, the median of the later ones, and the ratio that is a collapse


def _by_prompt_time(run: Run, cells: Iterable[Sequence[Measured]]) -> list[Pair]:
    firsts: dict[int, tuple[float | None, float]] = {}
    seen = run.info.warm_up
    if seen and not run.info.scenario.workload.synthetic:  # whose warm-up has prompts of its own
        loaded = (seen.load_s or 0.0) > RESIDENT_S and not seen.resident
        first = None if seen.prompt_s is None else seen.prompt_s * 1e9
        firsts[0] = first, COLLAPSE_LOADED if loaded else COLLAPSE
    times = [
        [(m, m.reported.prompt_ns, m.first_token - m.reported.prompt_ns) for m in parts] for parts in cells
    ]
    return _pairs(firsts, times)


def _by_ttft(run: Run, cells: Iterable[Sequence[Measured]]) -> list[Pair]:
    firsts: dict[int, tuple[float | None, float]] = {}
    if run.info.warm_up and not run.info.scenario.workload.synthetic:
        firsts[0] = None, COLLAPSE
    return _pairs(firsts, [[(m, m.ttft, m.streams.start) for m in parts] for parts in cells])


def _pairs(
    firsts: dict[int, tuple[float | None, float]], cells: Iterable[Sequence[tuple[Measured, Ints, Ints]]]
) -> list[Pair]:
    """Return a pair for each prompt whose first time is known, and a later one. ``firsts`` are those before the cells.

    Of each recording there are the time of each stream, and when that began.
    """
    later: dict[int, list[Ints]] = {}
    for parts in cells:
        zero = [m.recording.start for m, *_ in parts]
        prompt = np.concatenate([m.streams.prompt for m, *_ in parts])
        turn = np.concatenate([m.streams.turn for m, *_ in parts])
        start = np.concatenate([m.streams.start - at for (m, *_), at in zip(parts, zero, strict=True)])
        begin = np.concatenate([began - at for (_, _, began), at in zip(parts, zero, strict=True)])
        end = np.concatenate([m.first_token - at for (m, *_), at in zip(parts, zero, strict=True)])
        time = np.concatenate([values for _, values, _ in parts])
        ok = np.concatenate([m.ok & (values > 0) for m, values, _ in parts])
        counted = ok & _alone(begin, end, ok)
        rows = np.flatnonzero((prompt >= 0) & (turn <= 0))
        rows = rows[np.argsort(start[rows], kind="stable")]
        _, first_rows = np.unique(prompt[rows], return_index=True)
        new = [place for place in np.sort(first_rows).tolist() if int(prompt[rows[place]]) not in firsts]
        for row in rows[new].tolist():
            firsts[int(prompt[row])] = (float(time[row]) if counted[row] else None), COLLAPSE
        again = counted[rows]
        again[new] = False
        rows = rows[again]
        rows = rows[np.argsort(prompt[rows], kind="stable")]
        numbers, begins = np.unique(prompt[rows], return_index=True)
        for number, times in zip(numbers.tolist(), np.split(time[rows], begins[1:]), strict=False):
            later.setdefault(number, []).append(times)
    return [
        (first, float(np.median(np.concatenate(later[number]))), limit)
        for number, (first, limit) in firsts.items()
        if first and number in later
    ]


def _alone(begin: Ints, end: Ints, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whose time from ``begin`` to ``end`` overlaps with no other."""
    alone = np.zeros(len(begin), dtype=bool)
    rows = np.flatnonzero(known)
    order = rows[np.argsort(begin[rows], kind="stable")]
    far = np.iinfo(np.int64)
    before = np.maximum.accumulate(np.concatenate([[far.min], end[order]]))[:-1]
    after = np.concatenate([begin[order], [far.max]])[1:]
    alone[order] = (begin[order] >= before) & (end[order] <= after)
    return alone
