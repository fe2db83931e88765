"""Show the progress of a run: one live line on a terminal, plain lines in a pipe."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from loadgen.model import Cell, Outcome, Recording, Stream
from loadgen.model.progress import Listener, Progress
from loadgen.report.text import plain

RECENT = 500  # ended streams that the medians shown are taken over


class Plain(Listener):
    """Print a line per cell and per note; for a pipe or a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._place = 0
        self._recent: deque[tuple[float, float | None]] = deque(maxlen=RECENT)

    def begin(self, cells: Sequence[Cell], seconds: float) -> None:
        self._cells = len(cells)
        self._ends_at = time.monotonic() + seconds
        self._print(f"{len(cells)} cells, at least {_clock(seconds)}")

    def cell_begins(self, cell: Cell) -> None:
        self._place += not cell.attempt
        self._title = f"cell {self._place}/{self._cells} {cell.client.label} x {cell.max_streams}"
        self._recent.clear()
        self._rate = (0.0, 0)

    def ended(self, streams: Sequence[Stream]) -> None:
        for stream in streams:
            if stream.outcome == Outcome.OK and (times := _first_token_ms(stream)):
                self._recent.append(times)

    def cell_ends(self, parts: Sequence[Recording]) -> None:
        outcomes = [outcome for part in parts for outcome in part.streams.outcome.tolist()]
        failed = sum(outcome != Outcome.OK for outcome in outcomes)
        ended = dict.fromkeys(plain(part.ended) for part in parts if part.ended)
        text = "; ".join([f"{len(outcomes)} streams, {failed} not ok", *ended])
        self._print(f"{self._title}: {text}{self._medians()}")

    def note(self, text: str) -> None:
        self._print(plain(text))

    def _medians(self) -> str:
        if not self._recent:
            return ""
        ttft = sorted(ttft for ttft, _ in self._recent)
        lag = sorted(lag for _, lag in self._recent if lag is not None)
        text = f", TTFT {ttft[len(ttft) // 2]:,.0f} ms"
        return text + (f", first token's lag {lag[len(lag) // 2]:,.1f} ms" if lag else "")

    def _print(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


class OnTerminal(Plain):
    """Print those lines, and below them one that is updated while a cell runs."""

    def begin(self, cells: Sequence[Cell], seconds: float) -> None:
        super().begin(cells, seconds)
        self._live = Live(Text(""), console=self._console, refresh_per_second=4, transient=True)
        self._live.start()

    def progress(self, progress: Progress) -> None:
        before, tokens = self._rate
        seconds = progress.elapsed - before
        rate = max(0.0, (progress.tokens - tokens) / seconds) if seconds > 0 else 0.0
        self._rate = (progress.elapsed, progress.tokens)
        text = (
            f"{progress.open:,} open · {rate:,.0f} tokens/s · {progress.ended:,} ended · {progress.failed:,} errors · "
            f"about {_clock(max(0.0, self._ends_at - time.monotonic()))} left{self._medians()}"
        )
        self._live.update(Text.assemble((f"{self._title}  ", "bold"), text))

    def end(self) -> None:
        self._live.stop()


def _first_token_ms(stream: Stream) -> tuple[float, float | None] | None:
    """Return the TTFT of one stream and the delivery lag of its first token, ``None`` without a server's stamp.

    ``None`` for a stream without tokens.
    """
    counts = memoryview(stream.counts).cast("H")
    first = next((place for place, count in enumerate(counts) if count), None)
    if first is None:
        return None
    arrival = memoryview(stream.arrivals).cast("q")[first]
    lag = None
    if stream.first_stamp_ns is not None:
        # The clocks are compared properly at the cell's ends; for a live line, their present offset is enough.
        lag = (arrival + time.time_ns() - time.perf_counter_ns() - stream.first_stamp_ns) / 1e6
    return (arrival - stream.start) / 1e6, lag


def _clock(seconds: float) -> str:
    """Return seconds as ``1:15``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
