"""What all streams of one simulator share."""

from __future__ import annotations

import gc

from loadgen.model import Simulator
from loadgen.simulator.clock import Clock
from loadgen.simulator.loop import Loop
from loadgen.simulator.plan import Planner
from loadgen.simulator.record import Record
from loadgen.simulator.scheduler import Models, Slots


class State:
    """The scenario's ``spec``, and what follows from it. Raises ValueError for a spec that cannot be."""

    def __init__(self, spec: Simulator, loop: Loop) -> None:
        self.spec = spec
        self.loop = loop
        self.wheel = loop.wheel
        self.planner = Planner(spec)
        self.clock = Clock()
        self.slots = Slots(spec.parallel, spec.max_queue)
        self.models = Models(spec.load)
        self.record = Record()

    def trim(self) -> None:
        """Keep the record within its bound."""
        self.record.trim()

    def reset(self) -> None:
        """Begin a new record; the next inference request is the first again. Open streams keep the old one."""
        self.record = Record()
        gc.collect()
