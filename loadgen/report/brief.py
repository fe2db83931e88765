"""The claims, costs and noise in a few lines for the terminal; the report has all of it, with pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadgen.analysis.causes import BUDGET_NS, CAUSES, LATE
from loadgen.argument.claims import ENOUGH
from loadgen.report.board import figures, says
from loadgen.report.evidence import COSTS
from loadgen.report.text import figure, plain
from loadgen.report.texts import texts

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadgen.model import Effect, Finding

SAID = {"holds": "holds", "contradicts": "against", "spans": "open", "alone": "once"}
STYLES = {"holds": "green", "against": "red", "open": "yellow", "noise": "yellow", "once": "dim"}
VERDICTS = {"confirmed": "bold green", "refuted": "bold red", "open": "yellow"}
FLOORS = ("TTFT p50", "lag p99", "memory per stream", "CPU per token")
TRENDS = 3
_WEIGHT = ("contradicts", "spans", "alone", "holds")  # those that decide against a claim are told first
_STATEMENT = 2000
_ASIDE = re.compile(r" \([^)]*\)| at [\d,]+ streams?$")

CAUSED = {
    "server": "server", "connect": "connect", "gc": "GC", "run-queue": "no core", "held": "held",
    "coalesced": "coalesced", "unexplained": "not seen",
}  # fmt: skip
Spelled = Callable[[str], str]


def causes(told: Sequence[Finding], spelled: Spelled, width: int) -> Iterable[RenderableType]:
    """A row for each measurement with late tokens: how many, and what share of them each cause has."""
    found = texts(told, "cause")
    if not found:
        return
    yield Text("Why tokens came late", style="bold")
    shares = [{effect.name: effect.value for effect in finding.effects} for finding in found]
    used = [name for name in CAUSES if any(name in of for of in shares)]
    rows = [["", "late", *(CAUSED[name] for name in used)]]
    for finding, of in zip(found, shares, strict=True):
        client, _, concurrency = finding.id.rpartition("@")
        rows.append([f"{client} at {int(concurrency):,}", *(_share(of.get(name)) for name in (LATE, *used))])
    if _wide(rows) <= width:
        yield _rows(rows, spelled)
        note = f"of all tokens, those more than {BUDGET_NS / 1e6:g} ms late; of these, by what held them up"
        yield Text(f"  {note}", style="dim")
    else:
        yield from (Text(spelled(plain(finding.statement, _STATEMENT))) for finding in found)


def _share(percent: float | None) -> str:
    if not percent:
        return ""
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %" if percent >= 0.05 else "<0.1 %"


def _wide(rows: Sequence[Sequence[str]]) -> int:
    return sum(2 + max(map(cell_len, column)) for column in zip(*rows, strict=True))


def claims(told: Sequence[Finding], spelled: Spelled) -> Iterable[RenderableType]:
    """Each claim with its verdict and, of each figure that decides, the effect that decides most."""
    found = texts(told, "claim")
    if not found:
        return
    yield Text("Claims", style="bold")
    if not any(finding.effects for finding in found):
        yield Text(
            f"none of the {len(found)} about sync and async clients can be judged by this run", style="dim"
        )
        return
    missing: set[str] = set()
    for finding in found:
        statement = Table.grid(padding=(0, 2, 0, 0))
        statement.add_column(no_wrap=True, min_width=9)
        statement.add_column()
        verdict = Text(plain(finding.verdict), style=VERDICTS.get(finding.verdict, ""))
        statement.add_row(verdict, Text(spelled(plain(finding.statement, _STATEMENT))))
        yield statement
        rows = [_deciding(title, group) for title, group in figures(finding.effects)]
        yield _rows([row for row in rows if row], spelled)
        said = [
            line.removeprefix("Undecided: ")
            for line in finding.evidence
            if line.startswith(("Undecided: ", "Clients differ "))
        ]
        new = [line for line in said if line not in missing]
        missing.update(new)
        if new:
            yield Padding(Text(spelled(plain("; ".join(new), _STATEMENT)), style="dim"), (0, 0, 0, 2))


def _deciding(title: str, group: Sequence[tuple[str, Effect]]) -> tuple[str, ...]:
    deciding = [(label, effect) for label, effect in group if effect.line is not None]
    if not deciding:
        return ()
    one_does = all(effect.note == ENOUGH for _, effect in deciding)
    decides = max if one_does else min
    label, effect = decides(deciding, key=lambda one: (_WEIGHT.index(says(one[1])), _clear(one[1])))
    others = f" +{len(deciding) - 1}" if len(deciding) > 1 else ""
    between = _between(effect)
    return (
        "noise" if effect.note.startswith("within the noise") else SAID[says(effect)],
        figure(effect.value) + (f" ({between})" if between else ""),
        f"{'>' if effect.above else '<'} {effect.line:g}{' %' if effect.unit == '%' else ''}",
        f"{label}{others}: {_ASIDE.sub('', title)}",
    )


def _rows(rows: Sequence[Sequence[str]], spelled: Spelled) -> RenderableType:
    """Columns as wide as they need to be; the last gives way."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    told = [[spelled(plain(cell, _STATEMENT)) for cell in row] for row in rows]
    for column in list(zip(*told, strict=True))[:-1]:
        grid.add_column(no_wrap=True, min_width=max(map(cell_len, column)))
    grid.add_column(no_wrap=True, overflow="crop")
    for row in told:
        grid.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return Padding(grid, (0, 0, 0, 2)) if told else Group()


