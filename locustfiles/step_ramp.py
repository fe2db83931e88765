# Find the number of streams at which the target breaks: 10 more streams every 10 seconds, up to 100.
#
#   locust -f locustfiles/step_ramp.py --client aiohttp
#   locust -f locustfiles/step_ramp.py --client aiohttp --headless
#
# The shape is an ordinary LoadTestShape of Locust, which Locust calls once a second. `stages:` in a scenario can make
# the same steps, and the engine follows those to the millisecond.
import os
from pathlib import Path

from locust import LoadTestShape

from loadgen.locust_ui.plugin import Streaming

os.environ.setdefault(
    "LOADGEN_SCENARIO", str(Path(__file__).parents[1] / "scenarios" / "100-concurrent.yaml")
)

STEP = 10  # more streams in each step, and its length in seconds
STEPS = 10


class Stream(Streaming):
    """One stream after another."""


class Steps(LoadTestShape):
    """All users of a step start within a second."""

    def tick(self) -> tuple[int, float] | None:
        """Return the users and the spawn rate; ``None`` at the end."""
        step = int(self.get_run_time() // STEP) + 1
        return (step * STEP, STEP) if step <= STEPS else None
