"""A run from end to end: its flags, its folder, its exit codes."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

import loadgen
from tests.cli import command
from tests.cli.command import scenario

ROOT = Path(__file__).resolve().parents[2]

SUMMARY = """
client, mode, concurrency, repeats, streams, ok, errors, live_peak, tokens, tokens_per_s,
ttft_p50_ms, ttft_p90_ms, ttft_p95_ms, ttft_p99_ms, itl_p50_ms, itl_p90_ms, itl_p95_ms, itl_p99_ms,
total_p50_ms, total_p90_ms, total_p95_ms, total_p99_ms, lag_p50_ms, lag_p99_ms, rss_base_mib,
rss_peak_mib, rss_per_stream_kib, threads_peak, cpu_s, cpu_us_per_token,
voluntary_switches_per_token, involuntary_switches_per_token, validity, reasons
"""
STREAMS = """
cell, client, concurrency, repeat, stream, outcome, status, due_ms, start_ms, headers_ms,
first_byte_ms, ttft_ms, total_ms, tokens, bytes, reads, error
"""


@dataclass(frozen=True)
class Ran:
    out: Path
    process: subprocess.CompletedProcess[str]

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.out / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def about(self) -> dict:
        return json.loads((self.out / "run.json").read_text())


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Two clients, one and two streams, by flags over a scenario that says otherwise."""
    folder = tmp_path_factory.mktemp("run")
    path = scenario(
        folder,
        clients=["aiohttp"],
        concurrency=7,
        repeats=9,
        load={"requests": 99},
        thresholds=["floor.errors < 1%"],
    )
    with command.serving(ttft=0.1, gap=0.02, tokens=6) as url:
        process = command.invoke(
            "run", path, "--clients", "floor,requests", "--concurrency", "1,2", "--repeats", "1", "--seed", "5",
            "--set", "load.requests=2", "--set", "options.num_predict=6", "--url", url,
            "--out", folder / "there" / "it",
            cwd=folder,
        )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
    return Ran(folder / "there" / "it", process)


def columns(text: str) -> list[str]:
    return re.split(r",\s+", text.strip())


def test_the_flags_stand_over_the_file(ran: Ran) -> None:
    resolved = ran.about()["scenario"]
    assert [client["name"] for client in resolved["clients"]] == ["floor", "requests"]
    assert [level["streams"] for level in resolved["levels"]] == [1, 2]
    assert (resolved["repeats"], resolved["seed"]) == (1, 5)
    assert resolved["workload"]["load"]["requests"] == 2
    assert resolved["workload"]["options"] == {"num_predict": 6}
    assert resolved["target"]["simulator"] is None


def test_the_folder_is_whole(ran: Ran) -> None:
    assert {path.name for path in ran.out.iterdir()} == {
        "run.json", "summary.csv", "summary.json", "findings.json", "streams.csv", "samples.csv", "report.html",
        "arrivals",
    }  # fmt: skip
    assert sorted(path.name for path in (ran.out / "arrivals").iterdir()) == [
        f"{n:04d}.npz" for n in range(1, 5)
    ]


def test_run_json_tells_what_was_run_on_what(ran: Ran) -> None:
    about = ran.about()
    assert about["state"] == "complete"
    assert about["loadgen"] == loadgen.__version__
    assert set(about["versions"]) == {"python", "floor", "uvloop", "requests"}
    assert about["machine"]["cores"] >= 1
    cells = {(cell["client"]["name"], cell["level"]["streams"]) for cell in about["cells"]}
    assert cells == {("floor", 1), ("floor", 2), ("requests", 1), ("requests", 2)}
    assert all(cell["ended"] == "" for cell in about["cells"])


def test_summary_csv_has_the_columns_of_the_contract_first_and_in_order(ran: Ran) -> None:
    rows = ran.rows("summary.csv")
    assert list(rows[0])[: len(columns(SUMMARY))] == columns(SUMMARY)
    assert [(row["client"], row["mode"], row["concurrency"]) for row in rows] == [
        ("floor", "tasks", "1"),
        ("floor", "tasks", "2"),
        ("requests", "threads", "1"),
        ("requests", "threads", "2"),
    ]
    for row in rows:
        streams = 2 * int(row["concurrency"])
        assert (row["repeats"], row["streams"], row["ok"], row["errors"]) == (
            "1",
            str(streams),
            str(streams),
            "0",
        )
        assert row["tokens"] == str(6 * streams)
        assert float(row["ttft_p50_ms"]) > 0
        assert row["ttft_p99_ms"] == "", "so few values hold no p99"


