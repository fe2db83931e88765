"""`loadgen ui` and Locust's web UI on our locustfiles: in a browser, over HTTP, and where something is wrong."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.cli.command import alive, children, holds, loadgen, scenario
from tests.cli.server import Handler, ollama
from tests.locust_ui.steer import (
    FILES,
    LOCUST,
    QUICK,
    headless,
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
    with ui(tmp_path, file) as steered:
        tab.goto(steered.url)
        said = tab.get_by_role("alert")

        tab.locator("[name=scenario]").fill("no/such.yaml")
        tab.get_by_role("button", name="Start").click()
        said.get_by_text("no/such.yaml: scenario: there is no such file").wait_for()
        (tmp_path / "bad.yaml").write_text("name: bad\nload: {duration: soon}\n")
        tab.locator("[name=scenario]").fill("bad.yaml")
        tab.get_by_role("button", name="Start").click()
        said.get_by_text("bad.yaml:2").wait_for()
        assert steered.requests()["state"] == "ready"
        assert runs(tmp_path) == []

        assert tab.locator("[name=userCount]").input_value() == "10"  # as many as the scenario has
        tab.locator("[name=scenario]").fill(str(file))
        tab.locator("[name=spawnRate]").fill("10")
        tab.locator("[name=client]").select_option("aiohttp")
        tab.get_by_role("button", name="Start").click()
        tab.get_by_role("tab", name="Streaming").click()
        page = tab.locator("iframe").element_handle().content_frame()
        cells = page.locator("#clients tbody tr").nth(0).locator("td")
        asked = cells.nth(2)
        asked.get_by_text("10", exact=True).wait_for()
        assert cells.nth(0).inner_text() == "aiohttp"
        points = "() => Bokeh.documents.flatMap((d) => d.roots())[0].renderers[0].data_source.data.value"
        soon(lambda: len(page.evaluate(points)) > 1, "the chart")

        tab.get_by_role("button", name="Edit").click()
        tab.locator("[name=userCount]").fill("40")
        tab.locator("[name=spawnRate]").fill("100")
        tab.get_by_role("button", name="Update").click()
        asked.get_by_text("40", exact=True).wait_for()
        soon(lambda: max(page.evaluate(points)) > 30, "streams open follow")

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
        assert steered.requests()["stats"][0]["num_requests"] == outcomes(run)["ok"]

        tab.reload()  # what was chosen last is proposed
        tab.get_by_role("button", name="New").click()
        assert tab.locator("[name=client]").input_value() == "aiohttp"


# --------------------------------------------------------------------------------------------------- over HTTP


def test_whatever_is_pressed_leaves_whole_runs(tmp_path: Path) -> None:
    """Stop before Start, Stop and Start at once, Reset, a change that cannot be, and Ctrl-C in the middle of it all."""
    file = scenario(tmp_path, target=ENDLESS)
    with ui(tmp_path, file) as steered:
        steered.stop()
        assert steered.requests()["user_count"] == 0
        assert steered.start(3)["success"]
        steered.stop()
        assert steered.start(3)["success"]
        soon(lambda: steered.client()["open"] == 3, "streams")
        engines = children(steered.process.pid, "loadgen.engine")
        others = children(steered.process.pid, "loadgen.simulator")
        assert len(engines) == len(others) == 1
        with pytest.raises(HTTPError) as refused:  # while streams are open nothing is made of them
            steered.get("/streaming/files/report.html")
        assert (refused.value.code, "still going" in refused.value.read().decode()) == (404, True)
        assert children(steered.process.pid, "report") == []
        assert not (runs(tmp_path)[-1] / "summary.csv").exists()
        answer = steered.start(3, client="requests")
        assert not answer["success"]
        assert "stop it first" in answer["message"]
        assert not steered.start(3, client="nobody")["success"]
        steered.get("/stats/requests")
        steered.post("/stats/reset")
        assert steered.start(1)["success"]
        soon(lambda: steered.client()["open"] == 1, "fewer streams")
        assert steered.interrupt() == 0
        assert not [pid for pid in engines + others if alive(pid)]
    last = runs(tmp_path)[-1]
    assert (last / "report.html").exists()
    assert outcomes(last) == {"stopped": 3}
    states = [json.loads((run / "run.json").read_text())["state"] for run in runs(tmp_path)]
    assert states == ["complete", "complete"]


def test_a_run_ends_by_itself_where_there_is_nothing_left_to_do(tmp_path: Path) -> None:
    """At the end of its stages, with what is open then; and when its engine is gone."""
    stages = [{"to": 4, "over": "300ms"}, {"hold": "1200ms"}]
    target = {"simulator": {"ttft": "20ms", "gap": "50ms", "tokens": 30}}
    ramp = scenario(tmp_path, target=target, stages=stages, load=None, concurrency=None)
    (tmp_path / "ramp.yaml").write_text(ramp.read_text())
    with ui(tmp_path, scenario(tmp_path, target=ENDLESS)) as steered:
        assert steered.start(1, scenario="ramp.yaml", client="aiohttp")["success"]
        soon(lambda: steered.data()["run"] and steered.data()["state"] == "stopped", "the end of the stages")
        streams = list(csv.DictReader(steered.get("/streaming/files/streams.csv").splitlines()))
        assert [row["outcome"] for row in streams] == ["ok"] * 4
        assert max(float(row["due_ms"]) for row in streams) <= 300

        assert steered.start(2, scenario="scenario.yaml", client="floor")["success"]
        soon(lambda: steered.client()["open"] == 2, "streams")
        [engine] = children(steered.process.pid, "loadgen.engine")
        os.kill(engine, signal.SIGKILL)
        soon(lambda: steered.data()["state"] == "stopped", "the end")
        assert any("lost the engine" in note for note in steered.data()["notes"])
        soon(lambda: {one["verdict"] for one in steered.data()["validity"]} == {"invalid"}, "the report's")
        assert "Traceback" not in steered.log


def test_a_target_that_is_not_there_fails_in_locusts_own_table(tmp_path: Path) -> None:
    """Two clients: both have their row, their line, and the reason."""
    file = scenario(tmp_path, target=QUICK)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        gone = f"http://127.0.0.1:{server.getsockname()[1]}"
    with locust(tmp_path, "-f", FILES / "sync_vs_async.py", "--scenario", file) as steered:
        assert steered.start(4, host=gone)["success"]
        soon(lambda: len(steered.requests()["errors"]) == 2, "failures")
        soon(
            lambda: [*map(bool, (one["history"] for one in steered.data()["clients"]))] == [True] * 2, "lines"
        )
        data, told = steered.data(), steered.requests()
        assert any("no connection" in note and gone in note for note in data["notes"])
        assert {one["client"]: one["values"]["ok"] for one in data["clients"]} == {
            "requests": 0,
            "aiohttp": 0,
        }
        steered.stop()
    assert {(row["method"], row["name"]) for row in told["errors"]} == {
        ("STREAM", "requests"),
        ("STREAM", "aiohttp"),
    }
    assert all("refused: " in row["error"] for row in told["errors"])
    assert told["fail_ratio"] == 1.0
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
        with ui(tmp_path, file, "--workers", "2", env={"API_KEY": KEY}) as steered:
            soon(lambda: json.loads(steered.get("/worker-count"))["worker_count"] == 2, "workers")
            assert steered.start(4, client="requests")["success"]
            soon(lambda: steered.client()["ok"] > 4, "streams")
            soon(lambda: len(steered.data()["workers"]) == 2, "both workers' figures")
            pages = ["/", "/streaming/data", "/stats/requests", "/logs", "/stats/report", "/exceptions"]
            assert not [page for page in pages if KEY in steered.get(page)]
            working = children(steered.process.pid, "loadgen")
            for pid in [steered.process.pid, *working]:
                assert KEY not in Path(f"/proc/{pid}/cmdline").read_text()
            steered.stop()
            assert KEY not in steered.get("/streaming/files/streams.csv")
            assert steered.interrupt() == 0
            assert not [pid for pid in working if alive(pid)]
        assert KEY not in steered.log
        sent = {headers.get("Authorization") for headers in server.seen if "Authorization" in headers}
    assert sent == {f"Bearer {KEY}"}
    [run] = runs(tmp_path)
    assert holds(run, KEY) == []
    assert len({row["worker"] for row in rows(run / "streams.csv")}) == 2


# -------------------------------------------------------------------------------------------------- bad input


def test_what_cannot_be_opened_is_refused_in_a_line(tmp_path: Path) -> None:
    """Exit code 2, and what would be right."""
    file = scenario(tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = str(server.getsockname()[1])
        taken = loadgen("ui", file, "--web-port", port, cwd=tmp_path)
        plain = subprocess.run(
            [*LOCUST, "-f", FILES / "streaming.py", "--web-port", port],
            cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
    nobody = loadgen("ui", file, "--client", "nobody", "--web-port", "0", cwd=tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "locust.py").write_text("raise ImportError('no')\n")
    missing = loadgen("ui", file, cwd=tmp_path / "elsewhere")
    for done, told in [
        (taken, rf"loadgen: 127\.0\.0\.1:{port}: cannot listen there: .*; choose another with --web-port"),
        (nobody, r"loadgen: no client 'nobody': one of floor, requests, .*aiohttp.*"),
        (missing, r'loadgen: .*not installed.*: pip install "loadgen\[locust\]"'),
    ]:
        assert re.fullmatch(told, done.stderr.strip()), done.stderr
        assert (done.returncode, done.stdout) == (2, "")
    assert plain.returncode == 2
    assert plain.stderr.strip().endswith("choose another with --web-port")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--scenario", "bad.yaml"], "bad.yaml:2"),
        (["--scenario", "scenario.yaml", "--client", "nobody"], "no client 'nobody': one of floor, requests"),
        (
            ["--scenario", "scenario.yaml", "--host", f"http://me:{KEY}@127.0.0.1"],
            "holds a credential",
        ),
    ],
)
def test_locust_itself_refuses_them_too(tmp_path: Path, arguments: list[str], told: str) -> None:
    scenario(tmp_path)
    (tmp_path / "bad.yaml").write_text("name: bad\nload: {duration: soon}\n")
    code, log = headless(tmp_path, "-f", FILES / "streaming.py", "-t", "1s", *arguments)
    assert code == 2
    assert told in log
    assert KEY not in log
    assert runs(tmp_path) == []


# --------------------------------------------------------------------------------------------------- safety


def test_nobody_else_reaches_web_ui_and_master(tmp_path: Path) -> None:
    """All of 127.0.0.0/8 is this machine: what listens everywhere answers on another of its addresses."""
    master = _free_everywhere()
    with locust(
        tmp_path, "-f", FILES / "streaming.py", "--master", "--master-bind-port", str(master)
    ) as steered:
        port = int(steered.url.rpartition(":")[2])
        for one in (port, master):
            soon(lambda: listens(f"http://127.0.0.1:{one}"), "the port")  # noqa: B023
            assert not listens(f"http://127.0.0.2:{one}")


def test_who_is_told_listens_elsewhere_and_says_what_that_means(tmp_path: Path) -> None:
    with locust(tmp_path, "-f", FILES / "streaming.py", "--web-host", "0.0.0.0") as steered:
        port = steered.url.rpartition(":")[2]
        assert listens(f"http://127.0.0.2:{port}")
        assert "without a password: add --web-login" in steered.log
        assert "not encrypted" in steered.log


def _free_everywhere() -> int:
    with socket.create_server(("0.0.0.0", 0)) as server:
        return server.getsockname()[1]


def test_a_ui_for_others_asks_for_a_login(tab, tmp_path: Path) -> None:
    """In Locust's own page, with a password that is told on the terminal."""
    with ui(tmp_path, scenario(tmp_path), "--web-host", "0.0.0.0") as steered:
        assert "not encrypted" in steered.log
        user, password = re.search(r"Log in as (\S+) with the password (\S+)", steered.log).groups()
        login = steered.get("/login")
        assert {steered.get(path) for path in ("/", "/streaming/data", "/stats/requests", "/logs")} == {login}
        assert steered.post("/swarm", user_count=1, spawn_rate=1) == login
        assert runs(tmp_path) == []

        tab.goto(steered.url)
        for given in ("wrong", password):
            tab.get_by_label("Username").fill(user)
            tab.locator("[name=password]").fill(given)
            tab.get_by_role("button", name="Login").click()
            if given == "wrong":
                tab.get_by_text("Wrong user or password").wait_for()
        tab.get_by_role("button", name="Start").wait_for()
        assert password not in tab.request.get(f"{steered.url}/logs").text()


def test_the_password_may_come_from_the_environment(tmp_path: Path) -> None:
    given = {"LOADGEN_UI_USER": "ada", "LOADGEN_UI_PASSWORD": KEY}
    with ui(tmp_path, scenario(tmp_path), "--web-host", "0.0.0.0", env=given) as steered:
        for wrong in ({"username": "ada", "password": ""}, {"username": "loadgen", "password": KEY}, {}):
            steered.post("/login/password", **wrong)
            assert steered.get("/streaming/data") == steered.get("/login")
        steered.post("/login/password", username="ada", password=KEY)
        assert steered.data()["state"] == "ready"
        assert KEY not in steered.log
