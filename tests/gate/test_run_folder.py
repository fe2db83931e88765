"""Whatever is in a run folder: what is sound is reported, what is not is named, and nothing hangs or fails."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

import loadgen
from loadgen import store
from loadgen.report.document import document, summary
from loadgen.report.renderers import json, markdown, terminal
from tests.gate import altered

CASES = 240


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return altered.small(tmp_path_factory.mktemp("small") / "run")


def report(folder: Path) -> loadgen.Run:
    """Compute all that follows from a run folder, as ``loadgen report`` does, without the charts."""
    run = loadgen.Run.load(folder)
    terminal.summary(summary(run.view))
    terminal.report(document(run.view, "terminal"))
    markdown.report(document(run.view, "markdown"))
    json.result(run.view, "done", run.exit_code)
    return run


def alter(folder: Path, seed: int) -> str:
    draw = random.Random(seed)
    return altered.ALTERATIONS[seed % len(altered.ALTERATIONS)](folder, draw)


@pytest.mark.parametrize("batch", range(12))
def test_an_altered_folder_is_reported_or_refused(tmp_path: Path, small: Path, batch: int) -> None:
    for seed in range(batch * CASES // 12, (batch + 1) * CASES // 12):
        folder = shutil.copytree(small, tmp_path / str(seed))
        what = alter(folder, seed)
        try:
            report(folder)
        except store.StoreError as error:
            named = str(folder) in str(error)
        except Exception as error:
            pytest.fail(f"seed {seed}, {what}: {error!r}")
        else:
            named = True
        assert named, (seed, what)
