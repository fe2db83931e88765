# Change the number of streams by hand and watch: users are simultaneous streams of one client.
#
#   locust -f locustfiles/streaming.py
#
# Open http://127.0.0.1:8089, choose a scenario and a client, start 10 users, look at the tab "Streaming", and
# edit the number of users while it runs. Without a browser, and with Locust's own HTML and CSV files:
#
#   locust -f locustfiles/streaming.py --headless -u 200 -r 20 -t 60s --html r.html --csv r
#
# --scenario and --client (or LOADGEN_SCENARIO and LOADGEN_CLIENT) choose what is run. The scenario's clients,
# concurrency, load and repeats are ignored: Locust sets how many streams are open, and for how long. A scenario with
# `stages:` follows those instead.
import os
from pathlib import Path

from loadgen.locust_ui.plugin import Streaming

os.environ.setdefault(
    "LOADGEN_SCENARIO", str(Path(__file__).parents[1] / "scenarios" / "100-concurrent.yaml")
)


class Stream(Streaming):
    """One stream after another, of the client that --client or the form names."""
