"""The content of the Streaming tab, from updates of workers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.analysis.metrics import Metric, PerStream, PerToken, added, metrics
from loadgen.distributed import coordinator
from loadgen.distributed.coordinator import Assignment
from loadgen.locust_ui import live as module
from loadgen.locust_ui.live import MAX_ROWS, Live
from loadgen.model import Cell, ClientId, CpuSampleTable, Outcome, Slo, Validity
from loadgen.report.sentences.limit import limited_by
from tests import synthetic
from tests.lab.cells import cell
from tests.locust_ui.updates import assignment, sample, stream, update

AIOHTTP, REQUESTS = CELLS = (
    cell(index=1, client=ClientId("aiohttp")),
    cell(index=2, client=ClientId("requests")),
)


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
    monkeypatch.setattr(coordinator, "time", clock)
    return clock


@pytest.fixture
def live(clock: Clock) -> Live:
    live = Live()
    live.begin("run", "scenario", CELLS)
    return live


def send(live: Live, to: Assignment, *streams: Any, cell: Cell = AIOHTTP, **changes: Any) -> None:
    """Add an update as the coordinator does."""
    sent = update(cell, streams, **changes)
    to.add(sent)
    live.update(to, sent)


def row(live: Live, number: int = 0) -> dict[str, Any]:
    live.tick()
    found: dict[str, Any] = live.snapshot("running")["clients"][number]["history"][-1]
    return found


def values(live: Live, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = live.snapshot("running")["clients"][number]["values"]
    return found


def verdicts(live: Live) -> list[tuple[str, str]]:
    return [(one["verdict"], one["text"]) for one in live.snapshot("running")["validity"]]


def reasons(live: Live) -> list[str]:
    return [one["text"] for one in live.snapshot("running")["validity"]]


def test_workers_are_summed_and_percentiles_are_of_all_values(live: Live) -> None:
    a, b = assignment(AIOHTTP, "host-1", "a"), assignment(AIOHTTP, "host-2", "b")
    send(live, a, *[stream(10)] * 99)
    send(live, b, *[stream(90)] * 90, *[stream(90, outcome=Outcome.RESET)] * 7)
    send(live, b, *[stream(90, outcome=Outcome.STOPPED)] * 2, *[stream(90)] * 9)
    found = values(live)
    assert [found[f"ttft_p{rank}_ms"] for rank in (50, 90, 99)] == pytest.approx([10, 90, 90], rel=1e-3)
    assert (found["itl_p50_ms"], found["lag_p50_ms"]) == (None, None)
    counts = {name: found[name] for name in ("requested", "open", "ok", "failed", "stopped")}
    assert counts == {"requested": 20, "open": 20, "ok": 198, "failed": 7, "stopped": 2}


def test_a_row_has_what_happened_since_the_last_one(live: Live, clock: Clock) -> None:
    only = assignment(AIOHTTP)
    clock.now += 2.0
    send(live, only, stream(gap=5, tokens=101), tokens=100, samples=[sample(2, cpu_s=1, rss_mib=2)])
    found = row(live)
    assert (found["at"], found["tokens_per_s"], found["rss_mib"], found["threads"]) == (2.0, 50.0, 2.0, 3)
    assert (found["itl_p50_ms"], found["cpu_percent"]) == (pytest.approx(5, rel=1e-3), None)
    clock.now += 2.0
    send(live, only, stream(gap=8, tokens=11), tokens=160, samples=[sample(4, cpu_s=1.8)])
    found = row(live)
    assert (found["tokens_per_s"], found["cpu_percent"]) == (30.0, pytest.approx(40))
    assert found["itl_p50_ms"] == pytest.approx(8, rel=1e-3)
    assert found["itl_p99_ms"] is None  # ten values are too few
    assert values(live)["itl_p99_ms"] == pytest.approx(8, rel=1e-3)


def test_streams_are_judged_as_they_end(live: Live, clock: Clock) -> None:
    judged = replace(AIOHTTP, workload=replace(AIOHTTP.workload, slo=Slo(ttft_ms=50, itl_ms=20)))
    live.begin("run", "scenario", (judged, REQUESTS))
    only = assignment(judged)
    clock.now += 2.0
    long_gap = stream(10, gap=30, tokens=3)
    send(live, only, stream(50), stream(51), long_gap, stream(1, outcome=Outcome.RESET), cell=judged)
    send(live, only, stream(1, outcome=Outcome.STOPPED), stream(1, tokens=9), cell=judged)
    found = row(live)
    assert (found["good_percent"], found["goodput_per_s"]) == (pytest.approx(40), 1.0)
    clock.now += 1.0
    send(live, only, stream(1), cell=judged)
    found = row(live)
    assert (found["good_percent"], found["goodput_per_s"]) == (100, 1.0)
    assert values(live)["good_percent"] == pytest.approx(50)
    clock.now += 1.0
    found = row(live)
    assert (found["good_percent"], found["goodput_per_s"]) == (None, 0.0)
    send(live, assignment(REQUESTS), stream(1), cell=REQUESTS)
    assert values(live, 1)["goodput_per_s"] is None


def test_without_objectives_the_tab_has_no_goodput(live: Live) -> None:
    send(live, assignment(AIOHTTP), stream(1))
    assert "Goodput" not in str(live.snapshot("running")["columns"])


def test_tokens_per_second_are_between_the_updates_that_arrived(live: Live, clock: Clock) -> None:
    """Between two rows there may be no update, or several."""
    a, b = assignment(AIOHTTP, "host-1", "a"), assignment(AIOHTTP, "host-2", "b")
    for second, tokens in enumerate((100, 200, 300), 1):
        clock.now = 100.0 + second
        send(live, a, tokens=tokens)
    clock.now += 0.5
    assert row(live)["tokens_per_s"] == 100.0
    send(live, b, tokens=350)
    assert row(live)["tokens_per_s"] == 200.0


def test_a_lost_worker_keeps_its_streams_and_has_none_open(live: Live) -> None:
    sent = {
        (node, each.index): assignment(each, f"host-{node}", node) for node in ("a", "b") for each in CELLS
    }
    for (_, index), each in sent.items():
        send(live, each, *[stream()] * 5, cell=CELLS[index - 1])
    sent["b", 1].lost, sent["b", 1].open = "no heartbeat", 0
    shown = live.snapshot("running")
    assert [(each["values"]["open"], each["values"]["ok"]) for each in shown["clients"]] == [
        (10, 10),
        (20, 10),
    ]
    states = {(each["worker"], each["client"]): (each["state"], each["open"]) for each in shown["workers"]}
    assert states == {
        ("host-a", "aiohttp"): ("running", 10),
        ("host-a", "requests"): ("running", 10),
        ("host-b", "aiohttp"): ("lost", 0),
        ("host-b", "requests"): ("running", 10),
    }
    sent["a", 1].lost = "no heartbeat"
    assert (row(live)["open"], row(live)["tokens_per_s"]) == (0, None)


def test_a_new_job_begins_with_nothing(live: Live) -> None:
    send(live, assignment(AIOHTTP), stream())
    live.notes.append("something")
    live.begin("other", "scenario", CELLS)
    shown = live.snapshot("running")
    assert (shown["run"], shown["clients"], shown["workers"], shown["notes"]) == ("other", [], [], [])


def test_missing_streams_are_reported_once_their_number_stands_still(live: Live) -> None:
    only = assignment(AIOHTTP)
    for requested, open_, expected in ((100, 10, 0), (200, 100, 0), (200, 120, 1)):
        send(live, only, requested=requested, open=open_)
        live.tick()
        assert len(reasons(live)) == expected
    assert "120 of 200" in reasons(live)[0]
    live.end()
    assert reasons(live) == []  # its streams were ended


def test_reasons_against_validity_are_reported_live(live: Live) -> None:
    a, b = assignment(AIOHTTP, "host-1", "a"), assignment(AIOHTTP, "host-2", "b")
    for second, streams in ((1, []), (2, [stream(100, lag=80, late=409.6)] * 100)):
        send(live, a, *streams, samples=[sample(second, cpu_s=0.99 * second)])
        send(live, b, samples=[sample(second, cpu_s=0.2 * second)])
        live.tick()
    ((verdict, text),) = verdicts(live)
    assert (verdict, text) == ("limit", "limited by the client: " + text.partition(": ")[2])
    assert "99 % of a core in its busiest second" in text
    live.verdicts = [{"verdict": "valid", "who": "aiohttp", "text": ""}]
    assert reasons(live) == [""]  # the report judges the whole run


LATE = {
    "lag": {"lag": 80},
    "time to wire": {"sent": 84},
    "both": {"lag": 80, "sent": 84},
    "start": {"late": 200},
}


@pytest.mark.parametrize("late", [*LATE])
@pytest.mark.parametrize(("cpu", "streams"), [(0.99, 200), (0.7, 200), (0.7, 20), (0.2, 200), (0.2, 20)])
def test_the_tab_says_of_a_client_what_the_report_says(
    live: Live, late: str, cpu: float, streams: int
) -> None:
    only = assignment(AIOHTTP)
    for second in range(1, 5):
        of = [stream(100, **LATE[late])] * (streams if second == 4 else 0)
        send(live, only, *of, samples=[sample(second, cpu_s=cpu * second)])
        live.tick()
    made = synthetic.recording(
        streams=streams, concurrency=10, ttft_ms=100, late_start_ms=LATE[late].get("late", 0),
        lag_us=1000 * LATE[late].get("lag", 0), send_delay_ms=LATE[late].get("sent", 0),
        sent_ms=LATE[late].get("sent"),
    )  # fmt: skip
    at = made.start + np.arange(200) * 10**8
    used = CpuSampleTable(
        at=at, cpu_ns=(cpu * (at - at[0])).astype(np.int64), run_wait_ns=np.full_like(at, -1)
    )
    edges = made.edges[0], replace(made.edges[1], cpu_ns=round(cpu * made.machine.window_ns))
    (summary,) = summarise(synthetic.run(".", [replace(made, cpu_samples=used, edges=edges)]))
    said = {text.partition(":")[0] for verdict, text in verdicts(live) if verdict == "limit"}
    assert said == ({limited_by(summary.limited_by)} if summary.limited_by else set())
    against = [verdict for verdict, _ in verdicts(live) if verdict != "limit"]
    assert ("suspect" in against) is (summary.validity is not Validity.VALID)


def test_requests_that_the_server_takes_late_are_not_the_clients(live: Live) -> None:
    send(live, assignment(AIOHTTP), *[stream(3000, sent=2)] * 100, samples=[sample(1), sample(2, cpu_s=0.7)])
    live.tick()
    assert verdicts(live) == []


def test_the_clock_stands_still_at_the_end_and_history_is_bounded(live: Live, clock: Clock) -> None:
    send(live, assignment(AIOHTTP))
    for _ in range(MAX_ROWS + 5):
        clock.now += 1.0
        live.tick()
    rows = live.snapshot("running")["clients"][0]["history"]
    assert (len(rows), rows[0]["at"]) == (MAX_ROWS, 6.0)
    live.end()
    ended = live.elapsed
    clock.now += 60.0
    assert live.elapsed == ended == live.snapshot("stopped")["elapsed"]


# ------------------------------------------------------------------------------------- the table of metrics


def columns(live: Live, part: str) -> dict[str, list[str]]:
    groups = live.snapshot("running")["columns"]
    return {group["title"]: [name for _, name in group[part]] for group in groups if group[part]}


def test_every_live_metric_is_in_the_tab(live: Live) -> None:
    send(live, assignment(AIOHTTP), *[stream(tokens=2, lag=1)] * 100)
    live.tick()
    wanted = {metric.column(rank) for metric in metrics() for rank in metric.live if not metric.needs}
    shown = {name for names in columns(live, "table").values() for name in names}
    assert wanted < shown == set(values(live)) - {"rss_mib", "threads"}
    drawn = {name for names in columns(live, "chart").values() for name in names}
    assert drawn <= set(row(live))
    assert {"ttft_p50_ms", "ttft_p99_ms", "tokens_per_s", "rss_mib"} <= drawn


def test_a_live_metric_of_another_package_is_in_the_tab(clock: Clock) -> None:
    wait = Metric(
        key="headers_again",
        label="wait for headers",
        description="A metric of a test.",
        formula=PerStream(lambda m: m.headers_wait),
        topic="latency",
        percentiles=(50,),
        drawn=(50,),
        live=(50, 90),
    )
    hidden = Metric(
        key="gaps_again",
        label="gaps",
        description="A metric that is not live.",
        formula=PerToken(lambda m: m.gaps()),
        topic="latency",
        percentiles=(50,),
    )
    with added(wait, hidden):
        live = Live()
        live.begin("run", "scenario", CELLS)
        send(live, assignment(AIOHTTP), *[stream()] * 10)
        found = row(live)
    names = ["headers_again_p50_ms", "headers_again_p90_ms"]
    assert columns(live, "table")["Wait for headers (ms)"] == names
    assert columns(live, "chart")["Wait for headers (ms)"] == names[:1]
    for shown in (found, values(live)):
        assert [shown[name] for name in names] == pytest.approx([1.0, 1.0], rel=1e-3)
        assert not any(name.startswith("gaps_again") for name in shown)
