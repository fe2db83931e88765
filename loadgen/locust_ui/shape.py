"""The stages of a scenario, as Locust asks for them: how many users, once a second."""

from __future__ import annotations

from collections.abc import Sequence

from locust import LoadTestShape

from loadgen.loads.stages import streams_at
from loadgen.model import Stage


class Stages(LoadTestShape):
    """Follows the stages to within a second; what is shorter only an engine that has the schedule can do."""

    abstract = True  # a locustfile that merely imports it does not run it

    def __init__(self, stages: Sequence[Stage]) -> None:
        super().__init__()
        self._stages = stages
        self._lasts = sum(stage.over for stage in stages)
        self._asked = (0, 1.0)

    def reset_time(self) -> None:
        """A new test begins, with no users."""
        super().reset_time()
        self._asked = (0, 1.0)

    def tick(self) -> tuple[int, float] | None:
        """Users at the end of the coming second, and a spawn rate that gets there at once; None: the end."""
        now = self.get_run_time()
        if now >= self._lasts:
            return None
        before, _ = self._asked
        users = round(streams_at(self._stages, now + 1.0))
        # Where nothing changes Locust must see the same pair, or it starts another round of spawning.
        if users != before:
            self._asked = (users, float(abs(users - before)))
        return self._asked
