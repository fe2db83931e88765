"""Measures one cell with one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields

from loadgen import store
from loadgen.lab.engine import Engine, EngineError
from loadgen.lab.listener import Listener
from loadgen.model import Cell, CpuSample, Pause, Recording, RecordingInfo, Sample, ServerLog, Stream


def record(
    cell: Cell,
    listener: Listener,
    interrupted: Callable[[], bool],
    server: Callable[[], ServerLog | None],
) -> Recording:
    """Run ``cell`` and return all that it left. ``server`` returns the server's own log of it."""
    engine = Engine(cell, listener)
    try:
        engine.run(interrupted)
    except EngineError as error:
        engine.ended = f"the engine failed: {error}"
    finally:
        engine.close()
    return filled(engine.recording(server()), *engine.take())


def filled(
    recording: RecordingInfo,
    streams: Iterable[Stream],
    samples: Iterable[Sample],
    pauses: Iterable[Pause] = (),
    cpu_samples: Iterable[CpuSample] = (),
) -> Recording:
    """Return the recording with its tables."""
    table, arrivals, stamps = store.table_of_streams(
        sorted(streams, key=lambda each: (each.start, each.slot))
    )
    return Recording(
        **{field.name: getattr(recording, field.name) for field in fields(recording)},
        streams=table,
        arrivals=arrivals,
        stamps=stamps,
        samples=store.table_of_samples(samples),
        pauses=store.table_of_pauses(pauses),
        cpu_samples=store.table_of_cpu_samples(cpu_samples),
    )
