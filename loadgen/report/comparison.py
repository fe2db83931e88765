"""A comparison of two runs, or of two clients of one, for the terminal, a pull request and other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from loadgen.analysis import compare
from loadgen.analysis.changes import JUDGED, LEAST, LEVEL, MOST_REPEATS
from loadgen.report.screen import RULED, RULED_ASCII, spell_ascii
from loadgen.report.text import NOT_MEASURED, figure, plain

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from loadgen.analysis.changes import Change
    from loadgen.analysis.compare import Comparison
    from loadgen.analysis.differences import Difference
    from loadgen.model import Level

TEXT = 100
SIGNS = {"worse": "✗", "better": "✓", "same": "", "unknown": "?"}
STYLES = {"worse": "bold red", "better": "green", "same": "", "unknown": "dim"}
VERDICTS = {"worse": "Worse", "not worse": "Not worse", "cannot tell": "Cannot tell"}
ROWS = 10  # of a pull request's table
_VERDICT_STYLES = {"worse": "bold red", "not worse": "bold green", "cannot tell": "bold yellow"}
_HUGE = 10.0
_LABEL = 30
_CAUSES = 3


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared: how the two are called, and what they were told differently."""

    base: str
    head: str
    differences: tuple[Difference, ...] = ()


def verdict(comparison: Comparison) -> str:
    """One sentence."""
    more = comparison.more_repeats
    told = f"{VERDICTS[comparison.verdict]}: {plain(comparison.why, 400)}."
    if more is None:
        return f"{told} Over {MOST_REPEATS:,} repeats would not tell: calm the machine first."
    if more:
        return f"{told} {more:,} more repeat{'' if more == 1 else 's'} of both would tell."
    return told


def how(comparison: Comparison) -> str:
    """How it was decided, in a sentence or two."""
    pairs = "repeat by repeat" if comparison.paired else "as independent samples: their schedules differ"
    return (
        f"{comparison.judged:,} figures compared {pairs}; intervals of 95 %. Called is what is beyond chance for "
        f"all of them together (Holm, {LEVEL:.0%}), beyond the noise floor, and at least {LEAST:.0%}."
    )


def notes(comparison: Comparison, sides: Sides) -> list[str]:
    """What was not compared, and what is to be said of the rest."""
    suspect = _cells(c for c in comparison.changes if c.suspect)
    unknown = _cells(comparison.called("unknown"))
    told = (
        ("Every client became worse in {}: look at the machine and the server first", comparison.alike),
        ("Invalid, not compared: {}", comparison.invalid),
        ("Suspect, compared all the same (marked ~): {}", suspect),
        ("Too few repeats to judge some figures (marked ?): {}", unknown),
        (f"Only in {sides.base}: {{}}", comparison.only_base),
        (f"Only in {sides.head}: {{}}", comparison.only_head),
    )
    return [plain(text.format("; ".join(names)), 1000) for text, names in told if names]


def _cells(changes: Iterable[Change]) -> list[str]:
    """``aiohttp at 1, 10``, one text per client."""
    levels: dict[str, set[Level]] = {}
    for c in changes:
        levels.setdefault(c.client.label, set()).add(c.level)
    return [
        f"{client} at {', '.join(f'{n.value:,g}' for n in sorted(of))}"
        for client, of in sorted(levels.items())
    ]


def share(value: float | None) -> str:
    """``+12 %``; tenfold and more as ``×12``."""
    if value is None:
        return NOT_MEASURED
    if value >= _HUGE - 1:
        return f"×{value + 1:,.0f}" if value < 1e4 else "×10,000+"
    percent = f"{100 * value:+.{1 if abs(value) < 0.0995 else 0}f} %".replace("-", "−")
    return percent.replace("+0.0", "0.0").replace("−0.0", "0.0")


def change(of: Change, value: float | None) -> str:
    """A change, or an edge of its interval, with its sign and unit."""
    if value is None or of.relative:
        return share(value)
    scaled, unit = (100 * value, "pp") if of.figure.kind == "share" else (value, of.figure.unit)
    return f"{'+' if scaled >= 0 else '−'}{figure(abs(scaled))} {unit}"


def between(of: Change) -> str:
    """The interval; a dash where there is none."""
    return NOT_MEASURED if of.low is None else f"{change(of, of.low)} … {change(of, of.high)}"


def level(of: Change, value: float) -> str:
    """A figure with its unit."""
    scaled = 100 * value if of.figure.kind == "share" else value
    return (
        f"{figure(scaled)} {of.figure.unit}" if of.figure.unit in ("ms", "µs", "KiB", "%") else figure(scaled)
    )


