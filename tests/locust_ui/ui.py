"""Locust's web UI with the tab, over moving figures: `python -m tests.locust_ui.ui FOLDER [BASE] [login]`.

It prints its address, and ends when its stdin does.
"""

import math
import sys
from pathlib import Path

import gevent
from gevent.fileobject import FileObject
from locust import User, constant, task
from locust.env import Environment
from locust.web import WebUI

from loadgen.analysis.metrics import Metric, PerStream, added
from loadgen.locust_ui.live import Live
from loadgen.locust_ui.login import protect
from loadgen.locust_ui.origin import refuse_foreign
from loadgen.locust_ui.web import install
from loadgen.model import ClientId, Outcome
from tests.lab.cells import cell
from tests.locust_ui.updates import assignment, sample, stream, update

CLIENTS = (
    ClientId("requests"),
    ClientId("requests", {"session": "<b>shared</b>"}),  # a hostile text
    ClientId("aiohttp"),
)
RUN = "20261122T100000Z-toy"
ROW_INTERVAL = 0.5
WAIT = Metric(
    key="wait",
    label="wait",
    description="A metric of another package.",
    formula=PerStream(lambda m: m.headers_wait),
    topic="latency",
    percentiles=(50,),
    drawn=(50,),
    live=(50, 90),
)


class Toy(User):
    wait_time = constant(0.2)

    @task
    def nothing(self):
        pass


class Moving:
    """A run that begins with Locust's own; a row per client every half second."""

    def __init__(self, environment, folder):
        self.environment = environment
        self.folder = folder
        self.live = Live()
        self.begun = False
        environment.events.test_start.add_listener(self.begin)

    def begin(self, **_):
        self.begun = True
        cells = [cell(index=n, client=client) for n, client in enumerate(CLIENTS, 1)]
        self.live.begin(RUN, "toy", cells)
        gevent.spawn(self.move, [(each, assignment(each, f"host-{each.index}")) for each in cells])

    def move(self, assignments):
        number = 0
        while True:
            for each, to in assignments:
                late = 100.0 if each.index == 2 and number > 3 else 0.0
                sent = update(
                    each,
                    self.streams(each.index, number, late),
                    requested=100,
                    open=number,
                    tokens=100 * number,
                    samples=[
                        sample(number, cpu_s=0.2 * number, rss_mib=60 + number, threads=10 * each.index)
                    ],
                )
                to.add(sent)
                self.live.update(to, sent)
                to.lost = "killed" if each.index == 2 and number > 3 else ""
            if number > 3 and not self.live.notes:
                self.live.notes.append("lost worker host-2; others take over its <i>streams</i>")
            self.live.tick()
            gevent.sleep(ROW_INTERVAL)
            number += 1

    def streams(self, index, number, late):
        base = 300 + 100 * index + 30 * math.sin(number / 4)
        failed = [stream(outcome=Outcome.RESET)] * (number == 1)
        return [*failed, *(stream(base + n, gap=base / 8, tokens=2, late=late) for n in range(100))]

    def snapshot(self):
        running = self.environment.runner.state in ("spawning", "running")
        return self.live.snapshot("running" if running else "stopped" if self.begun else "ready")

    def file(self, name):
        if not self.begun:
            raise LookupError("There is no run yet.")
        path = self.folder / name
        path.write_text(f"{name} of the toy\n", encoding="utf-8")
        return path


def main(folder, base="", login=""):
    environment = Environment(user_classes=[Toy])
    environment.create_local_runner()
    ui = WebUI(
        environment, "127.0.0.1", 0, web_base_path=base or None, web_login=bool(login), delayed_start=True
    )
    refuse_foreign(ui)
    protect(ui)
    with added(WAIT):
        moving = Moving(environment, Path(folder))
        install(ui, moving.snapshot, moving.file)
        ui.start()
        while ui.server is None or not ui.server.started:
            gevent.sleep(0.01)
        sys.stdout.write(f"http://127.0.0.1:{ui.server.server_port}{base}/" + "\n")
        sys.stdout.flush()
        FileObject(sys.stdin).read()
        environment.runner.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
