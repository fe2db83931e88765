"""The stages of a scenario as a shape of Locust, which calls ``tick`` once a second."""

from collections.abc import Sequence

from locust import LoadTestShape

from loadgen.loads.stages import streams_at
from loadgen.model import Stage


class Stages(LoadTestShape):
    """Follows the stages to within a second. An engine, which has the schedule, follows them exactly."""

    abstract = True  # or Locust runs it in every locustfile that imports it

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages
        self._seconds = sum(stage.over for stage in stages)
        self.reset_time()

    def reset_time(self) -> None:
        """Begin a new test, with no users."""
        super().reset_time()
        self._last = (0, 1.0)

    def tick(self) -> tuple[int, float] | None:
        """Return the users a second from now, and a spawn rate that gets there at once; ``None`` at the end."""
        now = self.get_run_time()
        if now >= self._seconds:
            return None
        users = round(streams_at(self._stages, now + 1.0))
        if users != self._last[0]:  # or Locust spawns again
            self._last = (users, float(abs(users - self._last[0])))
        return self._last
