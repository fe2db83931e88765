"""The words and numbers that all forms of a comparison share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from loadgen.analysis.changes import MAX_REPEATS, MIN_CHANGE, SIGNIFICANCE, Change
from loadgen.analysis.compare import CellKey, Comparison, Outcome
from loadgen.analysis.differences import Difference
from loadgen.report.columns import scaled, unit_of
from loadgen.report.comparison.view import ComparisonView
from loadgen.report.language import _
from loadgen.report.sentences import sentences
from loadgen.report.text import NOT_MEASURED, number, percent, plain, several

FINDING_LIMIT = 1000
NAME_LIMIT = 100  # characters of one name that others chose
VERDICTS: Mapping[Outcome, str] = {"worse": "Worse", "not worse": "Not worse", "cannot tell": "Cannot tell"}
ANSWERED = 4  # metrics of each kind in the answer
_TENFOLD = 10.0


class Row(NamedTuple):
    """One change as text, in the order of :func:`headings`."""

    verdict: str
    client: str
    metric: str
    level: str
    base: str
    head: str
    change: str
    interval: str


def row(of: Change) -> Row:
    """Return the change as text; ``~`` marks a level that is disturbed or has few samples."""
    return Row(
        verdict="within noise" if of.verdict == "same" else of.verdict,
        client=_name(of.client),
        level=f"{of.level.value:,g}{'~' if of.suspect else ''}",
        metric=of.column.label,
        base=value(of, of.base),
        head=value(of, of.head),
        change=change(of, of.change),
        interval=NOT_MEASURED if of.low is None else f"{change(of, of.low)} … {change(of, of.high)}",
    )


def headings() -> tuple[str, ...]:
    """Return the heads of the columns of :class:`Row`."""
    names = _("client"), _("metric"), _("streams"), _("base"), _("head"), _("change"), _("95 % interval")
    return ("", *names)


def answer(view: ComparisonView) -> list[str]:
    """Return which of two clients is better in what, and by how much; a sentence per level."""
    found = []
    for level, clients in view.cells.items():
        for changes in clients.values():
            parts = []
            for verdict, text in (("better", _("better")), ("worse", _("worse"))):
                of = [c for c in changes.values() if c.verdict == verdict]
                if of:
                    shown = ", ".join(f"{c.column.label} {change(c, c.change)}" for c in of[:ANSWERED])
                    parts.append(f"{text}: {shown}")
            if same := [c.column.label for c in changes.values() if c.verdict == "same"]:
                parts.append(
                    _("no difference beyond the noise: {metrics}").format(metrics=", ".join(same[:ANSWERED]))
                )
            if parts:
                text = _("At {level}, {head} against {base}: {parts}.")
                found.append(text.format(level=level, head=view.head, base=view.base, parts="; ".join(parts)))
    return found


def title(view: ComparisonView) -> str:
    """Return ``HEAD against BASE``."""
    return f"{_name(view.head)} against {_name(view.base)}"


def verdict(comparison: Comparison) -> str:
    """Return the verdict, its reason and what would decide, in a sentence or two."""
    more = comparison.more_repeats
    text = f"{VERDICTS[comparison.verdict]}: {reason(comparison)}."
    if more is None:
        return f"{text} Over {MAX_REPEATS:,} more repeats would be needed: reduce the noise on the machine first."
    return f"{text} {several(more, 'more repeat')} of both would decide." if more else text


def reason(comparison: Comparison) -> str:
    """Return why the verdict is what it is."""
    match comparison.reason:
        case "regression":
            worse = comparison.called("worse")
            clients = ", ".join(dict.fromkeys(_name(c.client) for c in worse))
            return f"{several(len(worse), 'regression')} of {clients} beyond the noise"
        case "no_regression":
            return "no metric is worse beyond the noise"
        case "nothing_valid":
            return "no client is valid in both at the same level"
        case "one_repeat":
            return "one side has one repeat only, so its noise is unknown"
        case "invalid_in_head":
            return f"invalid in HEAD but not in BASE: {cells(comparison.lost)}"
        case "noise":
            first, *others = comparison.undecided
            most = first.high or 0.0
            up_to = f"up to {percent(most)}" if most < _TENFOLD else "more than tenfold"
            rest = f", as may {several(len(others), 'other')}" if others else ""
            return (
                f"{first.column.label} of {_name(first.client)} at {first.level} may be worse by {up_to}"
                f"{rest}; the regression tolerance is {percent(comparison.tolerance)}"
            )


def method(comparison: Comparison) -> str:
    """Return how the verdict was reached; empty where nothing was tested."""
    if not comparison.comparisons:
        return ""
    pairs = "repeat by repeat" if comparison.paired else "as independent samples: their schedules differ"
    return (
        f"{several(comparison.comparisons, 'comparison')} {pairs}; intervals of 95 %. A change counts when it is "
        f"significant over all of them together (Holm, {percent(SIGNIFICANCE)}), beyond the noise threshold, and at "
        f"least {percent(MIN_CHANGE)}."
    )


def notes(view: ComparisonView) -> list[str]:
    """Return what was not compared, and the reservations about the rest."""
    comparison = view.comparison
    suspect = [(c.client, c.level) for c in comparison.changes if c.suspect]
    unknown = [(c.client, c.level) for c in comparison.called("unknown")]
    texts = (
        ("Invalid, not compared", cells(comparison.invalid)),
        ("Disturbed or low sample size, compared all the same (marked ~)", cells(suspect)),
        ("Too few repeats to test some metrics (marked ?)", cells(unknown)),
        (f"Only in {view.base}", cells(comparison.only_base)),
        (f"Only in {view.head}", cells(comparison.only_head)),
    )
    lines = [f"{text}: {names}" for text, names in texts if names]
    if everywhere := "; ".join(column.label for column in comparison.worse_everywhere):
        lines.insert(0, f"Every client became worse in {everywhere}: check the machine and the server first")
    return [plain(line, 1000) for line in lines]


def cells(keys: Iterable[CellKey]) -> str:
    """Return ``aiohttp at 1 stream, 10 streams; requests at 10 streams``."""
    levels: dict[str, dict[str, None]] = {}
    for client, level in sorted(set(keys), key=lambda key: (key[0].label, key[1])):
        levels.setdefault(_name(client), {})[level.label] = None
    return "; ".join(f"{client} at {', '.join(of)}" for client, of in levels.items())


def delays(view: ComparisonView) -> list[str]:
    """Return where HEAD's delivery lag came from, a sentence for each cell that became worse."""
    return [plain(sentences(finding).statement, FINDING_LIMIT) for finding in view.comparison.delays]


