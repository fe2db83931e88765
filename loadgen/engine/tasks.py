"""Drive an async client: a task for each slot, or each open stream. The sibling of threads.py, with ``async``."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns

from loadgen.clients import AsyncClient, Sink, choice
from loadgen.engine.core import Engine
from loadgen.engine.pipe import Commands
from loadgen.engine.recorder import StreamRecorder
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
    loop = asyncio.get_running_loop()
    finished = loop.create_future()
    tasks: set[asyncio.Task[None]] = set()

    def step() -> None:
        """Do what is due, and come back when more is: without a task, which would cost a thousandfold per arrival."""
        try:
            if engine.is_finished(now := perf_counter_ns()):
                finished.set_result(None)
                return
            for arrival in engine.dispatcher.take_due(now):
                task = loop.create_task(_slot(engine, client, arrival))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            engine.check(now)
            wakes[0] = loop.call_later(engine.seconds_to_wake(), step)
        except Exception as error:
            finished.set_exception(error)

    def command() -> None:
        try:
            for line in commands.read():
                engine.run_command(line, perf_counter_ns())
        except Exception as error:
            finished.set_exception(error)
        wakes[0].cancel()
        step()

    wakes = [loop.call_soon(step)]
    loop.add_reader(commands.fd, command)
    await finished
    loop.remove_reader(commands.fd)
    wakes[0].cancel()


async def _slot(engine: Engine, client: AsyncClient, first: Arrival) -> None:
    arrival: Arrival | None = first
    while arrival is not None:
        if (early := arrival.due - perf_counter_ns()) > 0:
            await asyncio.sleep(early / 1e9)
        recorder = engine.begin_stream(arrival)
        if recorder is None:
            return
        await _stream(engine, client, recorder, arrival)
        arrival = engine.end_stream(recorder, arrival)


async def _stream(engine: Engine, client: AsyncClient, recorder: StreamRecorder, arrival: Arrival) -> None:
    task = asyncio.current_task()
    assert task is not None
    recorder.abort = task.cancel
    try:
        sink = Sink(partial(setattr, recorder, "connected"), recorder.on_headers, recorder.on_data)
        await client.stream(engine.request(arrival), sink)
        recorder.finish()
    except Exception as error:
        recorder.fail(error, client.failures)
    except asyncio.CancelledError as error:
        task.uncancel()
        recorder.fail(error, client.failures)
