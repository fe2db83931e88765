"""What a run needs to know of its target: the model that it has, and how fast a first request is served."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from loadgen.lab import calibrate, engine, plan
from loadgen.model import AUTO, Cell, Level, Listener, Load, Outcome, Recording, Residency, Scenario, WarmUp
from loadgen.preflight import target
from loadgen.preflight.target import TargetError
from loadgen.secrets import mask_cut

UNLOAD_LOOKS: Final = 10
UNLOAD_LOOK_S: Final = 0.2


def with_model(scenario: Scenario) -> Scenario:
    """Return the scenario with the model that its target has, where it asks for ``auto``. Raises TargetError."""
    if scenario.target.url is None or scenario.workload.model != AUTO:
        return scenario
    [cell, *_] = plan.cells(scenario, scenario.target.url, ())
    try:
        model = target.model_of(cell)
    except TargetError as error:
        raise type(error)(mask_cut(str(error), scenario.secrets)) from None
    return replace(scenario, workload=replace(scenario.workload, model=model))


def check(scenario: Scenario, cells: Sequence[Cell]) -> None:
    """Raise TargetError where the target does not answer in a protocol of the cells; its message has no secrets."""
    for cell in {(cell.workload.protocol, cell.workload.http): cell for cell in reversed(cells)}.values():
        try:
            target.check(cell)
        except TargetError as error:
            raise type(error)(mask_cut(str(error), scenario.secrets)) from None


def warm_up(scenario: Scenario, cell: Cell, interrupted: Callable[[], bool]) -> WarmUp:
    """Send the warm-up's requests one after the other, each read to its end, and return what the last one saw.

    Where prompts are made, the first two find out by what.

    The client is that of ``cell``. Only connecting and the whole have timeouts: a model may have to be loaded.
    Raises TargetError for an answer that no load will change.
    """
    timeouts = cell.workload.timeouts
    patient = replace(timeouts, first_token=timeouts.total, idle=timeouts.total)
    made = cell.workload.made_tokens is not None
    requests = max(2, scenario.warm_up) if made else scenario.warm_up
    workload = replace(
        cell.workload,
        load=Load(requests=requests),
        prompts=calibrate.prompts(cell.workload, cell.seed)
        if made
        else (cell.workload.prompts or (cell.workload.example,)),
        stream=scenario.workload.stream,
        timeouts=patient,
    )
    if scenario.answers == "article":
        target.unload(cell)  # how long a load takes here is one of its answers
    before = in_memory(cell)
    recording = engine.record(
        replace(cell, level=Level(streams=1), workload=workload), Listener(), interrupted
    )
    found = _last(recording, requests)
    error = mask_cut(found.error, scenario.secrets)
    try:
        target.check_status(cell, found.status, error)
    except TargetError as refused:
        raise TargetError(mask_cut(str(refused), scenario.secrets)) from None
    return replace(
        found,
        error=error,
        resident=None if before is None else bool(before),
        calibration=calibrate.calibration(cell.workload, recording.streams) if made else None,
    )


def _last(recording: Recording, requests: int) -> WarmUp:
    of = recording.streams
    if not len(of):
        return WarmUp(requests=0, outcome=Outcome.FAILED, error=recording.ended)
    begin, row = int(of.reads[:-1].sum()), -1
    reads = np.flatnonzero(recording.arrivals.count[begin:])
    first = int(recording.arrivals.at[begin + int(reads[0])]) if len(reads) else None
    start, reported = int(of.start[row]), int(of.server_tokens[row])
    status, load = int(of.status[row]), int(of.load_ns[row])
    return WarmUp(
        requests=min(requests, len(of)),
        outcome=Outcome(of.outcome[row]),
        error=str(of.error[row]),
        status=None if status < 0 else status,
        total_s=(int(of.end[row]) - start) / 1e9,
        ttft_s=None if first is None else (first - start) / 1e9,
        # as `analysis.plausible` has it, but for hidden thinking: no token takes less than a byte
        tokens=reported if 0 < reported <= of.bytes[row] else int(of.text_events[row]),
        load_s=None if load < 0 else load / 1e9,
        prompt_s=None if of.prompt_ns[0] < 0 else int(of.prompt_ns[0]) / 1e9,
    )


def in_memory(cell: Cell) -> target.Listed:
    """Return the model as the target has it in memory; one that has expired is looked at until it has left."""
    for _ in range(UNLOAD_LOOKS):
        model = target.residency(cell)
        expires = model.expires if model else None
        if expires is None or expires > time.time() or not engine.is_here(cell.url):
            return model
        time.sleep(UNLOAD_LOOK_S)
    return model._replace(expires=None) if model else model  # others use it


def residency(cell: Cell, before: target.Listed) -> Residency | None:
    """Return what the target reports of the model in memory, after the cell; ``before`` is what it reported before."""
    if before is None:
        return None
    after = in_memory(cell)
    expires = after.expires if after and engine.is_here(cell.url) else None
    return Residency(
        before=bool(before),
        after=None if after is None else bool(after),
        keep_s=expires - time.time() if expires else None,
    )
