# Find the step at which it breaks: 10 more streams every 10 seconds, up to 100.
#
#   locust -f locustfiles/step_ramp.py --client aiohttp
#   locust -f locustfiles/step_ramp.py --client aiohttp --headless
#
# A shape of your own needs nothing of loadgen: it is Locust's LoadTestShape. Where the same steps in a scenario's
# `stages:` will do, prefer those: the engine follows them to the millisecond, a shape is asked once a second.
import os
from pathlib import Path

from locust import LoadTestShape

from loadgen.locust_ui.plugin import Streaming

os.environ.setdefault(
    "LOADGEN_SCENARIO", str(Path(__file__).parents[1] / "scenarios" / "100-concurrent.yaml")
)

STEP = 10  # streams more, and seconds that each step lasts
STEPS = 10


class Stream(Streaming):
    """One stream after another."""


class Steps(LoadTestShape):
    """Each step at once, not one by one."""

    def tick(self) -> tuple[int, float] | None:
        """(users, users that come per second); None when it is over."""
        step = int(self.get_run_time() // STEP) + 1
        return (step * STEP, STEP) if step <= STEPS else None
