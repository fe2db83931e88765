"""What all streams of one simulator share."""

from __future__ import annotations

import gc

from loadgen.model import Simulator
from loadgen.simulator.clock import Clock
from loadgen.simulator.log import Log
from loadgen.simulator.loop import Loop
from loadgen.simulator.plan import Planner
from loadgen.simulator.scheduler import Models, Slots


class State:
    """The scenario's ``spec``, and what follows from it."""

    def __init__(self, spec: Simulator, loop: Loop) -> None:
        self.spec = spec
        self.loop = loop
        self.wheel = loop.wheel
        self.planner = Planner(spec)
        self.clock = Clock()
        self.slots = Slots(spec.parallel, spec.max_queue)
        self.models = Models(spec.load)
        self.log = Log()

    def reset(self) -> None:
        """Begin a new log; the next inference request is the first again. Open streams keep the old one."""
        self.log = Log()
        gc.collect()