def difference(of: Difference) -> str:
    """Return ``key: base → head``."""
    base, head = (_name(side) or NOT_MEASURED for side in (of.base, of.head))
    return f"{_name(of.key)}: {base} → {head}"


def share(value: float | None) -> str:
    """Return ``+12 %``; tenfold and more as ``×12``."""
    if value is None:
        return NOT_MEASURED
    if value >= _TENFOLD - 1:
        return f"×{value + 1:,.0f}" if value < 1e4 else "×10,000+"
    percent = f"{100 * value:+.{1 if abs(value) < 0.0995 else 0}f} %".replace("-", "−")
    return percent.replace("+0.0", "0.0").replace("−0.0", "0.0")


def change(of: Change, value: float | None) -> str:
    """Return a change, or an edge of its interval, with its sign and unit."""
    if value is None or of.relative:
        return share(value)
    unit = unit_of(of.column.metric)
    return (
        f"{'+' if value >= 0 else '−'}{number(scaled(of.column, abs(value)))} {'pp' if unit == '%' else unit}"
    )


def value(of: Change, value: float) -> str:
    """Return a value of the metric with its unit, where that is not its name."""
    unit = unit_of(of.column.metric)
    return f"{number(scaled(of.column, value))} {unit if unit in ('ms', 'µs', 'KiB', '%') else ''}".strip()


def _name(text: object) -> str:
    return plain(text, NAME_LIMIT)
