"""Runs recorded by loadgen 0.1 (format 1) load, and give the same figures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

import loadgen
from loadgen import analysis, store
from loadgen.report import frames

FOLDER = Path(__file__).parent / "data" / "format1"
RENAMED = {
    "request_delay_p50_ms": "send_delay_p50_ms",
    "request_delay_p99_ms": "send_delay_p99_ms",
    "soft": "low_sample",
}
# sentences and names of columns, not figures; and what other programs used is no reason any more
WORDS = ("reasons", "low_sample", "validity")


def files(folder: Path) -> list[Path]:
    return sorted((folder / "arrivals").glob("*.npz"))


def test_the_same_summary_follows_from_a_run_of_the_version_before() -> None:
    before = pd.read_csv(FOLDER / "summary.csv").rename(columns=RENAMED)
    after = frames.summary_frame(analysis.summarise(store.load(FOLDER)))
    assert set(before.columns) <= set(after.columns)
    shared = [name for name in before.columns if name not in WORDS and "_corrected_" not in name]
    assert after.filter(like="_corrected_").isna().all(axis=None)  # a closed loop has no schedule
    assert len(shared) > 60
    pd.testing.assert_frame_equal(
        after[shared].astype(before[shared].dtypes.to_dict()),
        before[shared],
        check_exact=False,
        rtol=1e-5,
        atol=1e-6,
    )


def test_a_report_of_such_a_run_rewrites_nothing_that_was_measured(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "run"))
    measured = [folder / "run.json", *files(folder)]
    before = [path.read_bytes() for path in measured]
    assert loadgen.Run.load(folder).report().exists()
    assert [path.read_bytes() for path in measured] == before


def test_what_the_first_folders_lacked_is_not_measured(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "run"))
    lacking = ("spells.", "pace.", "streams.run_wait_ns", "streams.end_stamp_ns")
    for path in files(folder):
        with np.load(path) as packed:
            np.savez(path, **{name: packed[name] for name in packed.files if not name.startswith(lacking)})
    for recording in store.load(folder).recordings:
        assert set(recording.streams.end_stamp_ns.tolist()) == {-1}
        assert (len(recording.pauses), len(recording.cpu_samples)) == (0, 0)
