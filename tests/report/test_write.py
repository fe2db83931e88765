import errno
import os
import subprocess
import sys

import pytest

from loadgen.report import write as room
from loadgen.report.renderers import csv
from loadgen.report.view import View
from loadgen.report.write import ReportError
from tests.report.runs import failed_run, run_of, view

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


def test_a_table_of_very_many_streams_is_written_only_if_asked_for(tmp_path, monkeypatch):
    run = failed_run(tmp_path)
    shown = view(run)
    number = sum(len(recording.streams) for recording in run.recordings)
    monkeypatch.setattr(room, "MAX_STREAMS", number - 1)
    room.write(shown)
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"streams.csv"}
    assert room.too_large(shown) == number
    room.write(shown, streams=True)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    monkeypatch.setattr(room, "MAX_STREAMS", number)
    assert room.too_large(shown) == 0


@pytest.mark.parametrize("made", [failed_run("/nowhere"), run_of("/nowhere")], ids=["streams", "no streams"])
def test_the_table_in_pieces_is_the_whole_table(made, monkeypatch):
    shown = View(made, [], [])
    whole = csv.streams(shown)
    monkeypatch.setattr(csv, "ROWS", 2)
    pieces = [*csv.streams_pieces(shown)]
    assert "".join(pieces) == whole
    assert whole.count("\n") == 1 + sum(len(recording.streams) for recording in made.recordings)
    assert len(pieces) > 1 or not made.recordings
