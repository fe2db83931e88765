"""A page of metrics: what is read of it, what is sent for it, and what a bad one is reported as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from loadgen.model import Cell
from loadgen.watch import prometheus
from loadgen.watch.prometheus import Prometheus
from loadgen.watch.sources import ReadError
from tests.lab.cells import cell
from tests.watch.pages import VLLM, Answer, metrics, serving

OPEN = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running 2.0
# TYPE served counter
served_total 5.0 1700000000.0
# EOF
"""


def at(url: str, **changes: object) -> Cell:
    return replace(cell(url=url), **changes)


def test_it_reads_every_sample_with_its_labels_and_kind() -> None:
    with serving(metrics()) as url:
        found = {(v.name, *v.labels.items()): (v.value, v.kind) for v in Prometheus(url, at(url), {}).read()}
    engine = ("engine", "0"), ("model_name", "m")
    assert found["vllm:num_requests_running", *engine] == (3.0, "gauge")
    assert found["vllm:num_preemptions_total", *engine] == (7.0, "counter")
    assert found["vllm:time_to_first_token_seconds_sum", ("engine", "0")] == (0.5, "histogram")
    assert len(found) == 9


def test_it_reads_openmetrics() -> None:
    with serving(metrics(OPEN)) as url:
        found = {v.name: (v.value, v.kind) for v in Prometheus(url, at(url), {}).read()}
    assert found == {"vllm:num_requests_running": (2.0, "gauge"), "served_total": (5.0, "counter")}


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("http://127.0.0.1:1", True),  # another port of the same host
        ("http://127.0.0.2:1", False),
        ("https://127.0.0.1:1", False),  # which would send in the clear what goes encrypted
    ],
)
def test_the_targets_headers_go_to_its_own_host_alone(target: str, sent: bool) -> None:
    heard: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        heard.append(request.headers["Authorization"])
        return 200, "text/plain", VLLM

    with serving(answer) as url:
        list(Prometheus(url, at(target, headers={"Authorization": "Bearer key"}), {}).read())
    assert heard == ["Bearer key" if sent else None]


BAD: dict[str, tuple[Callable[[BaseHTTPRequestHandler], Answer | None], str]] = {
    "html": (lambda _: (200, "text/html", "<!doctype html><title>Hello</title>"), "is HTML"),
    "json": (lambda _: (200, "application/json", '{"a": 1}'), "is JSON"),
    "nonsense": (lambda _: (200, "text/plain", "a b c d\n\x00"), "is not metrics"),
    "empty": (lambda _: (200, "text/plain", ""), "holds no metrics"),
    "status": (
        lambda _: (501, "application/json", '{"error": "start it with --metrics"}'),
        "501 .*--metrics",
    ),
    "an error page": (lambda _: (500, "text/html", "<html>Internal</html>"), "500 Internal Server Error$"),
    "hangs": (lambda _: None, "no answer within"),
    "large": (lambda _: (200, "text/plain", "# " + "x" * (4 << 20)), "4 MiB or more"),
}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "TIMEOUT_S", 0.5)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("kind", BAD)
def test_a_page_that_is_none_is_an_error_that_says_so(kind: str) -> None:
    answer, why = BAD[kind]
    with serving(answer) as url, pytest.raises(ReadError, match=why):
        Prometheus(url, at(url), {}).read()


def test_an_address_that_refuses_is_an_error() -> None:
    with serving(metrics()) as url:
        gone = url
    with pytest.raises(ReadError, match="refused") as raised:
        Prometheus(gone, at(gone), {}).read()
    assert gone not in str(raised.value)