# --------------------------------------------------------------------------------------------- terminal


def terminal(comparison: Comparison, sides: Sides) -> RenderableType:
    """The verdict, what is called worse or better, every cell's main changes, and what was not compared."""
    return _Terminal(comparison, sides)


class _Terminal:
    def __init__(self, comparison: Comparison, sides: Sides) -> None:
        self.comparison, self.sides = comparison, sides

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        spelled, found = spell_ascii if options.ascii_only else str, self.comparison
        yield Text(
            spelled(f"{plain(self.sides.head, TEXT)} against {plain(self.sides.base, TEXT)}"), style="bold"
        )
        if self.sides.differences:
            yield Text("What differs", style="dim")
        for difference in self.sides.differences:
            yield Text(spelled(f"  {told(difference)}"), style="yellow" if difference.grave else "dim")
        yield Text("")
        called = [c for c in found.changes if c.verdict in ("worse", "better")]
        if called:
            yield _called(called, options, spelled)
            yield Text("")
        for finding in found.causes[:_CAUSES]:
            yield Text(spelled(f"In HEAD, {plain(finding.statement, 600)}"))
        if found.causes:
            yield Text("")
        if found.judged:
            yield _grid(found.changes, options, spelled)
        for note in [how(found) if found.judged else "", *notes(found, self.sides)]:
            if note:
                yield Text(spelled(note), style="dim")
        yield Text("")
        yield Text(spelled(verdict(found)), style=_VERDICT_STYLES[found.verdict])


def told(difference: Difference) -> str:
    """``key: base -> head``."""
    base, head = (plain(side, TEXT) or NOT_MEASURED for side in (difference.base, difference.head))
    return f"{plain(difference.key, TEXT)}: {base} → {head}"


def _table(options: ConsoleOptions) -> Table:
    box = RULED_ASCII if options.ascii_only else RULED
    return Table(box=box, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))


def _called(called: Sequence[Change], options: ConsoleOptions, spelled: Callable[[str], str]) -> Table:
    shown = _table(options)
    shown.add_column("", no_wrap=True)
    shown.add_column("client", no_wrap=True, overflow="ellipsis", max_width=_LABEL)
    for name in ("streams", "figure", "base", "head", "change", "95 % between"):
        shown.add_column(name, justify="left" if name == "figure" else "right", no_wrap=True)
    for c in called:
        style = STYLES[c.verdict]
        shown.add_row(
            Text(c.verdict, style=style),
            Text(spelled(plain(c.client, _LABEL))),
            f"{c.level.value:,g}{'~' if c.suspect else ''}",
            spelled(c.figure.title),
            spelled(level(c, c.base)),
            spelled(level(c, c.head)),
            Text(spelled(change(c, c.change)), style=style),
            spelled(between(c)),
        )
    return shown


def _grid(changes: Sequence[Change], options: ConsoleOptions, spelled: Callable[[str], str]) -> Group:
    """A row per cell, its changes: as many of the figures as there is room for, the primary ones first."""
    ordered = sorted(changes, key=lambda c: c.level)
    cells = {n: list(of) for n, of in groupby(ordered, key=lambda c: c.level)}
    texts = {(c.client, c.level, c.figure.name): _short(c) for c in changes}
    titles = {n: n.label for n in cells}
    first = max(*(2 + cell_len(plain(c.client, _LABEL)) + 1 for c in changes), *map(len, titles.values()))
    room, chosen = options.max_width - first, []
    for judged in JUDGED:
        own = [cell_len(text) for (_, _, name), text in texts.items() if name == judged.name]
        width = max([*own, *map(len, _title(judged.title))], default=0)
        room -= width + 2
        if room < 0:
            break
        if own:
            chosen.append(judged)
    shown = _table(options)
    shown.add_column(Text("\nclient"), no_wrap=True, overflow="ellipsis")
    for judged in chosen:
        shown.add_column(Text("\n".join(_title(judged.title))), justify="right", no_wrap=True)
    for n, of in cells.items():
        shown.add_row(Text(titles[n], style="bold"))
        for client in sorted({c.client for c in of}, key=str):
            row = {c.figure.name: c for c in of if c.client == client}
            suspect = "~" if any(c.suspect for c in row.values()) else ""
            shown.add_row(
                Text(spelled(f"  {plain(client, _LABEL)}{suspect}")),
                *(
                    Text(spelled(_short(c)), style=STYLES[c.verdict]) if (c := row.get(j.name)) else Text(NOT_MEASURED)
                    for j in chosen
                ),
            )  # fmt: skip
    left = len({c.figure.name for c in changes}) - len(chosen)
    more = f"; {left} more figures in --json and --html" if left else ""
    legend = "change in %, ± half of its 95 % interval; ✗ worse and ✓ better beyond the noise"
    return Group(shown, Text(spelled(f"{legend}{more}"), style="dim"))


