"""The words and numbers that all forms of a comparison share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from loadgen.analysis.changes import MAX_REPEATS, MIN_CHANGE, SIGNIFICANCE, Change
from loadgen.analysis.compare import CellKey, Comparison, Outcome
from loadgen.analysis.differences import Difference
from loadgen.report.columns import label, level_text, scaled, unit_of, where
from loadgen.report.comparison.view import ComparisonView
from loadgen.report.language import _, plural
from loadgen.report.sentences import sentences
from loadgen.report.sentences.server import changed
from loadgen.report.text import (
    NOT_MEASURED,
    clauses,
    flowing,
    is_noisy,
    joined,
    listed,
    noisy,
    number,
    percent,
    plain,
)

FINDING_LIMIT = 1000
NAME_LIMIT = 100  # characters of one name that others chose
VERDICTS: Mapping[Outcome, str] = {"worse": "Worse", "not worse": "Not worse", "cannot tell": "Cannot tell"}
ANSWERED = 5  # metrics of each kind in the answer
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
        verdict=_("within noise") if of.verdict == "same" else _(of.verdict),
        client=_name(of.client),
        level=f"{of.level.value:,g}{'~' if of.suspect else ''}",
        metric=label(of.column),
        base=value(of, of.base),
        head=value(of, of.head),
        change=change(of, of.change),
        interval=_interval(of),
    )


def headings(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return the heads of the columns of :class:`Row`."""
    level = _("per s") if any(of.level.rate for of in changes) else _("streams")
    names = _("client"), _("metric"), level, _("base"), _("head"), _("change"), _("95 % interval")
    return ("", *names)


def answer(view: ComparisonView) -> list[str]:
    """Return which of two clients is better in what, then by how much: a sentence per level, the highest first."""
    called = view.called
    names = {"better": _name(view.head), "worse": _name(view.base)}  # who is better where head is that
    if not called:
        text = _("Between {head} and {base} nothing differs beyond the noise.")
        return [text.format(head=names["better"], base=names["worse"])] if view.comparison.changes else []
    found = []
    if len(view.cells) > 1:
        better, worse = ({c.column for c in called if c.verdict == verdict} for verdict in names)
        alone = {
            verdict: [c for c in called if c.verdict == verdict and c.column not in better & worse]
            for verdict in names
        }
        first, second = sorted(names, key=lambda verdict: not alone[verdict])
        text = _("{first} is better in {metrics}, {second} in {others}.")
        if alone[first]:
            metrics, others = _metrics(alone[first]), _metrics(alone[second]) or _("nothing")
            found.append(
                text.format(first=names[first], metrics=metrics, second=names[second], others=others)
            )
        if both := _metrics(c for c in called if c.column in better & worse):
            found.append(_("Which is better in {metrics} depends on the level.").format(metrics=both))
    for level, clients in reversed(list(view.cells.items())):
        parts = []
        for changes in clients.values():
            for verdict, name in names.items():
                if of := [c for c in called if c.verdict == verdict and c in changes.values()]:
                    shown = listed([*map(advantage, of[:ANSWERED]), *_more(len(of) - ANSWERED)])
                    parts.append(_("{client} is better in {metrics}").format(client=name, metrics=shown))
            if same := _metrics(c for c in changes.values() if c.verdict == "same"):
                parts.append(_("no difference beyond the noise in {metrics}").format(metrics=same))
        found.append(_("At {level} {parts}.").format(level=level_text(level), parts=clauses(parts)))
    return found


def _metrics(changes: Iterable[Change]) -> str:
    names = list(dict.fromkeys(label(change.column) for change in changes))
    return listed([*names[:ANSWERED], *_more(len(names) - ANSWERED)]) if names else ""


def _more(n: int) -> list[str]:
    return [_("{n} more").format(n=n)] if n > 0 else []


def advantage(of: Change) -> str:
    """Return ``memory per stream (13.7 KiB against 57.2 KiB, −76 %)``: the better side first, and against the other."""
    better, other = (of.head, of.base) if of.verdict == "better" else (of.base, of.head)
    by = of.change
    if by is not None and of.verdict == "worse":
        by = 1 / (1 + by) - 1 if of.relative else -by
    text = _("{metric} ({value} against {other}, {change})")
    return text.format(
        metric=label(of.column), value=value(of, better), other=value(of, other), change=change(of, by)
    )


def title(view: ComparisonView) -> str:
    """Return ``HEAD against BASE``."""
    return _("{head} against {base}").format(head=_name(view.head), base=_name(view.base))


def verdict(comparison: Comparison) -> str:
    """Return the verdict, its reason and what would decide, in a sentence or two."""
    more = comparison.more_repeats
    text = _("{verdict}: {reason}.").format(
        verdict=_(VERDICTS[comparison.verdict]), reason=reason(comparison)
    )
    if more is None:
        over = _("Over {n} more repeats would be needed: reduce the noise on the machine first.")
        return flowing([text, over.format(n=f"{MAX_REPEATS:,}")])
    if not more:
        return text
    one = plural(more, "{n} more repeat of both would decide.", "{n} more repeats of both would decide.")
    return flowing([text, one])


