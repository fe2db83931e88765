# Run two clients at the same time, one on threads and one on an event loop, side by side in every table and chart.
#
#   locust -f locustfiles/sync_vs_async.py
#   locust -f locustfiles/sync_vs_async.py --headless -u 200 -r 20 -t 60s
#
# Each has an engine process of its own, but both share the machine, and with few cores they disturb each other.
# `loadgen run` measures one client after the other. Any client of `loadgen clients` can take either place.
import os
from pathlib import Path

from loadgen.locust_ui.plugin import Streaming

os.environ.setdefault(
    "LOADGEN_SCENARIO", str(Path(__file__).parents[1] / "scenarios" / "100-concurrent.yaml")
)


class Sync(Streaming):
    """A thread for each stream."""

    client = "requests"
    weight = 1  # every second user is of this class


class Async(Streaming):
    """All streams on one event loop."""

    client = "aiohttp"
    weight = 1
