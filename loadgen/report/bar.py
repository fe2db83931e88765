"""The bar below the progress of a run: how much is done, how long the rest takes, and what the streams do now."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from statistics import fmean

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.text import Text

from loadgen.model import Cell, Level, Listener, Outcome, RecordingInfo, Stream
from loadgen.model.progress import Progress
from loadgen.report.columns import level_text
from loadgen.report.language import _, plural
from loadgen.report.text import beside, duration, plain

RECENT = 500  # ended streams that the median shown is taken over
WIDTH = 40


class TimeLeft:
    """How much of a run is done. Cells are expected to take as long as those before them at the same level did."""

    def __init__(
        self, cells: Sequence[Cell], seconds: Sequence[float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._planned = {cell.index: each for cell, each in zip(cells, seconds, strict=True)}
        self._rest = list(cells)
        self._now: Cell | None = None
        self._took: dict[Level, list[float]] = {}
        self._over = [0.0]  # by how much longer than planned cells took
        self._start = self._began = clock()

    def cell_begins(self, cell: Cell) -> None:
        """Note that a cell begins, and that the one before has ended."""
        if self._now:
            took = self._clock() - self._began
            self._took.setdefault(self._now.level, []).append(took)
            self._over.append(took - self._planned[self._now.index])
        self._now, self._began = cell, self._clock()
        self._rest = [each for each in self._rest if each.index != cell.index]

    @property
    def seconds(self) -> float:
        """Return about how many seconds are left."""
        current = self._expected(self._now) - (self._clock() - self._began) if self._now else 0.0
        return max(0.0, current) + sum(map(self._expected, self._rest))

    @property
    def share(self) -> float:
        """Return how much of the time has passed, 0..1."""
        passed = self._clock() - self._start
        return passed / max(passed + self.seconds, 1e-9)

    def _expected(self, cell: Cell) -> float:
        if cell.level in self._took:
            return fmean(self._took[cell.level])
        return max(0.0, self._planned[cell.index] + fmean(self._over[1:] or self._over))


class Bar(Listener):
    """A bar on a terminal, and below it running ``figures`` where wanted; both are gone when the run ends."""

    def __init__(self, console: Console, *, figures: bool) -> None:
        self._console = console
        self._figures = figures
        self._ends = False
        self._begun: set[int] = set()  # indexes of cells
        self._text = Text()

    def begin(self, cells: Sequence[Cell], seconds: Sequence[float]) -> None:
        self._cells = len(cells)
        self._left = TimeLeft(cells, seconds)
        self._live = Live(
            console=self._console, refresh_per_second=2, transient=True, get_renderable=lambda: self
        )
        self._live.start()

    def cell_begins(self, cell: Cell) -> None:
        self._begun.add(cell.index)
        self._left.cell_begins(cell)
        self._now = cell
        self._ttft: deque[float] = deque(maxlen=RECENT)
        self._held = 0
        self._before = (0.0, 0)
        self._text = self._titled(_("starting"))

    def ended(self, streams: Sequence[Stream], of: Callable[[], RecordingInfo]) -> None:  # noqa: ARG002
        self._held += sum(bool(stream.held_ns) for stream in streams)
        times = (_ttft_ms(stream) for stream in streams if stream.outcome == Outcome.OK)
        self._ttft += [each for each in times if each is not None]

    def progress(self, progress: Progress) -> None:
        before, tokens = self._before
        self._before = (progress.elapsed, progress.tokens)
        seconds = progress.elapsed - before
        rate = max(0.0, (progress.tokens - tokens) / seconds) if seconds > 0 else 0.0
        ttft = sorted(self._ttft)
        self._text = self._titled(
            *self._in_flight(progress.open),
            *([_("{n} tok/s").format(n=f"{rate:,.0f}")] if self._now.workload.has_tokens else []),
            *([_("TTFT {n} ms").format(n=f"{ttft[len(ttft) // 2]:,.0f}")] if ttft else []),
            failures=progress.failed,
        )

    def _in_flight(self, streams: int) -> list[str]:
        """Return how many streams are open, and of an open load how many of those that ended were held back."""
        if self._now.level.rate is None:
            return [_("{n} open").format(n=f"{streams:,}")]
        held = _("{n} held back").format(n=f"{self._held:,}")
        return [_("{n} in flight").format(n=f"{streams:,}"), held]

    def interrupted(self) -> None:
        self._ends = True

    def end(self) -> None:
        self._live.stop()

    def _titled(self, *parts: str, failures: int | None = None) -> Text:
        cell = self._now
        where = [plain(cell.client), level_text(cell.level)]
        if cell.attempt:
            where.append(_("again"))
        text = Text.assemble((beside(*where), "bold"), _(": "), beside(*parts))
        if failures is not None:
            shown = plural(failures, "{n} failure", "{n} failures")
            text.append(beside("", "")).append(shown, style="bold red" if failures else "")
        return text

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        """Draw without a table of rich, which takes most of the time: it is drawn beside a measurement."""
        if self._figures:
            yield Segment.line()
        left = _("about {time} left").format(time=duration(max(1.0, self._left.seconds)))
        done = _("{n} of {all}").format(n=len(self._begun), all=self._cells)
        yield ProgressBar(total=1.0, completed=self._left.share, width=min(WIDTH, console.width // 2))
        yield Segment(f"  {done}  {_('interrupted, ending') if self._ends else left}")
        if self._figures:
            yield Segment.line()
            yield self._text


def _ttft_ms(stream: Stream) -> float | None:
    """Return the TTFT of one stream; ``None`` for one without tokens."""
    return None if (first := stream.first_token) is None else (first - stream.start) / 1e6
