import errno
import os
import subprocess
import sys

import pytest

from loadgen.report import write as room
from loadgen.report.write import ReportError
from tests.report.runs import failed_run, view

FILES = {"summary.csv", "summary.json", "findings.json", "streams.csv", "samples.csv", "report.html"}


def write(run):
    return room.write(view(run))


def test_everything_is_written_and_written_again_the_same(tmp_path):
    run = failed_run(tmp_path)
    assert write(run) == tmp_path / "report.html"
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(first) == FILES
    write(run)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_a_file_that_cannot_be_replaced_is_named_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "streams.csv").mkdir()
    with pytest.raises(ReportError, match=r"streams\.csv: not written"):
        write(failed_run(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {
        "summary.csv",
        "summary.json",
        "findings.json",
        "streams.csv",
    }


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match=r"summary\.csv: not written: No space left"):
        write(failed_run(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(ReportError, match=r"summary\.csv"):
        write(failed_run(tmp_path / "gone"))


def test_the_report_room_imports_no_charts_until_a_page_is_made():
    code = "import sys, loadgen.report.renderers, loadgen.report.write; print('bokeh' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
