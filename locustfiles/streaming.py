# Watch and steer streams by hand: users are simultaneous streams of one client.
#
#   locust -f locustfiles/streaming.py
#
# Open http://127.0.0.1:8089, choose a scenario and a client, start 10 users, look at the tab "Streaming", and
# edit the number of users while it runs. Without the browser, and with Locust's own files of figures:
#
#   locust -f locustfiles/streaming.py --headless -u 200 -r 20 -t 60s --html r.html --csv r
#
# --scenario and --client (or LOADGEN_SCENARIO and LOADGEN_CLIENT) say what is run. Only the scenario's clients,
# concurrency, load and repeats are left aside: here Locust says how many streams there are, and for how long. A
# scenario with `stages:` runs through them instead.
import os
from pathlib import Path

from loadgen.locust_ui.plugin import Streaming

os.environ.setdefault(
    "LOADGEN_SCENARIO", str(Path(__file__).parents[1] / "scenarios" / "100-concurrent.yaml")
)


class Stream(Streaming):
    """One stream after another, of the client that --client or the form says."""
