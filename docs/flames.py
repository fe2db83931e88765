"""Draw where a token's time goes: ``python docs/flames.py [CLIENT …]`` writes docs/images/flame-CLIENT.svg.

py-spy (``pip install py-spy``) samples the engine while 1,000 streams of 20 tokens/s are open; on Linux with the frames
of C code, but for clients on threads; there every thread that runs or could run is a sample.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import psutil

from benchmarks.engine import CORES
from loadgen.clients import info
from loadgen.engine.system import raise_open_files
from loadgen.lab import plan
from loadgen.lab.engine import record
from loadgen.model import ClientId, Level, Listener, Load, Prompt, Scenario, Simulator, Target, Workload
from loadgen.simulator.process import Process

IMAGES = Path(__file__).parent / "images"
CLIENTS = ("floor", "aiohttp", "requests")
STREAMS, SECONDS, RAMP = 1000, 4, 2
PATH = re.compile(r"(?<=[\s(;])(?:/[^\s()/<>;:]+)+/(?=[^\s()/<>;:]+)")  # of a machine


def main() -> None:
    raise_open_files()
    for name in sys.argv[1:] or CLIENTS:
        file = IMAGES / f"flame-{name}.svg"
        _draw(name, file)
        text = PATH.sub("", file.read_text())
        file.write_text(text)
        click.echo(f"{file.name}: {len(text) >> 10} KiB")


def _draw(name: str, file: Path) -> None:
    with Process(
        Simulator(ttft=0.3, gap=0.05, tokens=20 * (SECONDS + 3 * RAMP), jitter=0.5), cores=CORES.simulator
    ) as server:
        scenario = Scenario(
            name="flames",
            target=Target(url=server.url),
            clients=(ClientId(name),),
            levels=(Level(streams=STREAMS),),
            workload=Workload(prompts=(Prompt("p"),), load=Load(requests=1, ramp=RAMP), model="m"),
        )
        (cell,) = plan.cells(scenario, server.url, CORES.engine)
        running = threading.Thread(target=record, args=(cell, Listener(), lambda: False))
        running.start()
        time.sleep(2 * RAMP)
        engine = next(
            each for each in psutil.Process().children() if "loadgen.engine" in " ".join(each.cmdline())
        )
        options = ["--function", "--rate", "200", "--duration", str(SECONDS), "--output", str(file)]
        # A thousand threads are too many to stop, and to look into their C code.
        is_native = sys.platform == "linux" and info(name).mode != "threads"
        native = ["--native"] if is_native else ["--nonblocking"]
        subprocess.run(["py-spy", "record", "--pid", str(engine.pid), *options, *native], check=True)
        running.join()


if __name__ == "__main__":
    main()
