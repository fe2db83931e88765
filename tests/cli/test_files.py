"""Files and forms for other programs: JUnit, Parquet, JSON, Markdown."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from loadgen.cli import common
from tests.cli.command import invoke, scenario, serving


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose threshold failed, made with ``--junit`` and, if possible, ``--parquet``."""
    made = tmp_path_factory.mktemp("files")
    parquet = ["--parquet"] if find_spec("pyarrow") else []
    with serving() as url:
        file = scenario(made, target={"url": url}, load={"requests": 3}, thresholds=["ttft_p50_ms < 1"])
        ran = invoke("run", file, "--quiet", "--out", made / "run", "--junit", made / "junit.xml", *parquet)
    assert ran.returncode == 1, ran.stderr
    return made / "run"


def test_a_failed_threshold_is_a_failure_for_ci(run: Path) -> None:
    root = ET.parse(run.parent / "junit.xml").getroot()
    assert int(root.attrib["failures"]) >= 1
    assert int(root.attrib["errors"]) == 0


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="no pyarrow")
def test_parquet_stands_beside_csv(run: Path) -> None:
    assert {path.stem for path in run.glob("*.csv")} == {path.stem for path in run.glob("*.parquet")}


def test_without_pyarrow_one_line_says_how_to_install_it(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "find_spec", lambda _: None)
    done = invoke("report", run, "--parquet")
    assert done.returncode == 2
    assert done.stderr.strip().endswith('pip install "loadgen[parquet]"')
    assert done.stdout == ""


def test_a_report_may_write_junit_too(run: Path, tmp_path: Path) -> None:
    done = invoke("report", run, "--quiet", "--junit", tmp_path / "again.xml")
    assert done.returncode == 1
    assert done.stdout == ""
    assert (tmp_path / "again.xml").read_bytes() == (run.parent / "junit.xml").read_bytes()
    lost = invoke("report", run, "--quiet", "--junit", tmp_path / "gone" / "junit.xml")
    assert lost.returncode == 3
    assert "junit.xml: not written" in lost.stderr


def test_json_is_one_object_with_answer_summaries_and_findings(run: Path) -> None:
    result = json.loads(invoke("report", run, "--json").stdout)
    assert set(result) == {"run", "name", "started", "verdict", "exit", "answer", "summaries", "findings"}
    assert (result["run"], result["verdict"], result["exit"]) == (str(run), "threshold failed", 1)
    kept = json.loads((run / "summary.json").read_text())
    assert (result["summaries"], result["findings"]) == (kept["summaries"], kept["findings"])
    assert result["answer"]


def test_markdown_and_details_are_the_report_in_other_forms(run: Path) -> None:
    markdown, details = (invoke("report", run, form).stdout for form in ("--markdown", "--details"))
    assert markdown.startswith("# ")
    assert "\n| " in markdown
    assert "Report: " not in markdown
    assert max(map(len, details.splitlines()[:-1])) <= 80
    assert "Report: " in details
