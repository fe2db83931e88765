"""Did it get worse? Two runs, or two clients of one run, figure by figure (:mod:`loadgen.analysis.changes`).

The family-wise error, over all figures judged, is controlled at ``LEVEL`` by Holm's procedure (1979, "A simple
sequentially rejective multiple test procedure"). A difference must also exceed what a client that was measured
twice differs from itself (:mod:`loadgen.analysis.noise`), and be large enough to matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from loadgen.analysis import rounds
from loadgen.analysis.changes import (
    JUDGED,
    LEVEL,
    MOST_REPEATS,
    Change,
    Noise,
    Pair,
    Tested,
    Verdict,
    judged,
    tested,
)
from loadgen.analysis.noise import Floors
from loadgen.model import ClientId, Summary, TextFinding, Validity

TOLERANCE = 0.25  # a worsening that must not go unnoticed, as a share
ENOUGH = 3  # repeats, to begin with


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``changes``: what was called worse first, the gravest first, then what was called better, then the rest in
    the order of the runs. ``lost`` were measured in BASE and are invalid in HEAD."""

    verdict: Literal["worse", "not worse", "cannot tell"]
    why: str
    changes: tuple[Change, ...]
    paired: bool
    judged: int
    tolerance: float
    more_repeats: int | None  # None: that many would not do
    invalid: tuple[str, ...]
    lost: tuple[str, ...]
    only_base: tuple[str, ...]
    only_head: tuple[str, ...]
    alike: tuple[str, ...]  # figures that became worse with every client
    causes: tuple[TextFinding, ...] = ()  # what HEAD's lag is put down to, in the cells that became worse

    def called(self, verdict: Verdict) -> list[Change]:
        """The changes of this verdict."""
        return [change for change in self.changes if change.verdict == verdict]


def runs(
    base: Sequence[Summary],
    head: Sequence[Summary],
    *,
    paired: bool,
    tolerance: float = TOLERANCE,
) -> Comparison:
    """Two runs, in the clients and concurrencies that both have. ``paired``: their schedules agree."""
    one, other = ({(s.client, s.level): s for s in side} for side in (base, head))
    shared = [(one[key], other[key]) for key in one if key in other]
    return _compare(
        [pair for pair in shared if not rounds.is_control(pair[1].client)],
        [pair for pair in shared if _believed(pair)],
        [Floors(base), Floors(head)],
        paired=paired,
        tolerance=tolerance,
        only=(
            [_cell(s) for key, s in one.items() if key not in other and not rounds.is_control(s.client)],
            [_cell(s) for key, s in other.items() if key not in one and not rounds.is_control(s.client)],
        ),
    )


def clients(
    summaries: Sequence[Summary],
    base: ClientId,
    head: ClientId,
    *,
    tolerance: float = TOLERANCE,
) -> Comparison:
    """Two clients of one run, by their labels: ``head`` against ``base``, block by block.

    The run's other clients, two and two, tell the noise.
    """
    by_client = {client: {s.level: s for s in of} for client, of in rounds.ladders(summaries).items()}
    one, other = by_client[base], by_client[head]
    shared = [(one[n], other[n]) for n in one if n in other]
    rest = [client for client in by_client if client not in (base, head)]
    peers = [
        (by_client[a][n], by_client[b][n])
        for a, b in zip(rest[::2], rest[1::2], strict=False)
        for n in by_client[a]
        if n in by_client[b]
    ]
    return _compare(
        shared,
        [pair for pair in [*shared, *peers] if _believed(pair)],
        [Floors(summaries)],
        paired=True,
        tolerance=tolerance,
        only=(
            [_cell(s) for n, s in one.items() if n not in other],
            [_cell(s) for n, s in other.items() if n not in one],
        ),
    )


def with_causes(comparison: Comparison, findings: Iterable[TextFinding]) -> Comparison:
    """With those of HEAD's findings that say why tokens came late in a cell that became worse."""
    worse = {f"{change.client}@{change.level.value:g}" for change in comparison.called("worse")}
    return replace(comparison, causes=tuple(f for f in findings if f.kind == "cause" and f.id in worse))


def exit_code(comparison: Comparison) -> int:
    """0 nothing worse beyond the noise, 1 worse, 4 cannot tell."""
    return {"not worse": 0, "worse": 1, "cannot tell": 4}[comparison.verdict]


