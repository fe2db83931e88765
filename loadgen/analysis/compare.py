"""Compare two runs, or two clients of one run, metric by metric (:mod:`loadgen.analysis.changes`).

The family-wise error over all compared metrics is controlled at ``SIGNIFICANCE`` by Holm's procedure (1979, "A simple
sequentially rejective multiple test procedure"). A difference must also exceed what a client that was measured twice
differs from itself by (:mod:`loadgen.analysis.noise`), and be large enough to matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from loadgen.analysis import rounds
from loadgen.analysis.changes import MAX_REPEATS, SIGNIFICANCE, Change, Pair, TestResult, Verdict, result_of
from loadgen.analysis.lengths import PER_TOKEN, comparable
from loadgen.analysis.metrics import Column, compared
from loadgen.analysis.metrics import column as column_of
from loadgen.analysis.noise import NoiseThresholds
from loadgen.exit_code import ExitCode
from loadgen.model import ClientId, DelayFinding, Level, Summary, Validity

TOLERANCE = 0.25  # regression tolerance, as a share
MIN_REPEATS = 3

CellKey = tuple[ClientId, Level]
Outcome = Literal["worse", "not worse", "cannot tell"]
Reason = Literal["regression", "no_regression", "nothing_valid", "one_repeat", "invalid_in_head", "noise"]
K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``changes``: what became worse first, the greatest first, then what became better, then the rest in the order
    of the runs. ``lost`` were measured in BASE and are invalid in HEAD."""

    verdict: Outcome
    reason: Reason
    changes: tuple[Change, ...]
    paired: bool
    comparisons: int  # metrics that were tested
    tolerance: float
    more_repeats: int | None  # that would decide; None: even MAX_REPEATS would not
    invalid: tuple[CellKey, ...]
    lost: tuple[CellKey, ...]
    only_base: tuple[CellKey, ...]
    only_head: tuple[CellKey, ...]
    delays: tuple[DelayFinding, ...] = ()  # where HEAD's delivery lag came from, in cells that became worse

    def called(self, verdict: Verdict) -> list[Change]:
        """Return the changes with this verdict."""
        return [change for change in self.changes if change.verdict == verdict]

    @property
    def columns(self) -> list[Column]:
        """Return the metrics that both sides have, those that decide first."""
        found = {change.column.name for change in self.changes}
        names = (name for c in compared() for name in (c.name, PER_TOKEN.get(c.name)) if name in found)
        return [column_of(name) for name in names if name]

    @property
    def undecided(self) -> list[Change]:
        """Return the changes that may hide a regression by the tolerance, the greatest possible first."""
        return sorted((c for c in self.changes if c.more_repeats), key=lambda c: -(c.high or 0.0))

    @property
    def worse_everywhere(self) -> list[Column]:
        """Return the metrics that became worse with every client, of several."""
        clients = {c.client for c in self.changes}
        worse = {(c.client, c.column.name) for c in self.called("worse")}
        everywhere = (c for c in self.columns if all((client, c.name) in worse for client in clients))
        return list(everywhere) if len(clients) > 1 else []


def runs(
    base: Sequence[Summary], head: Sequence[Summary], *, paired: bool, tolerance: float = TOLERANCE
) -> Comparison:
    """Compare two runs, at the clients and levels that both have. ``paired``: their schedules agree."""

    def side(summaries: Sequence[Summary], *, control: bool) -> dict[CellKey, Summary]:
        return {(s.client, s.level): s for s in summaries if s.client.control is control}

    return _compare(
        side(base, control=False),
        side(head, control=False),
        _pairs(side(base, control=True), side(head, control=True)),
        [NoiseThresholds(base), NoiseThresholds(head)],
        paired=paired,
        tolerance=tolerance,
    )


def clients(
    summaries: Sequence[Summary],
    base: ClientId,
    head: ClientId,
    *,
    tolerance: float = TOLERANCE,
    columns: Sequence[Column] | None = None,
    pairs: int = 1,
) -> Comparison:
    """Compare two clients of one run, ``head`` against ``base``, round by round, in ``columns`` (by default all).

    Pairs of the run's other clients serve to estimate the noise. Where so many ``pairs`` are compared, the family-wise
    error is that of all of them together.
    """
    levels = {client: {s.level: s for s in of} for client, of in rounds.sweeps(summaries).items()}
    others = [of for client, of in levels.items() if client not in (base, head)]
    return _compare(
        levels[base],
        levels[head],
        [pair for two in zip(others[::2], others[1::2], strict=False) for pair in _pairs(*two)],
        [NoiseThresholds(summaries)],
        paired=True,
        tolerance=tolerance,
        columns=columns,
        families=pairs,
    )


