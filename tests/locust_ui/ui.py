"""Locust's web UI with the tab, over moving figures: `python -m tests.locust_ui.ui FOLDER [BASE] [login]`.

It prints its address, and ends when its stdin does.
"""

import math
import sys
import time
from pathlib import Path

import gevent
from gevent.fileobject import FileObject
from locust import User, constant, task
from locust.env import Environment
from locust.web import WebUI

from loadgen.locust_ui.web import install

HOSTILE = "requests session=<b>shared</b>"
MODES = {"requests": 40, HOSTILE: 30, "aiohttp": 1}
RUN = "20261122T100000Z-toy"


class Toy(User):
    wait_time = constant(0.2)

    @task
    def nothing(self):
        pass


class Fake:
    """A run that began with Locust's own; a row per client every half second."""

    def __init__(self, environment, folder):
        self.environment = environment
        self.folder = folder
        self.begun = None
        environment.events.test_start.add_listener(self.begin)

    def begin(self, **_):
        self.begun = time.monotonic()

    def snapshot(self):
        elapsed = time.monotonic() - self.begun if self.begun else 0.0
        rows = [self.row(n, client) for n in range(int(elapsed * 2)) for client in MODES]
        running = self.environment.runner.state in ("spawning", "running")
        return {
            "run": RUN if self.begun else "",
            "scenario": "toy",
            "state": "running" if running else "stopped" if self.begun else "ready",
            "elapsed": elapsed,
            "clients": [self.client(client, rows) for client in MODES] if rows else [],
            "workers": [
                {
                    "worker": f"host-{n}",
                    "client": client,
                    "state": "lost" if n == 2 else "running",
                    "open": 33,
                }
                | {"rss_mib": 81.2, "threads": 1, "cpu_percent": 43.0, "streams": 150}
                for n, client in enumerate(MODES, 1)
            ],
            "validity": self.validity(elapsed),
            "history": rows,
            "notes": ["worker host-2 was lost; its <i>streams</i> went to the others"] if elapsed > 2 else [],
        }

    def row(self, n, client):
        base = 300 + 20 * len(client) + 30 * math.sin(n / 4)
        latency = {
            f"{name}_{p}": base * part * (1.0 if p == "p50" else 1.4)
            for name, part in (("ttft", 1), ("itl", 0.15))
            for p in ("p50", "p99")
        }
        use = {"rss_mib": 60 + MODES[client] * n / 20, "threads": MODES[client], "cpu_percent": 20.0 + n % 7}
        lag = {"lag_p50": None, "lag_p99": None}
        return {"at": n / 2, "client": client, "open": n, "tokens_per_s": 20.0 * n} | latency | lag | use

    def client(self, client, rows):
        row = [row for row in rows if row["client"] == client][-1]
        measured = {
            name: {"n": 300, "p50": row[f"{name}_p50"], "p90": None, "p99": row[f"{name}_p99"]}
            for name in ("ttft", "itl", "lag")
        }
        counts = {"asked": 100, "open": row["open"], "ended": row["open"] * 3, "ok": row["open"] * 3}
        return (
            {"client": client, "tokens_per_s": row["tokens_per_s"], "failed": 2, "stopped": 0}
            | counts
            | measured
        )

    def validity(self, elapsed):
        return [{"verdict": "suspect", "who": HOSTILE, "text": "late by 40 ms"}] if elapsed > 2 else []

    def file(self, name):
        if self.begun is None:
            raise LookupError("Nothing was run yet.")
        path = self.folder / name
        path.write_text(f"{name} of the toy\n", encoding="utf-8")
        return path


def main(folder, base="", login=""):
    environment = Environment(user_classes=[Toy])
    environment.create_local_runner()
    ui = WebUI(
        environment, "127.0.0.1", 0, web_base_path=base or None, web_login=bool(login), delayed_start=True
    )
    if login:
        ui.app.secret_key = "toy"
        ui.login_manager.user_loader(lambda _: None)
    fake = Fake(environment, Path(folder))
    install(ui, fake.snapshot, fake.file)
    ui.start()
    while ui.server is None or not ui.server.started:
        gevent.sleep(0.01)
    sys.stdout.write(f"http://127.0.0.1:{ui.server.server_port}{base}/" + "\n")
    sys.stdout.flush()
    FileObject(sys.stdin).read()
    environment.runner.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
