"""Show the progress of a run: a line for each measurement, and on a terminal a bar below them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from loadgen.analysis import validity
from loadgen.analysis.answer.failures import failed
from loadgen.analysis.metrics import Repeats, column
from loadgen.analysis.repeats import attempts_of
from loadgen.model import (
    AUTO,
    Cell,
    Listener,
    Outcome,
    Prediction,
    Recording,
    RecordingInfo,
    Scenario,
    Stream,
    WarmUp,
)
from loadgen.model.progress import Progress
from loadgen.report import blocks, document
from loadgen.report.bar import Bar
from loadgen.report.blocks import Column, Table, Tone
from loadgen.report.columns import value_text
from loadgen.report.language import _, plural
from loadgen.report.renderers.terminal import INDENT, Layout, OnScreen, Screen
from loadgen.report.sentences import prediction, warm_up
from loadgen.report.sentences.answer import paragraphs
from loadgen.report.sentences.validity import reason
from loadgen.report.text import clauses, duration, flowing

AGAIN = "↻ "  # before what is measured again
WIDE = "99,999"  # as wide as any figure
LABEL = 15  # characters of a client's label; a longer one has its own line where there is no room
FIGURES = ("ttft_p50_ms", "tokens_per_s", "send_delay_p99_ms", "lag_p99_ms")  # of the table of metrics
OF_BYTES = ("ttfb_p50_ms", "mib_per_s", *FIGURES[2:])

T = TypeVar("T")


def announce(console: Console, scenario: Scenario, cells: Sequence[Cell], seconds: float) -> None:
    """Print what will be run, and about how long that takes."""
    about = _("about {time}").format(time=duration(seconds))
    title = "  ".join([scenario.name, document.size(scenario, scenario.levels), about])
    what = [document.target(scenario), plural(len(cells), "{n} measurement", "{n} measurements")]
    control = [_("{client} is the A/A control").format(client=c.client) for c in cells if c.client.control][
        :1
    ]
    paragraph(console, title, "strong")
    paragraph(console, clauses([*what, *control]), "quiet")


def paragraph(console: Console, text: str, tone: Tone = "", first: str = "") -> None:
    """Print text, wrapped and indented as far as ``first``, which stands before it."""

    def lines(screen: Screen) -> Iterator[Text]:
        wrapped = screen.wrapped(text, tone, indent=len(first), first=0)
        for place, line in enumerate(wrapped):
            yield screen.text("" if place else first, tone) + line

    console.print(OnScreen(lines))


class Plain(Listener):
    """Print what will be run, a line for each measurement, and messages; for a pipe or a log.

    ``scenario`` is without its secrets; ``warning`` is about the machine.
    """

    def __init__(
        self, console: Console, scenario: Scenario, warning: str = "", *, quiet: bool = False
    ) -> None:
        self._console, self._scenario, self._warning, self._quiet = console, scenario, warning, quiet
        self._warm_up: list[tuple[str, Tone]] = []
        self._predictions: Sequence[Prediction] = ()
        self._causes: set[tuple[str, int | None]] = set()
        self._whys: set[str] = set()

    def warmed_up(self, seen: WarmUp, cells: Sequence[Cell]) -> None:
        warnings = warm_up.warnings(seen, cells)
        sound: Tone = "quiet" if seen.outcome is Outcome.OK else "warn"
        self._warm_up = [(warm_up.saw(seen), sound), *((text, "warn") for text in warnings)]
        if of := seen.calibration:
            tone: Tone = "quiet" if of.source == "server" else "warn"
            self._warm_up.insert(1, (warm_up.calibrated(of), tone))

    def predicted(self, predictions: Sequence[Prediction]) -> None:
        self._predictions = predictions

    def begin(self, cells: Sequence[Cell], seconds: Sequence[float]) -> None:
        self._rows = _Rows(cells)
        announce(self._console, self._scenario, cells, sum(seconds))
        if not self._warm_up and (of := cells[0].workload.calibration if cells else None):
            self.note(warm_up.calibrated(of), "warn" if of.source == "default" else "quiet")
        for text, tone in self._warm_up:
            self.note(text, tone)
        if self._warning:
            self.note(self._warning)
        given = {(cell.client, cell.level): cell.engines for cell in cells}
        if self._scenario.engines == AUTO:  # whose choice has been noted
            given = {}
        for text in prediction.short(self._predictions, given):
            self.note(text)
        self._head()

    def _head(self) -> None:
        self._below = 0  # rows
        self._console.print()
        self._console.print(OnScreen(self._rows.head))

    def cell_ends(self, parts: Sequence[Recording]) -> None:
        if self._console.is_terminal and self._below >= self._console.height - 6:
            self._head()
        self._below += 1
        self._console.print(OnScreen(partial(self._rows.row, parts)))
        for why in dict.fromkeys(part.ended for part in parts if part.ended not in ("", "interrupted")):
            self.note(why)
        if parts[0].stopped is not None:
            self.note(reason(validity.stopped(parts[0].stopped)))
        found = failed(parts)
        causes = {(cause.outcome, cause.status) for cause in found.causes}
        if causes - self._causes:
            self.note(flowing(paragraphs([found])), "bad")
        self._causes |= causes

    def again(self, cell: Cell, why: str) -> None:  # noqa: ARG002
        kind = re.sub(r"[\d.,]+", "", why)  # a cause is named once, with the figures of the first cell
        if kind not in self._whys:
            self._whys.add(kind)
            paragraph(self._console, _("Measured again, because {why}").format(why=why), "warn", AGAIN)

    def interrupted(self) -> None:
        text = _("Interrupted. This measurement ends now, then what was measured is reported.")
        self.note(flowing([text, _("Ctrl-C again ends at once.")]))

    def end(self) -> None:
        self._console.print()

    def note(self, text: str, tone: Tone = "warn") -> None:
        paragraph(self._console, text, tone, " " * INDENT)


class OnTerminal(Plain):
    """Print the same, and below it a bar and the running figures; if ``quiet``, the bar alone."""

    def __init__(
        self, console: Console, scenario: Scenario, warning: str = "", *, quiet: bool = False
    ) -> None:
        super().__init__(console, scenario, warning, quiet=quiet)
        self._bar = Bar(console, figures=not quiet)

    def warm_up_begins(self, requests: int) -> None:
        paragraph(self._console, warm_up.begins(requests), "quiet")

    def begin(self, cells: Sequence[Cell], seconds: Sequence[float]) -> None:
        if not self._quiet:
            super().begin(cells, seconds)
        self._bar.begin(cells, seconds)

    def cell_begins(self, cell: Cell) -> None:
        self._bar.cell_begins(cell)

    def ended(self, streams: Sequence[Stream], of: Callable[[], RecordingInfo]) -> None:
        self._bar.ended(streams, of)

    def progress(self, progress: Progress) -> None:
        self._bar.progress(progress)

    def cell_ends(self, parts: Sequence[Recording]) -> None:
        if not self._quiet:
            super().cell_ends(parts)

    def again(self, cell: Cell, why: str) -> None:
        if not self._quiet:
            super().again(cell, why)

    def interrupted(self) -> None:
        super().interrupted()
        self._bar.interrupted()

    def note(self, text: str, tone: Tone = "warn") -> None:
        if not self._quiet:
            super().note(text, tone)

    def end(self) -> None:
        self._bar.end()
        if not self._quiet:
            super().end()


class _Rows:
    """The table of measurements, printed row by row: every column is as wide as any row of the run may need."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._labels = {cell.client.label for cell in cells}
        self._levels = {cell.level for cell in cells}
        self._rounds = len({cell.repeat for cell in cells})
        judged = [Column("%", _("good"))] if any(cell.workload.slo.is_set for cell in cells) else []
        has_tokens = any(cell.workload.has_tokens for cell in cells)
        figures = FIGURES if has_tokens else OF_BYTES
        self._figures = ("good_percent", *figures) if judged else figures
        above = _("added p99 ms")
        columns = (
            Column(_("client")),
            Column(_("streams") if all(level.streams for level in self._levels) else _("per s")),
            Column(_("round"), priority=6),
            *judged,
            Column(_("p50 ms"), _("TTFT") if has_tokens else _("TTFB"), priority=2),
            Column(_("tok/s") if has_tokens else _("MiB/s"), priority=5),
            Column(_("to send"), above, priority=4),
            Column(_("to receive"), above, priority=3),
            Column(_("failures"), priority=1),
        )
        self._columns = self._shown(*columns)

    def head(self, screen: Screen) -> Iterator[Text]:
        """Yield the heading."""
        for line in self._layout(screen).head():
            yield Text(" " * INDENT) + line

    def row(self, parts: Sequence[Recording], screen: Screen) -> Iterator[Text]:
        """Yield the row of one measurement; before it its label, where that is too long for the column."""
        of = parts[0]
        ((repeat,),) = attempts_of(parts)
        repeats = Repeats(included=(repeat,), all=(repeat,))
        failures = failed(parts).failed
        figures = [value_text(column(name), column(name).measured(repeats)) for name in self._figures]
        layout, label = self._layout(screen), screen.text(of.client.label)
        mark = screen.text(AGAIN if of.attempt else " " * INDENT)
        if label.cell_len > layout.widths[0]:
            yield mark + label
            label, mark = Text(), Text(" " * INDENT)
        cells: list[str | blocks.Cell] = self._shown(
            label.plain, f"{of.level.value:,g}", f"{of.repeat + 1}/{self._rounds}", *figures,
            blocks.Cell(f"{failures:,}", tone="bad" if failures else ""),
        )  # fmt: skip
        for line in layout.row(cells):
            yield mark + line

    def _shown(self, client: T, level: T, round_: T, *others: T) -> list[T]:
        """Return a row without the columns that would be the same in all."""
        key = [level] * (len(self._levels) > 1) + [round_] * (self._rounds > 1)
        return [client, *key, *others]

    def _layout(self, screen: Screen) -> Layout:
        level, rounds = max((f"{level.value:,g}" for level in self._levels), key=len), f"{self._rounds}"
        for limit in (max(map(cell_len, self._labels)), LABEL):
            labels = [label for label in self._labels if cell_len(label) <= limit] or [""]
            figures = [WIDE] * (len(self._figures) + 1)
            rows = [self._shown(label, level, f"{rounds}/{rounds}", *figures) for label in labels]
            layout = Screen(screen.width - INDENT, screen.ascii_only).layout(Table(self._columns, {"": rows}))
            if len(layout.shown) == len(self._columns):
                break
        return layout