def with_delays(comparison: Comparison, findings: Iterable[DelayFinding]) -> Comparison:
    """Return the comparison with where HEAD's delivery lag came from, in the cells that became worse."""
    worse = {(change.client, change.level) for change in comparison.called("worse")}
    return replace(comparison, delays=tuple(f for f in findings if (f.client, f.level) in worse))


def exit_code(comparison: Comparison) -> ExitCode:
    """Return DONE for no regression, FAILED for a regression, INCONCLUSIVE if the runs cannot decide."""
    codes = {"not worse": ExitCode.DONE, "worse": ExitCode.FAILED, "cannot tell": ExitCode.INCONCLUSIVE}
    return codes[comparison.verdict]


def _pairs(base: Mapping[K, Summary], head: Mapping[K, Summary]) -> list[Pair]:
    return [(base[key], head[key]) for key in base if key in head]


def _compare(
    base: Mapping[K, Summary],
    head: Mapping[K, Summary],
    others: Sequence[Pair],
    thresholds: Sequence[NoiseThresholds],
    *,
    paired: bool,
    tolerance: float,
    columns: Sequence[Column] | None = None,
    families: int = 1,
) -> Comparison:
    """Compare what both sides have; ``others`` are pairs that serve only to estimate the noise."""
    pairs = _pairs(base, head)
    invalid = [pair for pair in pairs if not _is_valid(pair)]
    lost = [pair for pair in invalid if pair[0].validity is not Validity.INVALID]
    peers = [pair for pair in (*pairs, *others) if _is_valid(pair)]
    found = [
        result_of(pair, column_of(comparable(column.name, *pair)), peers, thresholds, paired=paired)
        for pair in pairs
        if _is_valid(pair)
        for column in (compared() if columns is None else columns)
    ]
    changes = [result for result in found if isinstance(result, Change)]
    tests = [result for result in found if isinstance(result, TestResult)]
    changes += [
        test.decide(significant=significant, comparisons=len(tests), tolerance=tolerance)
        for test, significant in zip(tests, _holm([families * test.p for test in tests]), strict=True)
    ]
    changes.sort(key=_severity)
    verdict, reason, more = _verdict(changes, bool(lost))
    return Comparison(
        verdict=verdict,
        reason=reason,
        changes=tuple(changes),
        paired=paired,
        comparisons=len(tests),
        tolerance=tolerance,
        more_repeats=more,
        invalid=_keys(head for _, head in invalid),
        lost=_keys(head for _, head in lost),
        only_base=_keys(base[key] for key in base if key not in head),
        only_head=_keys(head[key] for key in head if key not in base),
    )


def _holm(p: Sequence[float]) -> list[bool]:
    """Return which are significant, so that any that should not be is in ``SIGNIFICANCE`` of cases at most."""
    order = sorted(range(len(p)), key=lambda place: p[place])
    significant = [False] * len(p)
    for rank, place in enumerate(order):
        if p[place] * (len(p) - rank) > SIGNIFICANCE:
            break
        significant[place] = True
    return significant


def _severity(change: Change) -> tuple[int, float]:
    rank = {"worse": 0, "better": 1, "same": 2, "unknown": 3}[change.verdict]
    return rank, -abs(change.badness) if rank < 2 and change.relative else 0.0


def _verdict(changes: Sequence[Change], lost: bool) -> tuple[Outcome, Reason, int | None]:
    """Return the verdict, its reason, and how many more repeats would decide."""
    verdicts = {change.verdict for change in changes}
    if "worse" in verdicts:
        return "worse", "regression", 0
    if not changes:
        return "cannot tell", "nothing_valid", 0
    if verdicts == {"unknown"}:
        return "cannot tell", "one_repeat", MIN_REPEATS - 1
    if lost:
        return "cannot tell", "invalid_in_head", 0
    more = max(change.more_repeats for change in changes)
    if more:
        return "cannot tell", "noise", more if more < MAX_REPEATS else None
    return "not worse", "no_regression", 0


def _keys(summaries: Iterable[Summary]) -> tuple[CellKey, ...]:
    return tuple((summary.client, summary.level) for summary in summaries)


def _is_valid(pair: Pair) -> bool:
    return all(summary.validity is not Validity.INVALID for summary in pair)
