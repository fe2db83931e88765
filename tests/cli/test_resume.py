"""A run that was killed is completed in its own folder, by the real command."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import loadgen
from loadgen.lab.run import Deadline
from tests.cli import command
from tests.cli.command import holds, scenario, started, until
from tests.cli.server import ENDLESS, Handler, ollama

KEY = "k3y-of-nobody-77"
ENV = {"RESUME_KEY": KEY}


def test_a_killed_run_is_resumed_to_the_table_of_an_undisturbed_one(tmp_path: Path) -> None:
    out, free = tmp_path / "run", threading.Event()

    def answer(handler: Handler) -> None:
        endless = not free.is_set() and len(handler.server.seen) > 2
        handler.stream(ENDLESS if endless else 3) if handler.path == "/api/generate" else handler.say(200, {})

    target = {"url": "http://h", "headers": {"Authorization": "Bearer ${RESUME_KEY}"}}
    path = scenario(tmp_path, target=target, clients=["floor", "requests"], repeats=2, seed=5)
    with ollama(answer) as server:
        flags = ("--url", server.url, "--out", out)
        with started("run", path, *flags, cwd=tmp_path, env=ENV) as process:
            until((out / "arrivals" / "0001.npz").exists, "the first cell")
            until(lambda: server.tokens > 40, "tokens of an endless stream")
            running = command.invoke("run", path, "--url", server.url, "--resume", out, env=ENV)
            assert (running.returncode, "still goes on" in running.stderr) == (2, True), running.stderr
            process.kill()
            process.wait()
        free.set()
        planned = loadgen.Run.load(out).info
        bare = command.invoke("run", "--resume", out)
        assert (bare.returncode, "has secrets" in bare.stderr) == (2, True), bare.stderr
        other = command.invoke("run", path, "--url", server.url, "--seed", "6", "--resume", out, env=ENV)
        assert other.returncode == 2
        assert "  scenario.seed: 5, now 6\n" in other.stderr
        assert loadgen.Run.load(out).info == planned, "what is refused changes nothing"
        ran = command.invoke("run", path, "--url", server.url, "--resume", out, env=ENV)
        assert ran.returncode == 0, ran.stderr
        asked = len(server.seen)
        again = command.invoke("run", path, "--url", server.url, "--resume", out, "--json", env=ENV)
        assert (again.returncode, json.loads(again.stdout)["verdict"]) == (0, "done")
        assert "nothing to do" in again.stderr
        assert len(server.seen) == asked

    run = loadgen.Run.load(out)
    assert (planned.state, run.info.state, len(run.info.resumed)) == ("running", "complete", 1)
    assert [c.index for c in planned.cells] == list(dict.fromkeys(c.index for c in run.info.cells))
    last = {cell.index: cell for cell in run.info.cells}
    assert [cell.ended for cell in last.values()] == [""] * 4
    assert sum(cell.ended == "the run ended before the cell" for cell in run.info.cells) <= 1
    assert [(row.client, row.streams, row.ok) for row in run.summary().itertuples()] == [
        ("floor", 2, 2),
        ("requests", 2, 2),
    ]
    assert run.info.resumed[0] in (out / "report.html").read_text(encoding="utf-8")
    assert not holds(out, KEY)


def test_what_was_missing_is_the_same_as_in_an_undisturbed_run(tmp_path: Path) -> None:
    out, target = tmp_path / "r", {"simulator": {"ttft": "1ms", "gap": "0ms", "tokens": 2}}
    load = {"duration": "500ms", "arrivals": "gamma", "shape": 0.5}
    path = scenario(tmp_path, repeats=2, target=target, concurrency=None, rate=40, load=load)
    assert command.invoke("run", path, "--out", out).returncode == 0
    undisturbed = loadgen.Run.load(out).streams()[["cell", "client", "stream", "due_ms", "prompt"]]
    file = out / "run.json"
    info = json.loads(file.read_text())
    info["cells"][1] |= {"ended": None, "files": [], "at": None}  # as a kill between two cells leaves it
    file.write_text(json.dumps(info | {"state": "running", "ended": None}))
    path.unlink()
    changed = command.invoke("run", "--resume", out, "--duration", "3s")
    assert (changed.returncode, "leave out what changes it" in changed.stderr) == (2, True)
    assert command.invoke("run", "--resume", out, "--out", out).returncode == 2
    ran = command.invoke("run", "--resume", out)
    assert ran.returncode == 0, ran.stderr
    run = loadgen.Run.load(out)
    assert [(cell.index, cell.attempt, cell.ended) for cell in run.info.cells] == [(1, 0, ""), (2, 0, "")]
    assert run.streams()[list(undisturbed)].equals(undisturbed)
    file.write_text(
        json.dumps(json.loads(file.read_text()) | {"state": "running"})
    )  # killed after its last cell
    assert command.invoke("run", "--resume", out).returncode == 0
    assert loadgen.Run.load(out).info.state == "complete"


def test_what_is_no_run_folder_is_named(tmp_path: Path) -> None:
    ran = command.invoke("run", "--resume", tmp_path / "none")
    assert (ran.returncode, "not a run folder" in ran.stderr) == (2, True)
    assert "Missing argument 'SCENARIO'" in command.invoke("run").stderr


def test_max_time_ends_a_run_as_an_interrupt_does(tmp_path: Path) -> None:
    target = {"simulator": {"ttft": "1ms", "gap": "10ms", "tokens": 1_000_000}}
    path, out = scenario(tmp_path, target=target, repeats=2, timeouts={"total": "24h"}), tmp_path / "run"
    ran = command.invoke("run", path, "--out", out, "--max-time", "1500ms")
    assert ran.returncode == 130, ran.stderr
    assert "--max-time is over" in ran.stdout
    assert "The run was ended by --max-time, after 2s: " in ran.stdout
    run = loadgen.Run.load(out)
    assert (run.info.state, run.info.max_time_s) == ("interrupted", 1.5)
    assert [cell.ended for cell in run.info.cells][-1] is None, "the second round never began"
    for wrong in ("0s", "10", "nan"):
        assert command.invoke("run", path, "--max-time", wrong).returncode == 2


def test_a_deadline_that_is_not_looked_at_ends_nothing() -> None:
    notes: list[str] = []
    deadline = Deadline(0.0, lambda: False, notes.append)
    assert not deadline.over
    assert deadline.passed()
    assert deadline.passed()
    assert (deadline.over, len(notes)) == (True, 1)
    assert not Deadline(None, lambda: False, notes.append).passed()