def reason(comparison: Comparison) -> str:
    """Return why the verdict is what it is."""
    match comparison.reason:
        case "regression":
            worse = comparison.called("worse")
            return plural(
                len(worse),
                "{n} regression of {clients} beyond the noise",
                "{n} regressions of {clients} beyond the noise",
                clients=joined(dict.fromkeys(_name(c.client) for c in worse)),
            )
        case "no_regression":
            return _("no metric is worse beyond the noise")
        case "nothing_valid":
            return _("no client is valid in both at the same level")
        case "one_repeat":
            return _("one side has one repeat only, so its noise is unknown")
        case "invalid_in_head":
            return _("invalid in HEAD but not in BASE: {cells}").format(cells=cells(comparison.lost))
        case "noise":
            first, *others = comparison.undecided
            most = first.high or 0.0
            up_to = (
                _("up to {share}").format(share=percent(most)) if most < _TENFOLD else _("more than tenfold")
            )
            may = _("{metric} of {clients} may be worse by {up_to}").format(
                metric=label(first.column), clients=where(_name(first.client), first.level), up_to=up_to
            )
            rest = plural(len(others), ", as may {n} other", ", as may {n} others") if others else ""
            tolerance = _("; the regression tolerance is {share}").format(share=percent(comparison.tolerance))
            return f"{may}{rest}{tolerance}"


def method(comparison: Comparison) -> str:
    """Return how the verdict was reached; empty where nothing was tested."""
    if not comparison.comparisons:
        return ""
    n = plural(comparison.comparisons, "{n} comparison", "{n} comparisons")
    text = _(
        "{comparisons} {how}; intervals of 95 %. A change counts when it is significant over all of them together "
        "(Holm, {significance}), beyond the noise threshold, and at least {least}."
    )
    return text.format(
        comparisons=n,
        how=_("repeat by repeat")
        if comparison.paired
        else _("as independent samples: their schedules differ"),
        significance=percent(SIGNIFICANCE),
        least=percent(MIN_CHANGE),
    )


def notes(view: ComparisonView) -> list[str]:
    """Return what was not compared, and the reservations about the rest."""
    comparison = view.comparison
    suspect = [(c.client, c.level) for c in comparison.changes if c.suspect]
    unknown = [(c.client, c.level) for c in comparison.called("unknown")]
    texts = (
        (_("Invalid, not compared: {cells}"), comparison.invalid),
        (_("Disturbed or low sample size, compared all the same (marked ~): {cells}"), suspect),
        (_("Too few repeats to test some metrics (marked ?): {cells}"), unknown),
        (_("Only in {side}: {cells}"), comparison.only_base),
        (_("Only in {side}: {cells}"), comparison.only_head),
    )
    sides = ("", "", "", view.base, view.head)
    lines = [
        text.format(side=side, cells=cells(of)) for (text, of), side in zip(texts, sides, strict=True) if of
    ]
    if server := changed(view.differences):
        lines.insert(0, server)
    if everywhere := clauses(label(column) for column in comparison.worse_everywhere):
        text = _("Every client became worse in {metrics}: check the machine and the server first")
        lines.insert(0, text.format(metrics=everywhere))
    return [plain(line, 1000) for line in lines]


def cells(keys: Iterable[CellKey]) -> str:
    """Return ``aiohttp at 1 stream, 10 streams; requests at 10 streams``."""
    levels: dict[str, dict[str, None]] = {}
    for client, level in sorted(set(keys), key=lambda key: (key[0].label, key[1])):
        levels.setdefault(_name(client), {})[level_text(level)] = None
    at = _("{clients} at {level}")
    return clauses(at.format(clients=client, level=joined(of)) for client, of in levels.items())


def delays(view: ComparisonView) -> list[str]:
    """Return where HEAD's delivery lag came from, a sentence for each cell that became worse."""
    return [plain(sentences(finding).statement, FINDING_LIMIT) for finding in view.comparison.delays]


def _interval(of: Change) -> str:
    if of.low is None or of.high is None:
        return NOT_MEASURED
    wide = of.relative and is_noisy(of.low, of.high)
    return noisy() if wide else f"{change(of, of.low)} … {change(of, of.high)}"


def difference(of: Difference) -> str:
    """Return ``key: base → head``; of objectives also that they are not what is compared."""
    base, head = (_name(side) or NOT_MEASURED for side in (of.base, of.head))
    text = f"{_name(of.key)}: {base} → {head}"
    if of.key.startswith("scenario.slo."):
        return _("{difference} (both runs are judged by the same objectives)").format(difference=text)
    return text


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
