"""What is counted of a run, and that both exporters show exactly that to a real reader."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from loadgen.export.figures import BOUNDS, FIGURES, Figures
from loadgen.export.otlp import Otlp, endpoint
from loadgen.export.prometheus import AddressError, Prometheus, parsed
from loadgen.model import (
    ClientId,
    Level,
    Listener,
    Listeners,
    Load,
    Outcome,
    Progress,
    Prompt,
    Scenario,
    Stream,
    Target,
    Usage,
    Workload,
)  # fmt: skip
from tests import synthetic
from tests.lab.cells import cell

MS = 10**6
SCENARIO = Scenario(
    name="s",
    target=Target(url="http://127.0.0.1:8000/v1"),
    clients=(ClientId("aiohttp"),),
    levels=(Level(streams=2),),
    workload=Workload(prompts=(Prompt("a"),), load=Load(requests=1), protocol="openai-chat", model="m"),
)
OF = {"client": "aiohttp", "concurrency": "2"}


def stream(slot: int, ttft_ms: int, gap_ms: int, outcome: Outcome = Outcome.OK) -> Stream:
    begin = synthetic.ZERO + 5 * MS
    arrivals = np.array([begin + ttft_ms * MS, begin + (ttft_ms + gap_ms) * MS], dtype="<i8")
    end = int(arrivals[-1])
    return Stream(
        slot=slot, due=begin - 2 * MS, start=begin, headers=begin + MS, end=end, outcome=outcome, status=200, size=2,
        arrivals=arrivals.tobytes(), counts=np.array([1, 1], dtype="<u2").tobytes(), stamps=b"",
        error="", first_stamp_ns=None, usage=Usage(),
    )  # fmt: skip


@pytest.fixture
def figures() -> Iterator[Figures]:
    """Figures of a run that is in its second cell, of which three streams have ended."""
    found = Figures(SCENARIO)
    heard = Listeners(found)
    plan = [cell(index=n, client=ClientId("aiohttp"), level=Level(streams=2)) for n in (1, 2)]
    info = synthetic.recording(index=1, client="aiohttp", streams=4, concurrency=2, tokens=3)
    heard.begin(plan, [1.0, 1.0])
    heard.cell_begins(plan[0])
    heard.cell_ends([info])
    heard.cell_begins(plan[1])
    ended = [stream(0, 30, 10), stream(1, 40, 20), stream(0, 50, 30, Outcome.RESET)]
    heard.ended(ended, lambda: info)
    heard.progress(Progress(elapsed=1.0, open=2, tokens=6, ended=3, failed=1))
    found.close()
    return found


def test_streams_are_counted_by_client_and_level(figures: Figures) -> None:
    found = {family.figure.name: family.points for family in figures.families()}
    assert found["loadgen_streams_started"] == [(OF, 4 + 5)]
    assert found["loadgen_tokens"] == [(OF, 12 + 6)]
    assert found["loadgen_streams_in_flight"] == [(OF, 2)]
    assert found["loadgen_streams_failed"] == [(OF, 1)]
    assert found["loadgen_streams_ended"] == [({**OF, "outcome": "ok"}, 2), ({**OF, "outcome": "reset"}, 1)]
    assert found["loadgen_cells"] == [({}, 2)]
    assert found["loadgen_cells_done"] == [({}, 1)]
    [(current, one)] = found["loadgen_cell_info"]
    assert (current["cell"], one) == ("2", 1)
    [(_, ttft)] = found["loadgen_time_to_first_token_seconds"]
    assert (ttft.counts.sum(), ttft.sum, ttft.least, ttft.most) == (2, pytest.approx(0.07), 0.03, 0.04)
    [(_, itl)] = found["loadgen_inter_token_latency_seconds"]
    assert itl.sum == pytest.approx(0.03)
    [(_, delay)] = found["loadgen_start_delay_seconds"]
    assert delay.sum == pytest.approx(0.004)


def test_counters_never_go_back(figures: Figures) -> None:
    figures.progress(Progress(elapsed=0.1, open=0, tokens=0, ended=0, failed=0))
    found = {family.figure.name: family.points for family in figures.families()}
    assert found["loadgen_streams_started"] == [(OF, 9)]


def test_of_an_open_load_the_rate_that_is_asked_for_is_shown() -> None:
    found = Figures(SCENARIO)
    found.cell_begins(cell(level=Level(rate=2.5)))
    found.close()
    values = {family.figure.name: family.points for family in found.families()}
    assert values["loadgen_offered_rate"] == [({"client": "floor", "rate": "2.5"}, 2.5)]


def test_prometheus_reads_what_was_counted(figures: Figures) -> None:
    page = Prometheus(figures, ":0")
    try:
        assert page.url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(page.url) as answer:
            text = answer.read().decode()
    finally:
        page.close()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families.keys() <= {figure.name for figure in FIGURES}
    samples = {(s.name, *sorted(s.labels.items())): s.value for f in families.values() for s in f.samples}
    of = tuple(sorted(OF.items()))
    assert samples["loadgen_streams_started_total", *of] == 9
    assert samples["loadgen_time_to_first_token_seconds_count", *of] == 2
    assert samples["loadgen_time_to_first_token_seconds_sum", *of] == pytest.approx(0.07)
    ttft = families["loadgen_time_to_first_token_seconds"]
    assert ttft.type == "histogram"
    below = {s.labels["le"]: s.value for s in ttft.samples if s.name.endswith("_bucket")}
    assert len(below) == len(BOUNDS) + 1
    assert [n for edge, n in below.items() if float(edge) < 0.03][-1] == 0
    assert below["+Inf"] == 2


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    """Receive what is posted to /v1/metrics, decoded by the protocol's own library."""
    heard: list[ExportMetricsServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            import gzip

            assert self.path == "/v1/metrics"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            heard.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def attributes(of: Any) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in of}


