"""``loadgen compare`` on real run folders, small and synthetic."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loadgen.analysis.goodput import judged_by
from loadgen.model import Prompt, Recording, Slo
from tests import synthetic
from tests.cli.command import invoke

Folder = Callable[..., Path]


def cells(repeats: int = 3, **slowed: float) -> list[Recording]:
    """Two clients at two levels; the tokens of aiohttp arrive ``slowed`` otherwise. Rounds differ by a percent."""
    made = []
    for repeat in range(repeats):
        for concurrency in (2, 10):
            for client, mode in (("requests", "threads"), ("aiohttp", "tasks")):
                wobble = 1 + 0.01 * ((repeat * 7 + concurrency * 3 + len(client)) % 5 - 2) / 2
                figures: dict[str, Any] = {
                    "lag_us": 500.0 * wobble,
                    "cpu_us_per_token": 100.0 * wobble,
                    "rss_per_stream_kib": 60.0 * wobble,
                }
                if client == "aiohttp":
                    figures |= {name: value * wobble for name, value in slowed.items()}
                made.append(
                    synthetic.recording(
                        client=client,
                        mode=mode,  # type: ignore[arg-type]
                        concurrency=concurrency,
                        repeat=repeat,
                        index=len(made) + 1,
                        streams=100,
                        tokens=4,
                        **figures,
                    )
                )
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Make a run folder of recordings; ``info`` replaces fields of its run.json."""

    def make(name: str, recordings: list[Recording], **info: Any) -> Path:
        path = tmp_path_factory.mktemp("runs") / name
        return synthetic.save(path, synthetic.run(path, recordings, **info).info, recordings)

    return make


@pytest.fixture(scope="module")
def base(folder: Folder) -> Path:
    return folder("base", cells())


@pytest.fixture(scope="module")
def worse(folder: Folder) -> Path:
    return folder("head", cells(lag_us=5500.0, cpu_us_per_token=150.0))


compare = partial(invoke, "compare")


def as_json(*arguments: str | Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(compare(*arguments, "--json").stdout)
    return made


def test_the_same_again_is_not_worse(base: Path, folder: Folder) -> None:
    again = folder("again", cells(), url="http://127.0.0.1:1", started="2026-11-23T12:00:00Z")
    ran = compare(base, again)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1] == "Not worse: no metric is worse beyond the noise."
    assert "What differs" not in ran.stdout
    result = as_json(base, again)
    assert (result["verdict"], result["exit"], result["paired"], result["differences"]) == (
        "not worse",
        0,
        True,
        [],
    )
    assert {change["verdict"] for change in result["changes"]} == {"same"}


def test_what_became_worse_is_named_everywhere(base: Path, worse: Path, tmp_path: Path) -> None:
    ran = compare(base, worse, "--markdown", tmp_path / "pr.md", "--html", tmp_path / "page.html")
    assert ran.returncode == 1
    assert "regressions of aiohttp beyond the noise." in " ".join(ran.stdout.split())
    rows = [line for line in ran.stdout.splitlines() if line.startswith("worse")]
    assert rows
    assert all(" aiohttp " in row for row in rows)
    assert any("lag p99" in row for row in rows)
    assert any("CPU per token" in row for row in rows)
    assert max(map(len, ran.stdout.splitlines())) <= 110

    text = (tmp_path / "pr.md").read_text()
    assert "**Worse: " in text
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert table[0] == "|  | client | metric | streams | base | head | change | 95 % interval |"
    result = as_json(base, worse)
    called = [c for c in result["changes"] if c["verdict"] == "worse"]
    assert [row.split("|")[1:5:3] for row in table[2:]] == [
        [" worse ", f" {c['concurrency']} "] for c in called
    ]
    sizes = [c["change"] for c in called]
    assert sizes == sorted(sizes, reverse=True)

    page = (tmp_path / "page.html").read_text()
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=", page)

    found = {(c["client"], c["metric"]) for c in called}
    assert found >= {("aiohttp", "lag_p99_ms"), ("aiohttp", "lag_p50_ms"), ("aiohttp", "cpu_us_per_token")}
    assert {client for client, _ in found} == {"aiohttp"}
    (cpu,) = (c for c in called if (c["concurrency"], c["metric"]) == (10, "cpu_us_per_token"))
    assert cpu["low"] <= cpu["change"] <= cpu["high"]
    assert cpu["change"] == pytest.approx(0.5, rel=0.02)
    assert (cpu["base"], cpu["head"]) == (pytest.approx(100, rel=0.02), pytest.approx(150, rel=0.02))


def test_the_causes_of_delivery_lag_are_printed(base: Path, folder: Folder) -> None:
    late = folder("late", cells(lag_us=60_000.0))
    result = as_json(base, late)
    assert [(delay["client"], delay["concurrency"]) for delay in result["delays"]] == [
        ("aiohttp", 2),
        ("aiohttp", 10),
    ]
    assert "In HEAD, aiohttp at 10 streams: " in " ".join(compare(base, late).stdout.split())


