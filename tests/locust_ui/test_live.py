"""What the Streaming tab shows, from reports of workers as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from loadgen.locust_ui import live as module
from loadgen.locust_ui.live import ROWS, Live
from loadgen.model import ClientId
from tests.lab.cells import cell

CELLS = (cell(index=1, client=ClientId("aiohttp")), cell(index=2, client=ClientId("requests")))


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def live(clock: Clock) -> Live:
    live = Live()
    live.begin(1, "run", "scenario", CELLS)
    return live


def histogram(*values_ms: float) -> bytes:
    made = HdrHistogram(1, 3_600_000_000, 3)
    for value in values_ms:
        made.record_value(round(value * 1e3))
    return made.encode()


def report(**told: Any) -> dict[str, Any]:
    usual = {"job": 1, "histograms": {}, "requested": 10, "open": 10, "tokens": 0, "outcomes": {}}
    return usual | {"rss_kib": None, "threads": None, "cpu_percent": None} | told


def row(live: Live, label: str = "aiohttp") -> Mapping[str, Any]:
    live.tick()
    rows: list[Mapping[str, Any]] = [
        one for one in live.snapshot("running")["history"] if one["client"] == label
    ]
    return rows[-1]


def against(live: Live) -> list[str]:
    return [one["text"] for one in live.snapshot("running")["validity"]]


def test_workers_are_added_up_and_percentiles_are_of_all_values(live: Live) -> None:
    live.take("a", "host-1", {1: report(histograms={"ttft": histogram(*[10] * 99)}, outcomes={"ok": 99})})
    more = {"ttft": histogram(*[90] * 99), "rate": histogram(*[20] * 100)}
    live.take("b", "host-2", {1: report(histograms=more, outcomes={"ok": 90, "reset": 7, "stopped": 2})})
    live.take("b", "host-2", {1: report(outcomes={"ok": 90, "reset": 7, "stopped": 2})})
    [client] = live.snapshot("running")["clients"]
    assert client["ttft"] == {
        "n": 198,
        "p50": pytest.approx(10, rel=1e-3),
        "p90": pytest.approx(90, rel=1e-3),
        "p99": pytest.approx(90, rel=1e-3),
    }
    assert client["rate"]["p50"] == pytest.approx(20, rel=1e-3)
    assert client["itl"] is None
    assert "late" not in client
    counts = {name: client[name] for name in ("asked", "open", "ended", "ok", "failed", "stopped")}
    assert counts == {"asked": 20, "open": 20, "ended": 198, "ok": 189, "failed": 7, "stopped": 2}
    assert (live.ended("a", 1), live.ended("b", 1), live.ended("c", 1)) == (99, 99, 0)


def test_a_row_tells_how_it_went_since_the_last_one(live: Live, clock: Clock) -> None:
    clock.now += 2.0
    first = report(
        tokens=100, rss_kib=2048, threads=3, cpu_percent=40.0, histograms={"itl": histogram(*[5] * 100)}
    )
    live.take("a", "", {1: first})
    told = row(live)
    assert (told["at"], told["tokens_per_s"], told["rss_mib"], told["threads"]) == (2.0, 50.0, 2.0, 3)
    assert told["itl_p50"] == pytest.approx(5, rel=1e-3)
    assert told["cpu_percent"] == 40.0
    assert told["ttft_p50"] is None
    clock.now += 2.0
    live.take("a", "", {1: report(tokens=160, histograms={"itl": histogram(*[8] * 10)})})
    told = row(live)
    assert told["tokens_per_s"] == 30.0
    assert told["itl_p50"] == pytest.approx(8, rel=1e-3)
    assert told["itl_p99"] is None  # ten values hold none
    assert told["rss_mib"] is None
    assert live.snapshot("running")["clients"][0]["itl"]["n"] == 110


def test_tokens_per_second_are_those_of_each_workers_own_reports(live: Live, clock: Clock) -> None:
    """Between two rows there may be no report, or two."""
    for second, tokens in enumerate((100, 200, 300), 1):
        clock.now = 100.0 + second
        live.take("a", "host-1", {1: report(tokens=tokens)})
    assert row(live)["tokens_per_s"] == 100.0
    clock.now += 0.5
    live.take("b", "host-2", {1: report(tokens=350)})
    assert row(live)["tokens_per_s"] == 200.0


def test_a_lost_worker_keeps_what_it_ended_and_holds_nothing_open(live: Live) -> None:
    for node in ("a", "b"):
        live.take(node, f"host-{node}", {1: report(outcomes={"ok": 5}), 2: report()})
    live.lose("b", 1)
    live.lose("c", 1)
    told = live.snapshot("running")
    assert [client["open"] for client in told["clients"]] == [10, 20]
    assert told["clients"][0]["ok"] == 10
    states = {
        (worker["worker"], worker["client"]): (worker["state"], worker["open"]) for worker in told["workers"]
    }
    assert states == {
        ("host-a", "aiohttp"): ("running", 10),
        ("host-a", "requests"): ("running", 10),
        ("host-b", "aiohttp"): ("lost", 0),
        ("host-b", "requests"): ("running", 10),
    }
    live.lose("a", 1)
    assert (row(live)["open"], row(live)["tokens_per_s"]) == (0, None)


def test_reports_of_the_job_before_are_not_heard(live: Live) -> None:
    live.take("a", "", {1: report(outcomes={"ok": 5})})
    live.notes.append("something")
    live.begin(2, "other", "scenario", CELLS)
    live.take("a", "", {1: report(outcomes={"ok": 6})})
    told = live.snapshot("running")
    assert (told["run"], told["clients"], told["history"], told["notes"]) == ("other", [], [], [])
    live.take("a", "", {1: report(job=2, outcomes={"ok": 1})})
    assert live.snapshot("running")["clients"][0]["ok"] == 1


def test_streams_that_are_missing_are_told_once_the_number_stands_still(live: Live) -> None:
    live.take("a", "", {1: report(requested=100, open=10)})
    live.tick()
    assert against(live) == []
    live.take("a", "", {1: report(requested=200, open=100)})
    live.tick()
    assert against(live) == []
    live.take("a", "", {1: report(requested=200, open=120)})
    live.tick()
    assert against(live) == ["only 100 of the 200 streams asked for are open"]
    live.end()
    assert against(live) == []  # they were ended


def test_what_speaks_against_an_engine_is_told(live: Live) -> None:
    slow = {"ttft": histogram(*[100] * 100), "lag": histogram(*[80] * 100), "late": histogram(*[400] * 100)}
    live.take("a", "host-1", {1: report(cpu_percent=99.0, histograms=slow)})
    live.take("b", "host-2", {1: report(cpu_percent=20.0)})
    saturated, late, lag = against(live)
    assert saturated == "the engine of host-1 used 99 % of a core and was saturated"
    assert late.startswith("streams were started later than they were due, p99 400")
    assert "is 80 % of TTFT p99" in lag
    assert {one["who"] for one in live.snapshot("running")["validity"]} == {"aiohttp"}
    live.verdicts = [{"verdict": "valid", "who": "aiohttp", "text": ""}]
    assert against(live) == [""]  # the report judges the whole


def test_a_client_that_holds_its_requests_back_is_told_of_while_it_runs(live: Live) -> None:
    held = {
        "ttft": histogram(*[3000] * 100),
        "request": histogram(*[2400] * 100),
        "lag": histogram(*[1] * 100),
    }
    live.take("a", "", {1: report(histograms=held)})
    (request,) = against(live)
    assert request.startswith("send delay p99")
    assert "is 80 % of TTFT p99" in request


def test_the_clock_stands_still_at_the_end_and_history_is_bounded(live: Live, clock: Clock) -> None:
    live.take("a", "", {1: report()})
    for _ in range(ROWS + 5):
        clock.now += 1.0
        live.tick()
    told = live.snapshot("running")["history"]
    assert (len(told), told[0]["at"]) == (ROWS, 6.0)
    live.end()
    ended = live.elapsed
    clock.now += 60.0
    assert live.elapsed == ended == live.snapshot("stopped")["elapsed"]
