"""``loadgen limit`` as a user meets it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import interrupt, invoke, scenario, serving, started, until

GENEROUS = ("--lag-p99", "5s", "--duration", "1s")


def ended(out: Path) -> bool:
    """Return whether a cell of the run ended as it should."""
    info = out / "run.json"
    return info.exists() and any(cell["ended"] == "" for cell in json.loads(info.read_text())["cells"])


@pytest.fixture
def url() -> Iterator[str]:
    with serving(ttft=0.05, gap=0.05, tokens=10) as url:
        yield url


def test_a_search_ends_with_a_bound_a_folder_and_its_steps(url: str, tmp_path: Path) -> None:
    file, out = scenario(tmp_path, target={"url": url}, concurrency=10), tmp_path / "run"
    done = invoke(
        "limit", file, "--client", "aiohttp", "--max-streams", "20", *GENEROUS, "--out", out, "--json"
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["run"] == str(out)
    (client,) = result["clients"]
    assert (client["client"], client["at_least"], client["stopped"]) == ("aiohttp", 20, "highest")
    assert [step["streams"] for step in result["steps"]] == [10, 20]
    assert all(step["lag_p99_ms"] > 0 and step["live_peak"] == step["streams"] for step in result["steps"])
    kept = json.loads((out / "limit.json").read_text())
    assert kept == {key: result[key] for key in kept}
    assert "aiohttp carries at least 20 streams" in (out / "limit.html").read_text()
    again = invoke("report", out)
    assert again.returncode == 0, again.stderr
    assert "10 streams" in again.stdout
    assert "20 streams" in again.stdout


def test_an_interrupted_search_tells_its_bounds(url: str, tmp_path: Path) -> None:
    file, out = scenario(tmp_path, target={"url": url}, concurrency=8), tmp_path / "run"
    with started("limit", file, "--client", "floor", *GENEROUS, "--out", out, cwd=tmp_path) as process:
        until(lambda: ended(out), "a cell that ended")
        interrupt(process, signal.SIGINT)
        said, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert "at least 8" in said
    assert "interrupted" in said
    result = json.loads((out / "limit.json").read_text())
    assert result["clients"][0]["limit"] is None
    assert json.loads((out / "run.json").read_text())["state"] == "interrupted"


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (("--client", "aiohtp"), "did you mean aiohttp?"),
        (("--lag-p99", "10"), "--lag-p99: budget: 10 has no unit"),
        (("--lag-p99", "soon"), "'soon' is not a duration"),
        (("--lag-p99", "0s"), "is out of range"),
        (("--errors", "100%"), "--errors: budget: 100% is out of range; more than 0, less than 100%"),
        (("--errors", "lots"), "'lots' is not a fraction"),
        (("--ttft", "1"), "--ttft: budget: 1 is out of range; more than 1"),
        (("--precision", "0"), "--precision"),
        (("--duration", "0s"), "--duration: step"),
        (("--max-streams", "0"), "--max-streams"),
        (("--most", "0"), "--max-streams"),
        (("--cores", "1000"), "engines: 1000 needs 1001 cores"),
        (("--max-streams", "100000000"), "do not fit this machine"),
        (("--set", "lod.ramp=1s"), "did you mean load?"),
        (("--slo", "ttft_p95 < 5"), "--slo: objective: ttft_p95 is not a metric; did you mean ttft_p95_ms?"),
        (("--slo", "good_percent > 90"), "good_percent needs slo"),
        (("--slo", "ttft_p95_ms < 5", "--lag-p99", "5ms"), "use one of them"),
        (("--rate", "--max-streams", "5"), "use --max-rate"),
        (("--max-rate", "5"), "add --rate"),
        (("--rate", "--max-rate", "0"), "--max-rate"),
        (("--rate", "--max-rate", "nan"), "--max-rate"),
    ],
)
def test_what_cannot_be_searched_is_refused(tmp_path: Path, arguments: tuple[str, ...], result: str) -> None:
    done = invoke("limit", scenario(tmp_path), *arguments, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert result in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_target_that_is_not_there_is_not_measured(tmp_path: Path) -> None:
    file = scenario(tmp_path, target={"url": "http://127.0.0.1:1"})
    done = invoke("limit", file, "--out", tmp_path / "run")
    assert done.returncode == 3
    assert "no connection" in done.stderr