def _compare(
    cells: Sequence[Pair],
    peers: Sequence[Pair],
    floors: Sequence[Floors],
    *,
    paired: bool,
    tolerance: float,
    only: tuple[Sequence[str], Sequence[str]],
) -> Comparison:
    """``cells`` are compared; ``peers`` are the pairs that may testify of noise, those of the cells among them."""
    noise = Noise(peers, floors, paired=paired)
    found = [
        test
        for pair in cells
        if _believed(pair)
        for figure in JUDGED
        if (test := tested(pair, figure, noise)) is not None
    ]
    tests = [test for test in found if isinstance(test, Tested)]
    beyond = _holm([test.p for test in tests])
    changes = [test for test in found if isinstance(test, Change)]
    changes += [
        judged(test, beyond_noise=beyond_noise, comparisons=len(tests), tolerance=tolerance)
        for test, beyond_noise in zip(tests, beyond, strict=True)
    ]
    changes.sort(key=_gravest)
    invalid = [pair for pair in cells if not _believed(pair)]
    lost = tuple(_cell(pair[1]) for pair in invalid if pair[0].validity is not Validity.INVALID)
    verdict, why, more = _verdict(changes, lost, tolerance)
    return Comparison(
        verdict=verdict,
        why=why,
        changes=tuple(changes),
        paired=paired,
        judged=len(tests),
        tolerance=tolerance,
        more_repeats=more,
        invalid=tuple(_cell(pair[1]) for pair in invalid),
        lost=lost,
        only_base=tuple(only[0]),
        only_head=tuple(only[1]),
        alike=tuple(_alike(changes)),
    )


def _holm(p: Sequence[float]) -> list[bool]:
    """Which of them are beyond chance, so that one that is not is among these in ``LEVEL`` of cases at most."""
    order = sorted(range(len(p)), key=lambda place: p[place])
    beyond = [False] * len(p)
    for rank, place in enumerate(order):
        if p[place] * (len(p) - rank) > LEVEL:
            break
        beyond[place] = True
    return beyond


def _gravest(change: Change) -> tuple[int, float]:
    rank = {"worse": 0, "better": 1, "same": 2, "unknown": 3}[change.verdict]
    return rank, -abs(change.badness) if rank < 2 and change.relative else 0.0


def _verdict(
    changes: Sequence[Change], lost: Sequence[str], tolerance: float
) -> tuple[Literal["worse", "not worse", "cannot tell"], str, int | None]:
    """The verdict, why, and how many more repeats would tell."""
    worse = [change for change in changes if change.verdict == "worse"]
    if worse:
        of = _listed(change.client.label for change in worse)
        return "worse", f"{_count(len(worse), 'figure')} of {of} beyond the noise", 0
    if not changes:
        return "cannot tell", "nothing that both measured is valid", 0
    if all(change.verdict == "unknown" for change in changes):
        return "cannot tell", "measured once on a side, which tells nothing of the noise", ENOUGH - 1
    if lost:
        return "cannot tell", f"invalid in HEAD, and not in BASE: {_listed(lost)}", 0
    blind = [change for change in changes if change.more_repeats]
    if blind:
        most = max(blind, key=lambda change: change.high or 0.0)
        others = f", as may {_count(len(blind) - 1, 'other figure')}" if len(blind) > 1 else ""
        more = max(change.more_repeats for change in blind)
        return (
            "cannot tell",
            f"{most.figure.title} of {most.client} at {most.level.value:,g} may be worse by "
            f"{_up_to(most.high or 0.0)}{others}; the tolerance is {tolerance:.0%}",
            more if more < MOST_REPEATS else None,
        )
    return "not worse", "no figure is worse beyond the noise", 0


def _alike(changes: Sequence[Change]) -> Iterable[str]:
    """The titles of figures that became worse with every client, of several."""
    everyone = {change.client for change in changes}
    for figure in JUDGED:
        worse = {c.client for c in changes if c.figure is figure and c.verdict == "worse"}
        if len(everyone) > 1 and worse == everyone:
            yield figure.title


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _up_to(share: float) -> str:
    return f"up to {share:.0%}" if share < 10 else "more than tenfold"


def _cell(summary: Summary) -> str:
    return f"{summary.client} at {summary.level.value:,g}"


def _believed(pair: Pair) -> bool:
    return all(summary.validity is not Validity.INVALID for summary in pair)
