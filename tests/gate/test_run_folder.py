"""Whatever is in a run folder: what is sound is reported, what is not is named, and nothing hangs or fails."""

from __future__ import annotations

import json as json_
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loadgen
from loadgen import store
from loadgen.report.document import document, summary
from loadgen.report.renderers import json, markdown, terminal
from tests import synthetic
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
            named = str(folder) in str(error) and str(error).isprintable()
        except Exception as error:
            pytest.fail(f"seed {seed}, {what}: {error!r}")
        else:
            named = True
        assert named, (seed, what)


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def edit(path: Path) -> None:
        columns = altered.packed(path)
        change(columns)
        np.savez(path, **columns)

    return edit


def with_column(name: str, make: Callable[[Any], Any]) -> Callable[[Path], object]:
    return edited(lambda columns: columns.update({name: make(columns[name])}))


def first(value: int) -> Callable[[Any], Any]:
    return lambda column: np.concatenate([np.array([value], column.dtype), column[1:]])


def meta(**changes: Any) -> Callable[[Path], object]:
    def make(column: Any) -> Any:
        plain = json_.loads(column.tobytes()) | changes
        return np.frombuffer(json_.dumps(plain).replace('"DEEP"', altered.DEEP).encode(), np.uint8)

    return with_column("meta", make)


def replaced(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


def deflated(path: Path) -> None:
    np.savez_compressed(path, **altered.packed(path))


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a column is missing": (edited(lambda columns: columns.pop("streams.end")), "streams.end: is missing"),
    "a column of decimals": (with_column("streams.end", lambda of: of.astype(float)), "streams.end: is float64"),
    "a table in a column": (with_column("streams.end", lambda of: of.reshape(1, -1)), "streams.end: is not one"),
    "text in a column": (with_column("streams.end", lambda of: of.astype(str)), "streams.end: "),
    "a row too few": (with_column("streams.end", lambda of: of[1:]), "streams.end: has 11 rows, not 12"),
    "a mark of years later": (with_column("streams.end", first(2**62)), "streams.end: has 46116"),
    "a mark before all": (with_column("arrivals.at", first(-1)), "arrivals.at: has -1"),
    "reads below 0": (with_column("streams.reads", first(-1)), "streams.reads: has -1"),
    "reads that are not there": (with_column("streams.reads", first(999)), "streams.reads: has not the sum"),
    "tokens that are not there": (with_column("streams.text_events", first(7)), "streams.text_events: is not the sum"),
    "an outcome that is not there": (with_column("streams.outcome", first(99)), "streams.outcome: has 99"),
    "a pause of another kind": (edited(lambda columns: columns.update({
        "pauses.kind": np.array([9], np.int8), "pauses.begin": np.array([synthetic.ZERO]),
        "pauses.end": np.array([synthetic.ZERO])})), "pauses.kind: has 9"),
    "outcomes of another version": (meta(outcomes=["ok", "great", "reset"]), "meta.outcomes: has 'great'"),
    "no list of errors": (meta(errors="none"), "meta.errors: is no list"),
    "nested": (meta(workload="DEEP"), "maximum recursion"),
    "another cell": (meta(index=77), "meta.index: is not that of cell 3"),
    "another client": (meta(client={"name": "floor"}), "meta.client: is not that of cell 3"),
    "a window without end": (meta(window=[0, 2**62]), "meta.window"),
    "a level of nothing": (meta(level={"streams": 0}), "meta.level.streams: is 0"),
    "compressed": (deflated, ": is compressed"),
    "no archive": (lambda path: path.write_bytes(b"PK no archive"), "is not an archive"),
    "half an archive": (lambda path: path.write_bytes(path.read_bytes()[:-99]), "its end is missing"),
    "empty": (lambda path: path.write_bytes(b""), "is not an archive"),
    "gone": (Path.unlink, "is missing"),
    "a pipe": (replaced(os.mkfifo), "is not a regular file"),
    "a folder": (replaced(Path.mkdir), ""),
    "a device without end": (replaced(lambda path: path.symlink_to("/dev/zero")), "is a link"),
    "a file of holes": (replaced(lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 31)), "holes"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_recording_is_named_and_the_others_are_reported(
    tmp_path: Path, small: Path, name: str
) -> None:
    damage, says = DAMAGED[name]
    folder = Path(shutil.copytree(small, tmp_path / "run"))
    damage(folder / "arrivals" / "0003.npz")
    run = report(folder)
    [left_out] = run.left_out
    assert (left_out.file, says in left_out.reason) == ("arrivals/0003.npz", True), left_out.reason
    assert len(run.recordings) == 8
    text = markdown.report(document(run.view, "markdown"))
    assert "could not be read and is left out" in text


def test_files_that_run_json_does_not_list_are_not_counted(tmp_path: Path, small: Path) -> None:
    folder = Path(shutil.copytree(small, tmp_path / "run"))
    for name in ("0003.1.npz", "0004+1.npz", "0099.npz", "0003-host.npz"):
        shutil.copy(folder / "arrivals" / "0003.npz", folder / "arrivals" / name)
    os.mkfifo(folder / "arrivals" / "0100.npz")
    run = loadgen.Run.load(folder)
    assert (len(run.recordings), run.left_out) == (9, ())


@pytest.mark.parametrize(
    "name", ["../0003.npz", "/etc/passwd", "arrivals/../run.json", "arrivals/.x.npz", "arrivals/0003.npz\n"]
)
def test_files_elsewhere_are_not_read(tmp_path: Path, small: Path, name: str) -> None:
    folder = Path(shutil.copytree(small, tmp_path / "run"))
    plain = json_.loads((folder / "run.json").read_bytes())
    plain["cells"][2]["files"] = [name]
    (folder / "run.json").write_text(json_.dumps(plain))
    with pytest.raises(store.StoreError, match=r"run\.json: cannot be read: cells\[2\]\.files\[0\]"):
        store.load(folder)
