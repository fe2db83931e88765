"""The table and the findings as rich renderables: as many columns as the console has room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rich.box import Box
from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from loadgen.report import brief
from loadgen.report.evidence import broken
from loadgen.report.text import figure, plain
from loadgen.report.texts import texts

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from loadgen.model import Finding, Level, Summary, TextFinding

STYLES = {
    "valid": "green", "held": "green",
    "suspect": "yellow",
    "invalid": "bold red", "failed": "bold red",
}  # fmt: skip
_ASCII = str.maketrans({"–": "-", "µ": "u", "…": "...", "×": "x", "÷": "/", "≤": "<=", "≥": ">="})
_GAP = 2
_LABEL = 40
_LONGEST = 2000
_MANY = 12  # reasons that are told in full
RULED = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
RULED_ASCII = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


@dataclass(frozen=True, slots=True)
class _Column:
    group: str
    name: str
    value: Callable[[Summary], str]
    rank: int  # columns are given up from the highest rank on


def _of(name: str) -> Callable[[Summary], str]:
    return lambda summary: ("~" if summary[name].low_sample else "") + figure(summary.value(name))


def _switches(summary: Summary) -> str:
    told = [summary.value("voluntary_switches_per_token"), summary.value("involuntary_switches_per_token")]
    known = [value for value in told if value is not None]
    return figure(sum(known) if known else None)


_COLUMNS = (
    _Column("", "mode", lambda s: s.mode, 17),
    _Column("", "streams", _of("streams"), 18),
    _Column("", "ok", _of("ok"), 13),
    _Column("", "errors", _of("errors"), 3),
    _Column("open", "at once", _of("live_peak"), 19),
    _Column("", "tokens/s", _of("tokens_per_s"), 16),
    _Column("TTFT", "p50", _of("ttft_p50_ms"), 0),
    _Column("TTFT", "p90", _of("ttft_p90_ms"), 20),
    _Column("TTFT", "p99", _of("ttft_p99_ms"), 1),
    _Column("ITL", "p50", _of("itl_p50_ms"), 9),
    _Column("ITL", "p90", _of("itl_p90_ms"), 21),
    _Column("ITL", "p99", _of("itl_p99_ms"), 6),
    _Column("total", "p50", _of("total_p50_ms"), 14),
    _Column("total", "p99", _of("total_p99_ms"), 15),
    _Column("lag", "p50", _of("lag_p50_ms"), 10),
    _Column("lag", "p99", _of("lag_p99_ms"), 2),
    _Column("KiB/", "stream", _of("rss_per_stream_kib"), 4),
    _Column("", "threads", _of("threads_peak"), 5),
    _Column("CPU µs", "/token", _of("cpu_us_per_token"), 7),
    _Column("switch", "/token", _switches, 8),
    _Column("", "verdict", lambda s: str(s.validity), 2),
)


class _Figures:
    """The main figures; picks its columns when it learns how wide the console is."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        self.levels = {
            concurrency: list(group)
            for concurrency, group in groupby(sorted(summaries, key=_level), key=_level)
        }
        self.summaries = [summary for group in self.levels.values() for summary in group]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        spelled = speller(options)
        titles = {level: level.label for level in self.levels}
        labels = {s.client: spelled(plain(s.client.label, _LABEL)) for s in self.summaries}
        first = max(*(cell_len(label) + 2 for label in labels.values()), *map(len, titles.values()))
        columns = self._fitting(options.max_width - first, spelled)
        shown = Table(
            box=RULED_ASCII if options.ascii_only else RULED,
            pad_edge=False,
            show_edge=False,
            padding=(0, 1, 0, 0),
        )
        shown.add_column(Text("\nclient"), no_wrap=True, overflow="ellipsis")
        groups = [""]
        for column in columns:
            group = column.group if column.group != groups[-1] else ""
            groups.append(column.group)
            width = self._width(column, spelled)
            shown.add_column(
                Text(spelled(f"{group}\n{column.name}")), justify="right", no_wrap=True, min_width=width
            )
        for concurrency, group_of in self.levels.items():
            shown.add_row(Text(titles[concurrency], style="bold"))
            for summary in group_of:
                cells = [_styled(spelled(column.value(summary))) for column in columns]
                shown.add_row(Text("  " + labels[summary.client]), *cells)
        yield shown
        soft = (
            "; ~ soft: too few values to hold it firmly"
            if any(each.low_sample for s in self.summaries for each in s.values())
            else ""
        )
        yield Text(spelled(f"TTFT, ITL, total and lag in ms; – not measured{soft}"), style="dim")

    def _fitting(self, room: int, spelled: Callable[[str], str]) -> list[_Column]:
        chosen: list[_Column] = []
        for column in sorted(_COLUMNS, key=lambda c: c.rank):
            room -= self._width(column, spelled) + _GAP
            if room < 0:
                break
            chosen.append(column)
        return [column for column in _COLUMNS if column in chosen]

    def _width(self, column: _Column, spelled: Callable[[str], str]) -> int:
        texts = [column.group, column.name, *(column.value(s) for s in self.summaries)]
        return max(cell_len(spelled(text)) for text in texts)


