"""What README and docs show works: scenarios, commands, Python, links."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pandas as pd
import pytest

from docs import make
from loadgen.cli import cli
from loadgen.scenario import load
from loadgen.scenario.source import parse
from tests.cli.command import invoke, scenario, serving

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fenced(*languages: str) -> list[tuple[str, str]]:
    """Every block of these languages, with the page and line it stands at."""
    return [
        (f"{page.relative_to(ROOT)}:{page.read_text()[: block.start()].count(chr(10)) + 1}", block[2])
        for page in PAGES
        for block in FENCE.finditer(page.read_text())
        if block[1] in languages
    ]


def whole(block: str) -> bool:
    data = parse("block", block).data
    return isinstance(data, dict) and {"name", "target"} <= data.keys()


SCENARIOS = [(where, block) for where, block in fenced("yaml") if whole(block)]
SPANS = [
    (f"{page.relative_to(ROOT)}", span)
    for page in PAGES
    for span in re.findall(r"`((?:\.venv/bin/)?loadgen [^`\n]+)`", FENCE.sub("", page.read_text()))
]
COMMANDS = [
    (where, part.strip())
    for where, line in [
        *((where, line) for where, block in fenced("sh", "console", "bash") for line in block.splitlines()),
        *SPANS,
    ]
    for part in re.split(r"&&|\|", line.removeprefix("$ "))
    if re.match(r"\s*(\.venv/bin/)?loadgen ", part)
]


def test_there_is_something_to_look_at() -> None:
    assert any(where.startswith("docs/scenario.md") for where, _ in SCENARIOS)
    assert {command.split()[1] for _, command in COMMANDS} >= {
        "run",
        "report",
        "clients",
        "simulate",
        "doctor",
    }


def test_every_study_has_a_page_that_the_list_names() -> None:
    studies = {file.stem for file in (ROOT / "scenarios/studies").glob("*.yaml")}
    assert {page.stem for page in (ROOT / "docs/studies").glob("*.md")} == studies
    assert set(re.findall(r"\(studies/([\w-]+)\.md\)", (ROOT / "docs/studies.md").read_text())) == studies


@pytest.mark.parametrize(("where", "block"), SCENARIOS, ids=[where for where, _ in SCENARIOS])
def test_scenarios_are_valid(tmp_path: Path, where: str, block: str) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(block)
    load(file, environ={})


@pytest.mark.parametrize(("where", "command"), COMMANDS)
def test_commands_exist_with_these_flags(where: str, command: str) -> None:
    _, *words = shlex.split(command, comments=True)
    if words[0].startswith("-"):
        known = cli
    else:
        found = cli.get_command(click.Context(cli), words[0])
        assert found is not None, f"{where}: there is no command {words[0]}"
        known = found
    # get_params would keep a help option without -h for all other tests
    flags = {"--help", *(flag for parameter in known.params for flag in parameter.opts)}
    used = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert used <= flags, where
    for word in words:
        if word.startswith("scenarios/") and word.endswith(".yaml"):
            assert (ROOT / word).exists(), where


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, with the scenarios beside its files: what the examples may expect around them."""
    made = tmp_path_factory.mktemp("docs")
    with serving() as url:
        file = scenario(made, load={"requests": 3})
        ran = invoke("run", file, "--url", url, "--quiet", "--out", made / "run")
    assert ran.returncode == 0, ran.stderr
    (made / "run" / "scenarios").symlink_to(ROOT / "scenarios")
    return made / "run"


@pytest.mark.parametrize(("where", "code"), fenced("python"), ids=[where for where, _ in fenced("python")])
def test_python_runs(folder: Path, where: str, code: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"{where}\n{ran.stderr}"


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text())
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), link
        assert not anchor or anchor in anchors(to), link


@pytest.mark.parametrize("page", make.pages(), ids=[str(page.relative_to(ROOT)) for page in make.pages()])
def test_what_is_made_is_not_stale(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == make.made(page), "run: python docs/make.py"


README, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))


def test_the_rows_of_the_readme_are_those_of_the_sample() -> None:
    summary = pd.read_csv(ROOT / "reports" / "sample" / "summary.csv", index_col=["client", "concurrency"])
    rows = re.findall(r"^\| ([\w-]+) ((?:\| [\d.,]+ )+)\|$", README.replace("&#8209;", "-"), re.MULTILINE)
    assert [client for client, _ in rows] == ["requests", "httpx-sync", "httpx-async", "aiohttp"]
    columns = (
        "ttft_p50_ms ttft_p95_ms tokens_per_s send_delay_p99_ms lag_p99_ms rss_per_stream_kib threads_peak"
    )
    for client, cells in rows:
        shown = [float(cell.replace(",", "")) for cell in cells.strip("| ").split(" | ")]
        measured = summary.loc[(client, 100), [*columns.split(), "cpu_us_per_token"]]
        assert shown == pytest.approx(measured.tolist(), rel=0.006), client


def test_both_readmes_have_the_same_commands_and_numbers() -> None:
    def said(text: str) -> tuple[list[str], set[str], set[str]]:
        code = [block[2] for block in FENCE.finditer(text)]
        prose = make.BLOCK.sub("", FENCE.sub("", text))
        plain = re.sub(r"`[^`]*`|\]\([^)]*\)", "", prose)
        return code, set(re.findall(r"`loadgen [^`]+`", prose)), set(re.findall(r"\d[\d.,]*\d|\d", plain))

    assert said(README) == said(CHINESE)
    links = [set(re.findall(r"\]\((?!README)([^)]+)\)", text)) for text in (README, CHINESE)]
    assert links[0] == links[1]