def _clear(effect: Effect) -> float:
    """How far beyond the line, towards the claim, the nearer end of the interval is."""
    end = effect.low if effect.above else effect.high
    nearest = effect.value if end is None else end
    if nearest is None or effect.line is None:
        return 0.0
    return nearest - effect.line if effect.above else effect.line - nearest


def _between(effect: Effect) -> str:
    return (
        "" if effect.low is None or effect.high is None else f"{figure(effect.low)} to {figure(effect.high)}"
    )


def costs(told: Sequence[Finding], spelled: Spelled, width: int) -> Iterable[RenderableType]:
    """A row for each client, with intervals where there is room for all."""
    found = texts(told, "cost")
    if not found:
        return
    yield Text("What a further stream costs", style="bold")
    for between in (True, False):
        rows = [["", "KiB", "threads", "µs CPU/token", "switches/token"]]
        for finding in found:
            by_name = {effect.name: effect for effect in finding.effects}
            cells = [_cost(by_name.get(name), between=between) for _, name, *_ in COSTS]
            rows.append([plain(finding.id, 40), *cells])
        if _wide(rows) <= width:
            break
    yield _rows(rows, spelled)


def _cost(effect: Effect | None, *, between: bool) -> str:
    if effect is None or effect.low is None or effect.high is None or not between:
        return figure(None if effect is None else effect.value)
    return f"{figure(effect.value)} ({_between(effect)})"


def lines(told: Sequence[Finding], spelled: Spelled) -> Iterable[RenderableType]:
    """The noise, and what moved: a line each."""
    noise = [finding for finding in texts(told, "noise") if finding.effects]
    if noise:
        floors = [effect for effect in noise[-1].effects if effect.name in FLOORS] or noise[-1].effects[:4]
        values = ", ".join(f"{effect.name} {figure(effect.line)} %" for effect in floors)
        who = noise[-1].statement.partition(":")[0]
        yield Text(spelled(plain(f"{who} differs from itself by up to: {values}", _STATEMENT)), style="dim")
    trends = texts(told, "trend")
    for finding in trends[:TRENDS]:
        yield Text(spelled(plain(f"Moved: {finding.statement}", _STATEMENT)), style="yellow")
    if len(trends) > TRENDS:
        yield Text(spelled(f"… and {len(trends) - TRENDS} more that moved, in the report"), style="dim")


def article(told: Sequence[Finding], spelled: Spelled) -> Iterable[RenderableType]:
    """What each of the article's differences is."""
    for finding in texts(told, "article"):
        yield Text("The article, answered", style="bold")
        yield Text(spelled(plain(finding.statement, _STATEMENT)))
        rows = []
        for effect in finding.effects:
            if effect.line is not None:
                title, _, label = effect.name.partition(", ")
                here = f"×{figure(effect.line)}, here ×{figure(effect.value)}"
                rows.append(
                    (
                        effect.note.partition(":")[0],
                        here,
                        f"{label.replace(' as a multiple of ', ' ÷ ')}: {title}",
                    )
                )
        yield _rows(rows, spelled)
        if not rows:
            yield Text(spelled(plain("; ".join(finding.evidence), _STATEMENT)), style="dim")
