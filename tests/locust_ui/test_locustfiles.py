"""The example locustfiles by the command `locust`, without a browser: Locust's own files and our run folder agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.command import scenario, serving
from tests.locust_ui.locusts import FILES, QUICK, free_port, headless, outcomes, rows, runs, worker

HEADER = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    "Max Response Time,Average Content Size,Requests/s,Failures/s,"
    "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
)
COMPLETE = {
    "arrivals", "findings.json", "report.html", "run.json", "samples.csv", "streams.csv", "summary.csv",
    "summary.json",
}  # fmt: skip

PLANS = """
import os, sys
from locust.util.load_locustfile import load_locustfile
for path in sys.argv[1:]:
    os.environ.pop("LOADGEN_SCENARIO", None)
    users, _ = load_locustfile(path)
    from loadgen.locust_ui.plan import make_plan
    plan = make_plan(os.environ["LOADGEN_SCENARIO"], "", "", list(users.values()))
    print(*(cell.client.label for cell in plan.cells))
"""


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


def end(stream: dict[str, str]) -> float:
    """Seconds after the engine began."""
    return (float(stream["start_ms"]) + float(stream["total_ms"])) / 1e3


def test_they_run_without_any_argument(tmp_path: Path) -> None:
    """Wherever that is: each finds its scenario beside itself."""
    files = sorted(FILES.glob("*.py"))
    done = subprocess.run(
        [sys.executable, "-c", PLANS, *map(str, files)],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    labels = dict(zip((file.stem for file in files), done.stdout.splitlines(), strict=True))
    assert labels == {"step_ramp": "requests", "streaming": "requests", "sync_vs_async": "requests aiohttp"}


def test_headless_leaves_locusts_own_files_and_a_run_folder(tmp_path: Path) -> None:
    faults = {"truncate": 0.2, "error_line": 0.2, "status_503": 0.2}
    target = {"simulator": {**QUICK["simulator"], "faults": faults, "seed": 3}}
    file = scenario(tmp_path, target=target, seed=3)
    code, log = headless(
        tmp_path, "-f", FILES / "streaming.py", "--scenario", file, "--client", "aiohttp",
        *["-u", "10", "-r", "10", "-t", "4s", "--html", "r.html", "--csv", "r"],
    )  # fmt: skip
    # Locust's own, where there were failures; or so many that nothing was measured
    assert code in (1, 3), log

    [run] = runs(tmp_path)
    assert {path.name for path in run.iterdir()} == COMPLETE
    found = outcomes(run)
    assert set(found) - {"stopped"} == {"ok", "truncated", "server_error", "http_status"}
    counted = found.total() - found["stopped"]

    assert (tmp_path / "r_stats.csv").read_text().splitlines()[0] == HEADER
    row, total = rows(tmp_path / "r_stats.csv")
    assert (row["Type"], row["Name"], total["Name"]) == ("STREAM", "aiohttp", "Aggregated")
    for each in (row, total):
        assert int(each["Request Count"]) == counted
        assert int(each["Failure Count"]) == counted - found["ok"]
    streams = [each for each in rows(run / "streams.csv") if each["outcome"] != "stopped"]
    last = max(end(each) for each in streams)
    # Locust counts from the moment when it began, an engine from its own.
    assert counted / (last + 3) < float(row["Requests/s"]) < 1.05 * counted / last
    sizes = [int(each["bytes"]) for each in streams]
    assert float(row["Average Content Size"]) == pytest.approx(sum(sizes) / len(sizes))
    failures = {each["Error"]: int(each["Occurrences"]) for each in rows(tmp_path / "r_failures.csv")}
    assert sum(failures.values()) == counted - found["ok"]
    assert any("http_status 503: " in error for error in failures), failures

    page = Parsed((tmp_path / "r.html").read_text())
    assert {"html", "script", "body"} <= set(page.tags)
    assert "aiohttp" in (tmp_path / "r.html").read_text()

    stamps = [
        datetime.fromisoformat(re.search(rf"\[(\S+ \S+),\d+\].*{words}", log)[1])  # type: ignore[index]
        for words in ("Run time limit set", "--run-time limit reached")
    ]
    assert 3 <= (stamps[1] - stamps[0]).total_seconds() <= 6


def test_a_url_is_warmed_up_before_the_users_start(tmp_path: Path) -> None:
    with serving(load=0.3) as url:
        file = scenario(tmp_path, target={"url": url}, warm_up=1)
        code, log = headless(
            tmp_path, *["-f", FILES / "streaming.py", "--scenario", file, "-u", "2", "-r", "2"], streams=1
        )
    assert code == 0, log
    [run] = runs(tmp_path)
    info = json.loads((run / "run.json").read_text())
    assert (info["warm_up"]["requests"], info["warm_up"]["outcome"]) == (1, "ok")
    assert info["warm_up"]["load_s"] >= 0.3
    assert info["server"]["name"] == "Ollama"
    loads = [float(row["server_load_ms"]) for row in rows(run / "streams.csv") if row["outcome"] == "ok"]
    assert max(loads) < 300


def test_workers_share_the_users_of_two_classes(tmp_path: Path) -> None:
    """As many of each on each; with time to end, every stream completes."""
    file = scenario(tmp_path, target=QUICK)
    port, env = str(free_port()), {"LOADGEN_SCENARIO": str(file)}
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(worker(tmp_path, number, FILES / "sync_vs_async.py", port, env))
        code, log = headless(
            tmp_path, "-f", FILES / "sync_vs_async.py", "--master", "--master-bind-port", port,
            *["--expect-workers", "2", "-u", "8", "-r", "8", "--stop-timeout", "20", "--csv", "r"],
            env=env, streams=40,
        )  # fmt: skip
    assert code == 0, log
    [run] = runs(tmp_path)
    streams = rows(run / "streams.csv")
    assert {each["outcome"] for each in streams} == {"ok"}
    spread = {(each["client"], each["worker"], each["slot"]) for each in streams}
    assert Counter(client for client, _, _ in spread) == {"requests": 4, "aiohttp": 4}
    assert list(Counter(name for _, name, _ in spread).values()) == [4, 4]
    counts = {each["Name"]: int(each["Request Count"]) for each in rows(tmp_path / "r_stats.csv")}
    of_each = {name: sum(each["client"] == name for each in streams) for name in ("aiohttp", "requests")}
    assert counts == {**of_each, "Aggregated": len(streams)}
