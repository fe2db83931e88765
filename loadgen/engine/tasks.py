"""Drive an async client: a task for each slot, or each open stream. The sibling of threads.py, with ``async``."""

import asyncio
from collections.abc import Callable
from time import perf_counter_ns

from loadgen.clients import AsyncClient, choice
from loadgen.engine.alarm import Alarm
from loadgen.engine.core import Engine
from loadgen.engine.pipe import Commands
from loadgen.model import Arrival, Cell


def drive(
    engine: Engine, kind: Callable[[Cell], AsyncClient], commands: Commands, start: Callable[[], bool]
) -> None:
    """Make the client, wait for ``start`` and drive every slot to its end."""
    # Not asyncio.run: it would wait for streams that a stop has left behind.
    _new_loop(engine).run_until_complete(_drive(engine, kind, commands, start))


def _new_loop(engine: Engine) -> asyncio.AbstractEventLoop:
    if choice(engine.cell.client, "loop") == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.SelectorEventLoop(engine.pauses.selector())


async def _drive(
    engine: Engine, kind: Callable[[Cell], AsyncClient], commands: Commands, start: Callable[[], bool]
) -> None:
    client = kind(engine.cell)
    if not start():
        return
    await _Driver(engine, client, commands).finished


class _Driver:
    """Start what is due and run commands, in callbacks of the loop: a task for that would cost more than a stream's."""

    def __init__(self, engine: Engine, client: AsyncClient, commands: Commands) -> None:
        self._engine, self._client, self._commands = engine, client, commands
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.finished: asyncio.Future[None] = self._loop.create_future()
        self._alarm = Alarm(self._loop, self._on_time)
        self._loop.add_reader(commands.fd, self._on_command)
        engine.wake = self._wake
        self._on_time()

    def close(self) -> None:
        """Let the loop call back no more."""
        self._loop.remove_reader(self._commands.fd)
        self._alarm.close()

    def _wake(self) -> None:
        if not self.finished.done():
            self._alarm.set(self._engine.wakes_at())

    def _on_command(self) -> None:
        try:
            for line in self._commands.read():
                self._engine.run_command(line, perf_counter_ns())
        except Exception as error:
            self.close()
            self.finished.set_exception(error)
        else:
            self._on_time()

    def _on_time(self) -> None:
        engine = self._engine
        try:
            if engine.is_finished(now := perf_counter_ns()):
                self.close()
                self.finished.set_result(None)
                return
            for arrival in engine.dispatcher.take_due(now):
                task = self._loop.create_task(_slot(engine, self._client, arrival))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            engine.check(now)
            self._alarm.set(engine.wakes_at())
        except Exception as error:
            self.close()
            self.finished.set_exception(error)


async def _slot(engine: Engine, client: AsyncClient, first: Arrival) -> None:
    arrival: Arrival | None = first
    task = asyncio.current_task()
    assert task is not None
    while arrival is not None:
        request = engine.request(arrival)
        # uvloop wakes up to a millisecond early
        while (early := arrival.due - perf_counter_ns()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(early / 1e9)
        recorder = engine.begin_stream(arrival)
        if recorder is None:
            return
        recorder.cancel = task.cancel
        try:
            await client.stream(request, recorder)
            recorder.finish()
        except Exception as error:
            recorder.fail(error, client.failures)
        except asyncio.CancelledError as error:
            task.uncancel()
            recorder.fail(error, client.failures)
        arrival = engine.end_stream(recorder, arrival)
