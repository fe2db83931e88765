"""`loadgen ui` and Locust's web UI on our locustfiles: in a browser, over HTTP, and where something is wrong."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError

import pytest

from loadgen.locust_ui.login import protect
from tests.cli.command import alive, children, holds, invoke, scenario, serving
from tests.cli.server import Handler, ollama
from tests.locust_ui.locusts import (
    FILES,
    QUICK,
    listens,
    locust,
    outcomes,
    rows,
    runs,
    soon,
    ui,
)

ENDLESS = {"simulator": {"ttft": "20ms", "gap": "50ms", "tokens": 5000}}
KEY = "sk-not-for-anybody-else"


# ------------------------------------------------------------------------------------------------ in a browser


def test_a_newcomer_starts_edits_and_stops(tab, tmp_path: Path) -> None:
    """From the form to the downloads."""
    file = scenario(tmp_path, target=QUICK, clients=["requests"], concurrency=10)
    with ui(tmp_path, file) as started:
        tab.goto(started.url)
        alert = tab.get_by_role("alert")

        tab.locator("[name=scenario]").fill("no/such.yaml")
        tab.get_by_role("button", name="Start").click()
        alert.get_by_text("no/such.yaml: scenario: there is no such file").wait_for()
        (tmp_path / "bad.yaml").write_text("name: bad\nload: {duration: soon}\n")
        tab.locator("[name=scenario]").fill("bad.yaml")
        tab.get_by_role("button", name="Start").click()
        alert.get_by_text("bad.yaml:2").wait_for()
        assert started.requests()["state"] == "ready"
        assert runs(tmp_path) == []

        assert tab.locator("[name=userCount]").input_value() == "10"  # the scenario's
        tab.locator("[name=scenario]").fill(str(file))
        tab.locator("[name=spawnRate]").fill("10")
        tab.locator("[name=client]").select_option("aiohttp")
        tab.get_by_role("button", name="Start").click()
        tab.get_by_role("tab", name="Streaming").click()
        page = tab.locator("iframe").element_handle().content_frame()
        cells = page.locator("#clients tbody tr").nth(0).locator("td")
        target = cells.nth(2)
        target.get_by_text("10", exact=True).wait_for()
        assert cells.nth(0).inner_text() == "aiohttp"
        points = "() => Bokeh.documents.flatMap((d) => d.roots())[0].renderers[0].data_source.data.value"

        tab.get_by_role("button", name="Edit").click()
        tab.locator("[name=userCount]").fill("40")
        tab.locator("[name=spawnRate]").fill("100")
        tab.get_by_role("button", name="Update").click()
        target.get_by_text("40", exact=True).wait_for()
        soon(lambda: max(page.evaluate(points), default=0) > 30, "the chart of streams open")

        tab.get_by_role("button", name="Stop").click()
        page.locator("#state").get_by_text("stopped", exact=True).wait_for()
        with tab.expect_download() as coming:
            page.get_by_role("link", name="summary.csv").click()
        [row] = csv.DictReader(coming.value.path().read_text().splitlines())
        with tab.expect_download() as coming:
            page.get_by_role("link", name="report.html").click()
        assert "<title>" in coming.value.path().read_text()
        [run] = runs(tmp_path)
        assert (row["client"], row["concurrency"], row["errors"]) == ("aiohttp", "40", "0")
        streams = rows(run / "streams.csv")
        assert len({each["slot"] for each in streams}) == 40
        assert started.requests()["stats"][0]["num_requests"] == outcomes(run)["ok"]

        tab.reload()  # the last choice is proposed
        tab.get_by_role("button", name="New").click()
        assert tab.locator("[name=client]").input_value() == "aiohttp"


# --------------------------------------------------------------------------------------------------- over HTTP


def test_whatever_is_pressed_leaves_whole_runs(tmp_path: Path) -> None:
    """Stop before Start, Stop and Start at once, Reset, a change that is refused, and Ctrl-C while streams are open."""
    file = scenario(tmp_path, target=ENDLESS)
    with ui(tmp_path, file) as started:
        started.stop()
        assert started.requests()["user_count"] == 0
        assert started.start(3)["success"]
        started.stop()
        assert started.start(3)["success"]
        soon(lambda: started.client()["open"] == 3, "streams")
        engines = children(started.process.pid, "loadgen.engine")
        others = children(started.process.pid, "loadgen.simulator")
        assert len(engines) == len(others) == 1
        with pytest.raises(HTTPError) as refused:  # while streams are open nothing is made of them
            started.get("/streaming/files/report.html")
        assert (refused.value.code, "still going" in refused.value.read().decode()) == (404, True)
        assert children(started.process.pid, "report") == []
        assert not (runs(tmp_path)[-1] / "summary.csv").exists()
        answer = started.start(3, client="requests")
        assert not answer["success"]
        assert "stop it first" in answer["message"]
        assert not started.start(3, client="nobody")["success"]
        started.get("/stats/requests")
        started.post("/stats/reset")
        assert started.start(1)["success"]
        soon(lambda: started.client()["open"] == 1, "fewer streams")
        assert started.interrupt() == 0
        assert not [pid for pid in engines + others if alive(pid)]
    last = runs(tmp_path)[-1]
    assert (last / "report.html").exists()
    assert outcomes(last) == {"stopped": 3}
    states = [json.loads((run / "run.json").read_text())["state"] for run in runs(tmp_path)]
    assert states == ["complete", "complete"]


def test_a_run_ends_by_itself_where_there_is_nothing_left_to_do(tmp_path: Path) -> None:
    """At the end of a scenario's stages, which replace the locustfile's own shape; and when its engine is gone.

    The stages begin after the warm-up, which here takes longer than all of them.
    """
    stages = [{"to": 4, "over": "300ms"}, {"hold": "400ms"}]
    text = (FILES / "step_ramp.py").read_text()
    steps = text.replace("STEP = 10 ", "STEP = 1 ").replace("STEPS = 10\n", "STEPS = 60\n")
    assert text != steps
    (tmp_path / "steps.py").write_text(steps)
    with ExitStack() as stack:
        url = stack.enter_context(serving(ttft=0.02, gap=0.05, tokens=20, load=1.5))
        ramp = scenario(tmp_path, target={"url": url}, stages=stages, load=None, concurrency=None, warm_up=1)
        (tmp_path / "ramp.yaml").write_text(ramp.read_text())
        file = scenario(tmp_path, target=ENDLESS)
        started = stack.enter_context(locust(tmp_path, "-f", "steps.py", "--scenario", file))
        assert started.start(1, scenario="ramp.yaml", client="aiohttp")["success"]
        soon(lambda: started.data()["run"] and started.data()["state"] == "stopped", "the end of the stages")
        streams = list(csv.DictReader(started.get("/streaming/files/streams.csv").splitlines()))
        assert [row["outcome"] for row in streams] == ["ok"] * 4  # those open at the end run to their own
        assert max(float(row["due_ms"]) for row in streams) <= 300
        [summary] = csv.DictReader(started.get("/streaming/files/summary.csv").splitlines())
        assert (summary["concurrency"], summary["live_peak"]) == ("4", "4")

        assert started.start(1, scenario="scenario.yaml", client="floor")["success"]
        soon(
            lambda: started.client()["open"] > 1,
            "streams by the locustfile's own shape, one more each second",
        )
        [engine] = children(started.process.pid, "loadgen.engine")
        os.kill(engine, signal.SIGKILL)
        soon(lambda: started.data()["state"] == "stopped", "the end")
        assert any("lost the engine" in note for note in started.data()["notes"])
        soon(lambda: "invalid" in {one["verdict"] for one in started.data()["validity"]}, "the report's")
        assert "Traceback" not in started.log


def test_a_target_that_is_not_there_fails_in_locusts_own_table(tmp_path: Path) -> None:
    """Two clients: both have their row, their line, and the reason."""
    file = scenario(tmp_path, target=QUICK, model="any")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        gone = f"http://127.0.0.1:{server.getsockname()[1]}"
    with locust(tmp_path, "-f", FILES / "sync_vs_async.py", "--scenario", file, "--host", gone) as started:
        assert started.start(4)["success"]
        soon(lambda: len(started.requests()["errors"]) == 2, "failures")
        soon(
            lambda: [*map(bool, (one["history"] for one in started.data()["clients"]))] == [True] * 2, "lines"
        )
        data, locusts = started.data(), started.requests()
        assert any("no connection" in note and gone in note for note in data["notes"])
        assert {one["client"]: one["values"]["ok"] for one in data["clients"]} == {
            "requests": 0,
            "aiohttp": 0,
        }
        started.stop()
    assert {(row["method"], row["name"]) for row in locusts["errors"]} == {
        ("STREAM", "requests"),
        ("STREAM", "aiohttp"),
    }
    assert all("refused: " in row["error"] for row in locusts["errors"])
    assert locusts["fail_ratio"] == 1.0
    assert set(outcomes(runs(tmp_path)[0])) == {"refused"}


def test_keys_stay_where_they_are_used(tmp_path: Path) -> None:
    """Each worker reads its own environment; no page, file, log or command line shows it."""

    def answer(handler: Handler) -> None:
        if handler.path == "/api/generate":
            handler.stream(3)
        else:
            handler.say(200, {})

    with ollama(answer) as server:
        target = {"url": server.url, "headers": {"Authorization": "Bearer ${API_KEY}"}}
        file = scenario(tmp_path, target=target)
        with ui(tmp_path, file, "--workers", "2", env={"API_KEY": KEY}) as started:
            soon(lambda: json.loads(started.get("/worker-count"))["worker_count"] == 2, "workers")
            assert started.start(4, client="requests")["success"]
            soon(lambda: started.client()["ok"] > 4, "streams")
            soon(lambda: len(started.data()["workers"]) == 2, "both workers' figures")
            pages = ["/", "/streaming/data", "/stats/requests", "/logs", "/stats/report", "/exceptions"]
            assert not [page for page in pages if KEY in started.get(page)]
            working = children(started.process.pid, "loadgen")
            for pid in [started.process.pid, *working]:
                assert KEY not in Path(f"/proc/{pid}/cmdline").read_text()
            started.stop()
            assert KEY not in started.get("/streaming/files/streams.csv")
            assert started.interrupt() == 0
            assert not [pid for pid in working if alive(pid)]
        assert KEY not in started.log
        sent = {headers.get("Authorization") for headers in server.seen if "Authorization" in headers}
    assert sent == {f"Bearer {KEY}"}
    [run] = runs(tmp_path)
    assert holds(run, KEY) == []
    assert len({row["worker"] for row in rows(run / "streams.csv")}) == 2


# -------------------------------------------------------------------------------------------------- bad input

# Runs `loadgen ui` and `locust` again and again in one process, because starting Locust takes a second.
REFUSALS = """
import contextlib, io, json, sys
import locust.main
from loadgen.cli import cli
found = []
for program, *arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = [program, *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli() if program == "loadgen" else locust.main.main()
        except SystemExit as end:
            found.append([end.code, out.getvalue(), err.getvalue().strip()])
print(json.dumps(found))
"""


def test_what_cannot_be_run_is_refused_in_a_line(tmp_path: Path) -> None:
    """Exit code 2, and what would be right."""
    file = str(scenario(tmp_path))
    (tmp_path / "bad.yaml").write_text("name: bad\nload: {duration: soon}\n")
    (tmp_path / "open").mkdir()
    at_rate = str(scenario(tmp_path / "open", concurrency=None, rate=5, load={"duration": "1s"}))
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = str(server.getsockname()[1])
        taken = rf"127\.0\.0\.1:{port}: cannot listen there: Address already in use; choose another with --web-port"
        nobody = "no client 'nobody': one of .*floor.*aiohttp.*"
        start = ["locust", "-f", str(FILES / "streaming.py")]
        headless = [*start, "--headless", "-t", "1s", "--scenario"]
        cases = {
            ("loadgen", "ui", file, "--web-port", port): f"loadgen: {taken}",
            ("loadgen", "ui", file, "--client", "nobody", "--web-port", "0"): f"loadgen: {nobody}",
            ("loadgen", "ui", at_rate, "--web-port", "0"): "loadgen: Locust's users are .*  loadgen run .*",
            (*headless, "bad.yaml"): "bad.yaml:2: .*",
            (*headless, file, "--client", "nobody"): nobody,
            (*headless, file, "--host", f"http://me:{KEY}@127.0.0.1"): ".* holds a credential.*name it as .*",
            (*start, "--web-port", port): taken,
        }
        done = subprocess.run(
            [sys.executable, "-c", REFUSALS, json.dumps([*cases])],
            cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
        )  # fmt: skip
    for (code, stdout, stderr), expected in zip(json.loads(done.stdout), cases.values(), strict=True):
        assert (code, stdout) == (2, "")
        assert re.fullmatch(expected, stderr.splitlines()[-1]), stderr
        assert KEY not in stderr
    assert runs(tmp_path) == []


def test_without_locust_the_command_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "locust", None)
    done = invoke("ui", scenario(tmp_path))
    assert re.fullmatch(r'loadgen: .*not installed.*: pip install "loadgen\[locust\]"', done.stderr.strip())
    assert (done.returncode, done.stdout) == (2, "")


# --------------------------------------------------------------------------------------------------- safety


def test_only_this_machine_reaches_web_ui_and_master(tmp_path: Path) -> None:
    """All of 127.0.0.0/8 is this machine: what listens everywhere answers on another of its addresses."""
    master = _free_everywhere()
    with locust(
        tmp_path, "-f", FILES / "streaming.py", "--master", "--master-bind-port", str(master)
    ) as started:
        port = int(started.url.rpartition(":")[2])
        for one in (port, master):
            soon(lambda: listens(f"http://127.0.0.1:{one}"), "the port")  # noqa: B023
            assert not listens(f"http://127.0.0.2:{one}")


def test_a_ui_that_other_machines_reach_warns_of_it(caplog: pytest.LogCaptureFixture) -> None:
    for host, warnings in (("127.0.0.1", 0), ("localhost", 0), ("0.0.0.0", 2), ("", 2), ("192.168.1.10", 2)):
        caplog.clear()
        protect(SimpleNamespace(web_login=False, host=host, tls_cert=None, tls_key=None))  # type: ignore[arg-type]
        assert len(caplog.records) == warnings, host
    assert "--web-login" in caplog.text
    assert "--tls-cert" in caplog.text


def _free_everywhere() -> int:
    with socket.create_server(("0.0.0.0", 0)) as server:
        return server.getsockname()[1]


def test_a_ui_for_others_asks_for_a_login(tab, tmp_path: Path) -> None:
    """In Locust's own page, with a password that is printed on the terminal."""
    with ui(tmp_path, scenario(tmp_path), "--web-host", "0.0.0.0") as started:
        assert listens(started.url.replace("127.0.0.1", "127.0.0.2"))
        assert "not encrypted" in started.log
        user, password = re.search(r"Log in as (\S+) with the password (\S+)", started.log).groups()
        login = started.get("/login")
        assert {started.get(path) for path in ("/", "/streaming/data", "/stats/requests", "/logs")} == {login}
        assert started.post("/swarm", user_count=1, spawn_rate=1) == login
        assert runs(tmp_path) == []

        tab.goto(started.url)
        for attempt in ("wrong", password):
            tab.get_by_label("Username").fill(user)
            tab.locator("[name=password]").fill(attempt)
            tab.get_by_role("button", name="Login").click()
            if attempt == "wrong":
                tab.get_by_text("Wrong user or password").wait_for()
        tab.get_by_role("button", name="Start").wait_for()
        assert password not in tab.request.get(f"{started.url}/logs").text()