def _title(title: str) -> tuple[str, str]:
    above, _, below = title.rpartition(" ")
    return above, below


def _short(of: Change) -> str:
    """The change and half of its interval in a few characters."""
    if of.change is None or of.low is None or of.high is None:
        return SIGNS[of.verdict]
    scale = 100 if of.relative or of.figure.kind == "share" else 1
    if of.change >= _HUGE - 1 and of.relative:
        middle, half = share(of.change), ""
    else:
        middle = f"{scale * of.change:+.0f}".replace("-", "−")
        wide = (of.high - of.low) / 2 * scale
        half = f"±{wide:.0f}" if wide < 1000 else "±1000+"
    return f"{middle} {half}{SIGNS[of.verdict]}".strip()


# ------------------------------------------------------------------------------------- Markdown and JSON


def markdown(comparison: Comparison, sides: Sides) -> str:
    """For a pull request: the verdict, the changes that count (or the largest ones), worst first."""
    called = [c for c in comparison.changes if c.verdict in ("worse", "better")]
    largest = sorted(comparison.called("same"), key=lambda c: -c.badness if c.relative else 0.0)
    rows = called[:ROWS] or largest[: ROWS // 2]
    lines = [f"**{_escaped(verdict(comparison))}**", ""]
    lines.append(f"{_escaped(sides.head)} against {_escaped(sides.base)}")
    lines.append("")
    if rows:
        lines += ["| | client | streams | figure | base | head | change | 95 % between |"]
        lines += ["|---|---|--:|---|--:|--:|--:|--:|"]
        lines += [
            f"| {'within noise' if c.verdict == 'same' else c.verdict} | {_escaped(c.client)} "
            f"| {c.level.value:,g}{'~' if c.suspect else ''} | {c.figure.title} | {level(c, c.base)} "
            f"| {level(c, c.head)} | {change(c, c.change)} | {between(c)} |"
            for c in rows
        ]
        more = [f"{len(called) - ROWS:,} more are called worse or better"] if len(called) > ROWS else []
        lines += [
            "",
            "; ".join([*more, f"{len(comparison.called('same')):,} figures are within noise"]) + ".",
            "",
        ]
    lines += [_escaped(f"In HEAD, {finding.statement}") + "\n" for finding in comparison.causes[:_CAUSES]]
    details = [
        *map(_escaped, notes(comparison, sides)),
        *(f"`{told(d)}`".replace("\n", " ") for d in sides.differences),
    ]
    details = [*([how(comparison)] if comparison.judged else []), *details]
    if details:
        lines += [
            "<details><summary>How, and what differs</summary>",
            "",
            *(f"- {d}" for d in details),
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"


def _escaped(text: object) -> str:
    """Text that a run's files may have brought, which makes no Markdown or HTML of its own."""
    shown = plain(text, 1000)
    for character in "\\`*_[]<>|#":
        shown = shown.replace(character, "\\" + character)
    return shown


def as_json(comparison: Comparison, sides: Sides) -> str:
    """Everything, as one object."""
    made: dict[str, Any] = {
        "base": sides.base,
        "head": sides.head,
        "verdict": comparison.verdict,
        "exit": compare.exit_code(comparison),
        "why": comparison.why,
        "more_repeats": comparison.more_repeats,
        "paired": comparison.paired,
        "figures_judged": comparison.judged,
        "level": LEVEL,
        "tolerance": comparison.tolerance,
        "differences": [
            {"key": d.key, "base": d.base, "head": d.head, "grave": d.grave} for d in sides.differences
        ],
        "changes": [
            {
                "client": c.client.label,
                "concurrency": c.level.value,
                "figure": c.figure.name,
                "unit": c.figure.unit,
                "base": c.base,
                "head": c.head,
                "verdict": c.verdict,
                "suspect": c.suspect,
                "relative": c.relative,
                "change": c.change,
                "low": c.low,
                "high": c.high,
                "detectable": c.detectable,
                "more_repeats": c.more_repeats,
            }
            for c in comparison.changes
        ],
        "causes": [{"id": f.id, "verdict": f.verdict, "statement": f.statement} for f in comparison.causes],
        "worse_with_every_client": list(comparison.alike),
        "invalid": list(comparison.invalid),
        "lost": list(comparison.lost),
        "only_in_base": list(comparison.only_base),
        "only_in_head": list(comparison.only_head),
    }
    return json.dumps(made, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