def test_streams_csv_has_a_row_per_stream(ran: Ran) -> None:
    rows = ran.rows("streams.csv")
    assert list(rows[0])[: len(columns(STREAMS))] == columns(STREAMS)
    assert len(rows) == 2 * (1 + 2) * 2
    for row in rows:
        assert (row["outcome"], row["status"], row["tokens"], row["error"]) == ("ok", "200", "6", "")
        assert 0 <= float(row["due_ms"]) <= float(row["start_ms"]) <= float(row["headers_ms"])
        assert float(row["headers_ms"]) <= float(row["first_byte_ms"])
        assert 0 < float(row["ttft_ms"]) <= float(row["total_ms"])


def test_samples_csv_and_summary_json(ran: Ran) -> None:
    samples = ran.rows("samples.csv")
    assert {row["cell"] for row in samples} == {str(n) for n in range(1, 5)}
    assert all(int(row["rss_kib"]) > 1000 for row in samples)
    summary = json.loads((ran.out / "summary.json").read_text())
    assert [row["client"]["name"] for row in summary["summaries"]] == [
        "floor",
        "floor",
        "requests",
        "requests",
    ]
    assert any(
        finding["kind"] == "threshold" and finding["verdict"] == "held" for finding in summary["findings"]
    )


def test_the_terminal_is_reported_plainly_in_a_pipe(ran: Ran) -> None:
    out = ran.process.stdout
    assert "\x1b" not in out
    assert "\r" not in out
    assert ran.process.stderr == ""
    assert out.startswith("small  2 clients × 1 to 2 streams × 1 round  about ")
    rows = re.findall(r"^  (floor|requests) +([12]) +[\d.]+ +[\d.]+ .* 0$", out, re.MULTILINE)
    assert sorted(rows) == [(client, level) for client in ("floor", "requests") for level in "12"]
    assert re.search(r"^  ✓  ", out, re.MULTILINE)
    assert max(map(len, out.splitlines()[:-2])) <= 80
    assert not any(line != line.rstrip() for line in out.splitlines())
    assert out.splitlines()[-2] == f"  Report: {ran.out / 'report.html'}"


def test_report_makes_the_same_bytes_again(ran: Ran) -> None:
    made = {path: path.read_bytes() for path in ran.out.iterdir() if path.is_file()}
    for path in made:
        if path.name != "run.json":
            path.unlink()
    again = command.invoke("report", ran.out, "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert {path: path.read_bytes() for path in made} == made


def test_a_threshold_that_fails_is_exit_code_1(ran: Ran) -> None:
    about = ran.about()
    kept = json.dumps(about)
    about["scenario"]["thresholds"] = [
        {
            "text": "ttft_p50_ms < 1",
            "metric": "ttft_p50_ms",
            "op": "<",
            "value": 1,
            "client": None,
            "level": None,
        }
    ]
    try:
        (ran.out / "run.json").write_text(json.dumps(about))
        again = command.invoke("report", ran.out)
    finally:
        (ran.out / "run.json").write_text(kept)
    assert again.returncode == 1
    assert re.search(r"✗  ttft_p50_ms < 1  worst ", again.stdout)


def test_json_is_one_object_and_the_folder_gets_its_name_from_time_and_scenario(tmp_path: Path) -> None:
    path = scenario(tmp_path, load={"requests": 1}, thresholds=["floor.ttft_p50_ms < 1"])
    with command.serving() as url:
        flags = ("--url", url, "--duration", "300ms", "--repeats", "2", "--json")
        process = command.invoke("run", path, *flags, cwd=tmp_path)
    assert process.stderr == ""
    result = json.loads(process.stdout)
    assert process.returncode == result["exit"] == 1
    assert result["verdict"] == "threshold failed"
    assert re.fullmatch(r"reports/\d{8}T\d{6}Z-small", result["run"])
    run = loadgen.Run.load(tmp_path / result["run"])
    assert run.info.scenario.workload.load.duration == 0.3, "--duration takes the place of requests"
    assert [cell.repeat for cell in run.info.cells] == [0, 1]
    assert set(run.streams()["repeat"]) == {0, 1}
    assert len(run.streams()) > 2


def test_the_smoke_scenario(tmp_path: Path) -> None:
    smoke, out = ROOT / "scenarios" / "smoke.yaml", tmp_path / "run"
    with command.serving(ttft=0.05, gap=0.01, tokens=10) as url:
        process = command.loadgen("run", smoke, "--url", url, "--out", out, "--quiet")
    assert process.returncode == 0, process.stdout + process.stderr
    streams = loadgen.Run.load(out).streams()
    assert set(streams["outcome"]) == {"ok"}
    assert set(streams["client"]) == {"requests", "httpx-sync", "httpx-async", "aiohttp"}
    assert process.stdout.splitlines()[-2] == f"  Report: {out / 'report.html'}"
    assert process.stdout.startswith("smoke  4 clients × 10 streams × 1 round  http://127.0.0.1:")
