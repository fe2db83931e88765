"""What all streams of one simulator share: the models in memory, the plan and the log."""

from __future__ import annotations

import gc

from loadgen.model import Level, Simulator
from loadgen.simulator.http import HttpError
from loadgen.simulator.log import Log
from loadgen.simulator.loop import Loop
from loadgen.simulator.plan import Planner
from loadgen.simulator.scheduler import Scheduler
from loadgen.simulator.tokens import Tokens


class State:
    """The scenario's ``spec``, and what follows from it."""

    def __init__(self, spec: Simulator, loop: Loop) -> None:
        self.spec = spec
        self.loop = loop
        self.planner = Planner(spec)
        self.scheduler = Scheduler(spec, loop.wheel)
        self.tokens = Tokens(loop)
        self.log = Log()

    def check_model(self, model: str) -> None:
        """Raise HttpError for a model that the scenario does not know."""
        known = self.spec.models
        if known and full_name(model) not in map(full_name, known):
            raise HttpError(404, f"model '{model}' not found")

    def reset(self, level: Level | None = None) -> None:
        """Begin a new log; the next inference request is the first again. Open streams keep the old one."""
        self.log = Log()
        self.planner.use(level)
        gc.collect()


def full_name(model: str) -> str:
    """Return the name with its tag: Ollama takes ``x`` for ``x:latest``."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"
