"""Drives an async client: a task per slot. The control of threads.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter_ns

from loadgen.clients import AsyncClient, Sink, choice
from loadgen.engine.core import Engine, Orders
from loadgen.model import Cell


def drive(
    engine: Engine, kind: Callable[[Cell], AsyncClient], orders: Orders, go: Callable[[], bool]
) -> None:
    """Make the client, wait for ``go`` and drive every slot to its end."""
    # Not asyncio.run: it would wait for streams that a stop has left behind.
    _new_loop(engine).run_until_complete(_drive(engine, kind, orders, go))


def _new_loop(engine: Engine) -> asyncio.AbstractEventLoop:
    if choice(engine.cell.client, "loop") == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.SelectorEventLoop(engine.pauses.selector())


async def _drive(
    engine: Engine, kind: Callable[[Cell], AsyncClient], orders: Orders, go: Callable[[], bool]
) -> None:
    client = kind(engine.cell)
    if not go():
        return
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    called = asyncio.Event()
    loop.add_reader(orders.fd, called.set)
    now = perf_counter_ns()
    for line in orders.left():
        engine.order(line, now)
    while not engine.finished(now):
        for slot, due in engine.due(now):
            task = loop.create_task(_slot(engine, client, slot, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        for recorder in engine.tick(now):
            recorder.abort()
        wait = (engine.wake() - perf_counter_ns()) / 1e9
        if await _set(called, max(0.0, wait)):
            called.clear()
            for line in orders.read():
                engine.order(line, perf_counter_ns())
        now = perf_counter_ns()
    loop.remove_reader(orders.fd)


async def _set(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def _slot(engine: Engine, client: AsyncClient, slot: int, due: int | None) -> None:
    done = 0
    while due is not None:
        await asyncio.sleep(max(0, due - perf_counter_ns()) / 1e9)
        if engine.leaves(slot, due):
            return
        ok = await _stream(engine, client, slot, due, done)
        done += 1
        due = engine.again(slot, done, ok, perf_counter_ns())


async def _stream(engine: Engine, client: AsyncClient, slot: int, due: int, done: int) -> bool:
    recorder = engine.watch(slot, due)
    task = asyncio.current_task()
    assert task is not None
    recorder.abort = task.cancel
    try:
        sink = Sink(lambda _: None, recorder.on_headers, recorder.on_data)
        await client.stream(engine.request(slot, done), sink)
        recorder.finish()
    except Exception as error:
        recorder.fail(error, client.failures)
    except asyncio.CancelledError as error:
        task.uncancel()
        recorder.fail(error, client.failures)
    return engine.ended(recorder)
