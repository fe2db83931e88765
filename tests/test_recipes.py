"""The recipes of CONTRIBUTING.md: one new file and one line each, applied to a copy of the package and used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECIPE = re.compile(
    r"<!-- file (?P<file>\S+) -->\n```python\n(?P<text>.*?)```\n"
    r"<!-- line (?P<table>\S+) (?P<name>\w+) -->\n```\n(?P<line>[^\n]*\n)```\n",
    re.DOTALL,
)
RECIPES = {
    Path(each["file"]).parent.name: each for each in RECIPE.finditer((ROOT / "CONTRIBUTING.md").read_text())
}

CELL = """
from loadgen.model import *
prompts = (Prompt("Why?"),)
cell = Cell(index=1, client=ClientId("http-client"), level=Level(streams=2), repeat=0, url="http://127.0.0.1:1",
            headers={}, workload=Workload(prompts=prompts, load=Load(arrivals="steady", duration=1.0)), seed=0)
"""
# directory of the recipe's file -> a program that uses what it adds, and what the program prints
USES = {
    "clients": (
        """
from loadgen.lab.engine import record
from loadgen.model import Listener
from loadgen.simulator.process import Process
from dataclasses import replace
with Process(Simulator(ttft=0.01, gap=0.001, tokens=5)) as server:
    cell = replace(cell, url=server.url, workload=replace(cell.workload, load=Load(requests=2)))
    found = record(cell, Listener(), lambda: False)
print(found.mode, found.ended, found.streams.outcome.tolist(), found.streams.text_events.tolist())
""",
        "threads  ['ok', 'ok', 'ok', 'ok'] [5, 5, 5, 5]",
    ),
    "protocols": (
        """
from loadgen import protocols
decoder = protocols.load("words").decoder(True)
print(*(type(event).__name__ for event in decoder.feed(b'"a"\\n"b"\\nnull\\n')))
""",
        "Token Token End",
    ),
    "loads": (
        """
from loadgen.loads import arrivals
found = list(arrivals(cell))
print(len(found), found[-1].due)
""",
        "20 950000000",
    ),
    "metrics": (
        """
import sys
from loadgen import analysis
from loadgen.report import frames
from tests import synthetic
summaries = analysis.summarise(synthetic.run("x", [synthetic.recording(tokens=4)]))
print(frames.summary_frame(summaries)["reads_per_stream"].tolist())
""",
        "[5.0]",
    ),
    "sections": (
        """
from loadgen.api import Run
from loadgen.report.document import document
from loadgen.report.renderers import html, markdown
from tests import synthetic
made = synthetic.run("x", [synthetic.recording(tokens=4)], seed=77)
view = Run(folder=made.folder, info=made.info, recordings=made.recordings).view
print("drawn from seed 77." in html.report(document(view, "html")))
print("drawn from seed 77." in markdown.report(document(view, "markdown")))
""",
        "True\nTrue",
    ),
    "cli": (
        """
from loadgen.cli import cli
cli(["name", "scenarios/smoke.yaml"])
""",
        "smoke",
    ),
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, and of the tests' own helpers."""
    for name in ("loadgen", "tests", "scenarios"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
    return tmp_path


def test_every_recipe_is_used() -> None:
    assert RECIPES.keys() == USES.keys()


@pytest.mark.parametrize("kind", USES)
def test_a_recipe_is_one_new_file_and_one_line(package: Path, kind: str) -> None:
    recipe = RECIPES[kind]
    file, table = package / recipe["file"], package / recipe["table"]
    assert not file.exists()
    file.write_text(recipe["text"])
    lines = table.read_text().splitlines(keepends=True)
    [place] = [number for number, line in enumerate(lines) if re.match(rf"{recipe['name']}\b.*[({{]\n", line)]
    table.write_text("".join([*lines[: place + 1], recipe["line"], *lines[place + 1 :]]))
    program, printed = USES[kind]
    done = subprocess.run(
        [sys.executable, "-c", CELL + program],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == (printed, 0), done.stderr