def test_markdown_goes_to_the_output(base: Path) -> None:
    ran = compare(base, base, "--markdown", "-")
    assert ran.returncode == 0
    assert "Not worse: no metric is worse beyond the noise." in ran.stdout
    assert "| within noise | " in ran.stdout
    assert "<details><summary>How, and what differs</summary>" in ran.stdout


def test_another_scenario_or_machine_is_refused_unless_forced(base: Path, folder: Folder) -> None:
    info = synthetic.run("/nowhere", cells()).info
    plain = info.scenario.workload
    workload = replace(plain, load=replace(plain.load, ramp=2.0), prompts=(Prompt("Why?"),))
    other = folder(
        "other",
        cells(),
        scenario=replace(info.scenario, workload=workload, seed=5),
        machine=replace(info.machine, cores=64, memory_kib=8_000_100),
        versions={**info.versions, "aiohttp": "2.0"},
    )
    ran = compare(base, other)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "loadgen: not comparable (compare them with --force):\n"
        "  scenario.load.ramp: 0 → 2\n"
        "  machine.cores: 2 → 64\n"
        "  scenario.prompts: Write a short introduction to asynchronous programming in Python. → Why?\n"
    )
    result = as_json(base, other, "--force")
    assert result["paired"] is False
    assert [(d["key"], d["blocking"]) for d in result["differences"]] == [
        ("scenario.load.ramp", True),
        ("scenario.seed", False),
        ("versions.aiohttp", False),
        ("machine.cores", True),
        ("scenario.prompts", True),
    ]
    assert "  versions.aiohttp: 1.0 → 2.0" in compare(base, other, "--force").stdout


def test_versions_clients_and_repeats_may_differ(base: Path, folder: Folder) -> None:
    more = [r for r in cells(repeats=4) if r.client.name == "aiohttp"]
    other = folder("more", more, loadgen="9.9")
    ran = compare(base, other)
    assert ran.returncode == 0
    assert "loadgen: 0.1.0 → 9.9" in ran.stdout
    assert "scenario.clients: requests, aiohttp → aiohttp" in ran.stdout
    result = as_json(base, other)
    assert result["paired"] is True
    assert result["only_in_base"] == [{"client": "requests", "concurrency": n} for n in (2, 10)]
    assert {c["client"] for c in result["changes"]} == {"aiohttp"}


def test_two_clients_of_one_run(base: Path, worse: Path) -> None:
    ran = compare(worse, "--client", "requests", "--client", "aiohttp")
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[0] == "aiohttp against requests"
    back = as_json(worse, "--client", "aiohttp", "--client", "requests")
    assert {(c["metric"], c["verdict"]) for c in back["changes"]} >= {("lag_p99_ms", "better")}
    refused = compare(base, "--client", "requests", "--client", "curl")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no client 'curl' in it; there are: requests, aiohttp" in refused.stderr


def test_one_repeat_cannot_tell(base: Path, folder: Folder) -> None:
    once = folder("once", cells(repeats=1))
    ran = compare(base, once)
    assert ran.returncode == 4
    assert " ".join(ran.stdout.split()).endswith("2 more repeats of both would decide.")


def test_a_run_of_which_nothing_is_valid(base: Path, folder: Folder) -> None:
    nothing = folder("nothing", [synthetic.recording(streams=2, outcomes={"refused": 2})])
    for arguments in ((base, nothing), (nothing, base)):
        ran = compare(*arguments)
        assert (ran.returncode, ran.stdout) == (3, "")
        assert ran.stderr.startswith(f"loadgen: {nothing}: no valid measurement")


@pytest.mark.parametrize(
    "arguments",
    [
        ("BASE",),
        ("BASE", "BASE", "--client", "requests", "--client", "aiohttp"),
        ("BASE", "--client", "requests", "--client", "requests"),
        ("BASE", "BASE", "--json", "--markdown", "-"),
        ("BASE", "/nowhere"),
        ("BASE", "BASE", "--html", "/nowhere/page.html"),
    ],
)
def test_bad_arguments_are_refused(base: Path, arguments: tuple[str, ...]) -> None:
    ran = compare(*(str(base) if word == "BASE" else word for word in arguments))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr
    assert "Traceback" not in ran.stderr


def test_help_tells_the_exit_codes() -> None:
    result = compare("--help").stdout
    for code in (
        "0 nothing worse",
        "1 worse",
        "2 bad arguments",
        "3 a run holds nothing valid",
        "4 cannot tell",
    ):
        assert code in result


def test_two_runs_are_judged_by_the_objectives_of_the_second(tmp_path: Path) -> None:
    cells = [synthetic.recording(concurrency=50, streams=50, repeat=n, index=n, tokens=3) for n in range(3)]
    folders = []
    for place, slo in enumerate((Slo(ttft_ms=1000.0), Slo(ttft_ms=100.0))):
        run = judged_by(synthetic.run(tmp_path, cells), slo)
        folders.append(synthetic.save(tmp_path / str(place), run.info, run.recordings))
    shown = json.loads(invoke("compare", *folders, "--json").stdout)
    (change,) = (one for one in shown["changes"] if one["metric"] == "good_percent")
    assert (change["base"], change["head"], change["verdict"]) == (0, 0, "same")