def test_a_receiver_of_opentelemetry_decodes_what_was_counted(figures: Figures) -> None:
    with receiver() as (url, heard):
        sender = Otlp(figures, url, interval_s=60)
        sender.close()
        assert sender.failure == ""
    [resource] = heard[-1].resource_metrics
    assert attributes(resource.resource.attributes)["service.name"] == "loadgen"
    found = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    started = found["loadgen.streams.started"].sum
    assert started.is_monotonic
    assert [each.as_int for each in started.data_points] == [9]
    assert attributes(started.data_points[0].attributes) == {
        "loadgen.client": "aiohttp",
        "loadgen.concurrency": "2",
    }
    [ttft] = found["gen_ai.client.operation.time_to_first_chunk"].histogram.data_points
    assert (ttft.count, ttft.sum, ttft.min, ttft.max) == (2, pytest.approx(0.07), 0.03, 0.04)
    assert list(ttft.explicit_bounds) == list(BOUNDS)
    assert sum(ttft.bucket_counts) == 2
    of = attributes(found["gen_ai.client.operation.duration"].histogram.data_points[0].attributes)
    assert (of["gen_ai.operation.name"], of["gen_ai.request.model"], of["server.port"]) == ("chat", "m", 8000)


def test_a_receiver_that_takes_nothing_ends_no_run(figures: Figures) -> None:
    with receiver(400) as (url, heard):
        sender = Otlp(figures, url, interval_s=60)
        sender.close()
    assert heard
    assert sender.failure


def test_the_address_of_metrics_is_made_of_the_receivers() -> None:
    assert endpoint("http://h:4318") == endpoint("http://h:4318/") == "http://h:4318/v1/metrics"
    assert endpoint("http://h/v1/metrics") == "http://h/v1/metrics"
    assert endpoint("") is None


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (":9464", ("127.0.0.1", 9464)),
        ("9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_an_address_to_listen_on(address: str, found: tuple[str, int]) -> None:
    assert parsed(address) == found


@pytest.mark.parametrize("address", ["", "host", "host:", ":99999", ":x", "http://h:1", "h:1/metrics"])
def test_an_address_that_is_none_is_an_error(address: str) -> None:
    with pytest.raises(AddressError):
        parsed(address)


def test_a_port_in_use_is_an_error(figures: Figures) -> None:
    first = Prometheus(figures, ":0")
    try:
        with pytest.raises(AddressError, match="in use"):
            Prometheus(figures, first.url.removeprefix("http://").removesuffix("/metrics"))
    finally:
        first.close()


def test_every_listener_hears_everything() -> None:
    heard: list[str] = []

    class Hears(Listener):
        def note(self, text: str) -> None:
            heard.append(text)

    Listeners(Hears(), Listener(), Hears()).note("x")
    assert heard == ["x", "x"]
    assert {name for name in vars(Listener) if not name.startswith("_")} <= vars(Listeners).keys()
