"""How long the engine's own part of a stream takes, without any client."""

import os
import time

from loadgen import protocols
from loadgen.engine.core import Engine
from loadgen.engine.pipe import Outbox
from loadgen.model import Arrival, Cell, ClientId, Level, Load, Prompt, Workload

BATCH = 100  # streams that are timed at once,
BATCHES = 20  # so often; the fastest batch counts, or a busy moment would be taken for the engine's work


def seconds_per_stream(protocol: str) -> float:
    """Return the least time that an engine was seen to need for a stream that nobody sends."""
    load = Load(arrivals="poisson", duration=60.0, max_streams=1)
    cell = Cell(
        index=1,
        client=ClientId("floor"),
        level=Level(rate=1000.0),
        repeat=0,
        url="http://127.0.0.1:1",
        headers={},
        workload=Workload(prompts=(Prompt(text="p"),), load=load, protocol=protocol),
        seed=0,
    )
    unread = os.pipe()
    try:
        engine = Engine(cell, protocols.of(cell.workload), Outbox(unread[1]))
        now = time.perf_counter_ns()
        engine.dispatcher.start(now - 30 * 10**9)  # enough are due, and more to come
        [arrival] = engine.dispatcher.take_due(now)
        return min(_batch(engine, arrival) for _ in range(BATCHES)) / BATCH
    finally:
        for end in unread:
            os.close(end)


def _batch(engine: Engine, arrival: Arrival | None) -> float:
    """Return the CPU seconds of as many streams, one after the other."""
    begin = time.thread_time()
    for _ in range(BATCH):
        assert arrival is not None
        recorder = engine.begin_stream(arrival)
        assert recorder is not None
        engine.request(arrival)
        arrival = engine.end_stream(recorder, arrival)
    return time.thread_time() - begin