def _level(summary: Summary) -> Level:
    return summary.level


def table(summaries: Sequence[Summary]) -> RenderableType:
    """The main figures, grouped by concurrency; soft figures bear ``~``, ``–`` was not measured.

    Why a measurement is not valid is told by :func:`findings`.
    """
    return _Figures(summaries) if summaries else Text("nothing was measured", style="bold")


class _Findings:
    def __init__(self, told: Sequence[Finding]) -> None:
        self.told = told

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        spelled = speller(options)
        for kind, title in (
            ("validity", "What not to believe"),
            ("threshold", "Thresholds"),
        ):
            of_kind = texts(self.told, kind)
            if not of_kind:
                continue
            many = sum(len(finding.evidence) for finding in of_kind) > _MANY
            grid = Table.grid(padding=(0, _GAP, 0, 0))
            grid.add_column(no_wrap=True, min_width=8)
            grid.add_column()
            for (verdict, evidence), alike in _alike(of_kind).items():
                shown = evidence
                if kind == "validity" and many:
                    lines = [
                        Text(spelled(_gist(finding)), no_wrap=True, overflow="crop") for finding in alike
                    ]
                    grid.add_row(Text(plain(verdict), style=STYLES.get(verdict, "")), Group(*lines))
                    continue
                if kind == "threshold":
                    shown = broken(evidence)
                lines = [Text(spelled(plain(finding.statement, _LONGEST))) for finding in alike]
                lines += [Text(spelled(plain(line, _LONGEST)), style="dim") for line in shown]
                grid.add_row(Text(plain(verdict), style=STYLES.get(verdict, "")), Group(*lines))
            yield Text(title, style="bold")
            yield grid
            yield Text("")
        for part in (
            brief.causes(self.told, spelled, options.max_width),
            brief.claims(self.told, spelled),
            brief.costs(self.told, spelled, options.max_width),
            brief.lines(self.told, spelled),
            brief.article(self.told, spelled),
        ):
            if told := list(part):
                yield from told
                yield Text("")


def _gist(finding: TextFinding) -> str:
    """In one line: of what, how many reasons there are, and the gravest."""
    what = finding.statement.removesuffix(f" is {finding.verdict}")
    number = f" ({len(finding.evidence)} reasons)" if len(finding.evidence) > 1 else ""
    return plain(f"{what}{number}: {'; '.join(finding.evidence[:1])}", _LONGEST)


def _alike(told: Sequence[TextFinding]) -> dict[tuple[str, tuple[str, ...]], list[TextFinding]]:
    """Findings of one verdict for the same reasons, told once."""
    alike: dict[tuple[str, tuple[str, ...]], list[TextFinding]] = {}
    for finding in told:
        alike.setdefault((finding.verdict, finding.evidence), []).append(finding)
    return alike


def findings(told: Sequence[Finding]) -> RenderableType:
    """What not to believe and the thresholds with all their evidence; then why tokens came late, the claims with
    what decides them, costs, noise and the article's differences, in few lines."""
    return _Findings(told)


def speller(options: ConsoleOptions) -> Callable[[str], str]:
    if not options.ascii_only:
        return lambda text: text
    return lambda text: text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def _styled(text: str) -> Text:
    return Text(text, style=STYLES.get(text, ""))
