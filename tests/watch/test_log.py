"""What is kept of the readings: values that differ, in a bounded file, without secrets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from loadgen import store
from loadgen.model import Watched
from loadgen.watch import log
from loadgen.watch.log import Log
from loadgen.watch.sources import Value

SECOND = 10**9


class Source:
    name, url, answered = "metrics", "http://user:password@127.0.0.1/metrics?key=verysecret", 0

    def read(self) -> Iterable[Value]:
        return []


def seen(log: Log, at: int, **values: float) -> None:
    readings = [Value(name, {"model": "m"}, value, "gauge") for name, value in values.items()]
    log.seen(0, at * SECOND - 1000, at * SECOND + 1000, readings)


def loaded(path: Path, log: Log) -> Watched:
    log.save()
    return store.load_watched(path)


def test_only_what_differs_is_kept_and_what_is_gone_is_nan(tmp_path: Path) -> None:
    of = Log(path := tmp_path / "watched.npz", [Source()])
    seen(of, 1, running=4, waiting=0)
    seen(of, 2, running=4, waiting=2)
    seen(of, 3, waiting=2)
    found = loaded(path, of)
    assert [series.name for series in found.series] == ["running", "waiting"]
    assert found.readings.at.tolist() == [SECOND, 2 * SECOND, 3 * SECOND]  # the middle of request and answer
    rows = zip(
        found.changes.reading.tolist(), found.changes.series.tolist(), found.changes.value, strict=True
    )
    assert [(reading, series) for reading, series, _ in rows] == [(0, 0), (0, 1), (1, 1), (2, 0)]
    assert found.changes.value[:3].tolist() == [4, 0, 2]
    assert math.isnan(found.changes.value[3])


def test_the_file_is_bounded_and_keeps_what_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_CHANGES", 4)
    monkeypatch.setattr(log, "MAX_SERIES", 3)
    of = Log(path := tmp_path / "watched.npz", [Source()], drawn=["mine"])
    for at in range(1, 6):
        seen(of, at, other=at, mine=at, more=0, toomany=at)
    found = loaded(path, of)
    names = [found.series[place].name for place in found.changes.series.tolist()]
    assert names.count("mine") > names.count("other")
    assert len(names) == 8
    assert of.state()[0].left_out > 5


def test_secrets_are_neither_in_the_file_nor_in_what_is_reported(tmp_path: Path) -> None:
    of = Log(path := tmp_path / "watched.npz", [Source()], secrets=("verysecret", "password"))
    of.seen(0, 0, 2, [Value("up", {"key": "a verysecret b"}, 1.0, "gauge")])
    assert of.failed(0, "it\x1banswered 401: verysecret")
    assert not of.failed(0, "again")
    found = loaded(path, of)
    assert found.series[0].labels == {"key": "a *** b"}
    [source] = of.state()
    assert (source.why, source.readings, source.failed) == ("it answered 401: ***", 3, 2)
    assert "secret" not in source.url
    assert "password" not in source.url


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("changes.reading", [5]),
        ("changes.series", [-1]),
        ("readings.source", np.array([3], np.int8)),
        ("readings.at", [-1]),
        ("meta", np.frombuffer(b"{}", np.uint8)),
        ("changes.value", [1.0, 2.0]),
    ],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, column: str, value: object) -> None:
    of = Log(path := tmp_path / "watched.npz", [Source()])
    seen(of, 1, running=4)
    of.save()
    with np.load(path) as archive:
        columns = dict(archive)
    columns[column] = np.asarray(value, dtype=columns[column].dtype)
    np.savez(path, **columns)
    with pytest.raises(store.StoreError):
        store.load_watched(path)
