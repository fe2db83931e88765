"""loadgen from Python, as a notebook uses it."""

from __future__ import annotations

import inspect
import resource
import subprocess
import sys
import threading
import typing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import loadgen
from loadgen import model, store
from loadgen.preflight.requirements import Refused
from loadgen.preflight.target import TargetError
from loadgen.report.tables import SAMPLE_COLUMNS, STREAM_COLUMNS, summary_columns
from loadgen.report.write import ReportError
from loadgen.scenario import ScenarioError
from tests.cli.command import scenario

HEAVY = [
    "numpy",
    "pandas",
    "pydantic",
    "bokeh",
    "click",
    "rich",
    "ruamel",
    "requests",
    "urllib3",
    "httpx",
    "httpcore",
    "aiohttp",
    "uvloop",
    "asyncio",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[loadgen.Run]:
    folder = tmp_path_factory.mktemp("notebook")
    path = scenario(folder, target={"simulator": {"ttft": "100ms", "gap": "10ms", "tokens": 5}})
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield loadgen.run(
        path,
        out=str(folder / "run"),
        clients=["floor", "aiohttp"],
        concurrency=[2],
        repeats=1,
        seed=3,
        settings=["load.requests=2", "thresholds=['errors < 1%']"],
    )
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def test_a_run_is_written_and_returned(run: loadgen.Run) -> None:
    assert isinstance(run, model.Run)
    assert run.folder.name == "run"
    assert {path.name for path in run.folder.iterdir()} >= {"run.json", "summary.csv", "report.html"}
    assert run.info.state == "complete"
    assert (run.info.seed, run.info.scenario.levels) == (3, (model.Level(streams=2),))
    assert [recording.client for recording in run.recordings] == [cell.client for cell in run.info.cells]


def test_the_frames(run: loadgen.Run) -> None:
    summary, streams, samples = run.summary(), run.streams(), run.samples()
    assert list(summary.columns) == summary_columns()
    assert list(streams.columns) == list(STREAM_COLUMNS)
    assert list(samples.columns) == list(SAMPLE_COLUMNS)
    assert list(summary["client"]) == ["floor", "aiohttp"]
    assert len(streams) == 2 * 2 * 2
    assert streams["ttft_ms"].dtype == pd.Float64Dtype()
    assert set(streams.groupby("client")["tokens"].sum()) == {2 * 2 * 5}
    assert summary["ttft_p99_ms"].isna().all(), "not measured is NA, never 0"
    assert "<table" in run._repr_html_()
    assert run.summary() is not summary, "a frame that is changed changes no other"


def test_findings(run: loadgen.Run) -> None:
    assert isinstance(run.findings, tuple)
    assert all(isinstance(finding, model.Finding) for finding in run.findings)
    [threshold] = [each for each in run.findings if isinstance(each, model.ThresholdFinding)]
    assert threshold.text == "errors < 1%"
    assert len([finding for finding in run.findings if finding.kind == "claim"]) == 5


def test_load_gives_the_same(run: loadgen.Run) -> None:
    for folder in (run.folder, str(run.folder)):
        loaded = loadgen.Run.load(folder)
        assert isinstance(loaded, loadgen.Run)
        pd.testing.assert_frame_equal(loaded.summary(), run.summary())
        pd.testing.assert_frame_equal(loaded.streams(), run.streams())
        assert loaded.findings == run.findings


def test_the_report_is_written_to_the_requested_path(run: loadgen.Run, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    assert run.report(str(path)) == path
    assert path.read_bytes() == (run.folder / "report.html").read_bytes()
    with pytest.raises(ReportError, match="no-such-folder"):
        run.report(tmp_path / "no-such-folder" / "a.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html"]


def test_load_says_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(store.StoreError, match=r"not a run folder: run\.json is missing"):
        loadgen.Run.load(tmp_path)


def test_what_cannot_be_run_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = scenario(tmp_path)
    with pytest.raises(ScenarioError, match="there is no such file"):
        loadgen.run("no-such.yaml")
    with pytest.raises(ScenarioError, match="--clients: clients"):
        loadgen.run(path, clients="aiohtp")
    with pytest.raises(TypeError, match="colour"):
        loadgen.run(path, colour="red")  # type: ignore[call-arg]
    monkeypatch.setattr("loadgen.clients.version", lambda _: None)
    with pytest.raises(Refused, match=r'floor is not installed; install it: pip install "loadgen\[floor\]"'):
        loadgen.run(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_target_that_is_not_there_raises_without_the_secret(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no connection") as raised:
        loadgen.run(scenario(tmp_path), url="http://u:s3cret99@127.0.0.1:1", out=tmp_path / "run")
    error: BaseException | None = raised.value
    assert "s3cret99" not in repr(error)
    assert error.__cause__ is None
    assert not (tmp_path / "run").exists()


def test_a_run_that_fails_on_the_way_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise store.StoreError("0001.npz: not written: No space left on device")

    monkeypatch.setattr(store, "save", fail)
    with pytest.warns(UserWarning, match="could not be finished: .*No space left"):
        failed = loadgen.run(scenario(tmp_path), out=tmp_path / "run")
    assert failed.info.state == "failed"
    assert failed.recordings == ()
    assert failed.summary().empty


def test_it_runs_in_a_thread(tmp_path: Path) -> None:
    done: list[loadgen.Run] = []
    path = scenario(tmp_path)
    thread = threading.Thread(target=lambda: done.append(loadgen.run(path, out=tmp_path / "run")))
    thread.start()
    thread.join(60)
    assert list(done[0].streams()["outcome"]) == ["ok"]


def test_a_run_is_data(run: loadgen.Run) -> None:
    with pytest.raises(AttributeError):
        run.folder = Path("elsewhere")  # type: ignore[misc]
    empty = replace(run, recordings=())
    assert empty.summary().empty


# ---------------------------------------------------------------------------------------- the public names


def test_the_public_names_are_listed_typed_and_documented() -> None:
    assert set(loadgen.__all__) == {"Run", "run", "__version__"}
    assert set(loadgen.__all__) <= set(dir(loadgen))
    public = [
        loadgen.run,
        loadgen.Run,
        *(getattr(loadgen.Run, name) for name in vars(loadgen.Run) if name[0] != "_"),
    ]
    for each in public:
        each = getattr(each, "func", getattr(each, "fget", each))  # noqa: PLW2901 - of a property
        assert inspect.getdoc(each), each
        if not inspect.isclass(each):
            hints = inspect.signature(each)
            assert hints.return_annotation is not inspect.Signature.empty
            named = [p for name, p in hints.parameters.items() if name not in ("self", "cls")]
            assert all(p.annotation is not inspect.Parameter.empty for p in named)
    for raised in ("ScenarioError", "Refused", "TargetError", "StoreError"):
        assert raised in typing.cast(str, loadgen.run.__doc__)
    assert (Path(loadgen.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        _ = loadgen.walk


def test_importing_is_cheap() -> None:
    code = f"import loadgen, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
