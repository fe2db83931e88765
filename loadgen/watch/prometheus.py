"""A server's own metrics, in Prometheus' text format or OpenMetrics."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from http.client import responses
from typing import Any, Final
from urllib.parse import urlsplit

from loadgen.model import Cell, Request
from loadgen.preflight.target import MAX_BYTES, TargetError, exchange, place, reason_of
from loadgen.watch.sources import ReadError, Value

ACCEPT: Final = "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1"
TIMEOUT_S: Final = 5.0
END: Final = b"# EOF"  # of OpenMetrics


class Prometheus:
    """A page of metrics. The target's headers are sent along where it is on the same host, and never in the clear
    where the target's are encrypted. ``own`` are headers for it alone.
    """

    name = "metrics"

    def __init__(self, url: str, cell: Cell, own: Mapping[str, str]) -> None:
        at, target = urlsplit(url), urlsplit(cell.url)
        is_own = at.hostname == target.hostname and (at.scheme == "https" or target.scheme == "http")
        headers = {**(cell.headers if is_own else {}), **own, "Accept": ACCEPT}
        self.url, self.answered = url, 0
        self._request = Request("GET", url, headers, b"")
        self._cell = replace(cell, url=url)  # whose scheme says whether certificates are needed

    def read(self) -> Iterable[Value]:
        """Return every sample of the page. Raises ReadError."""
        try:
            status, body = exchange(self._cell, self._request, time.monotonic() + TIMEOUT_S)
        except TargetError as error:
            raise ReadError(str(error).removeprefix(f"{place(self._request)}: ")) from None
        self.answered = time.perf_counter_ns()
        if status is None:
            raise ReadError(f"no answer within {TIMEOUT_S:g} s")
        if status != 200:
            why = "" if body.lstrip()[:1] in (b"", b"<") else f": {reason_of(body)}"  # of a page, nothing
            raise ReadError(f"it answered {status} {responses.get(status, '')}".rstrip() + why)
        if len(body) >= MAX_BYTES:
            raise ReadError(f"the page has {MAX_BYTES >> 20} MiB or more")
        if body.lstrip()[:1] in (b"<", b"{", b"["):
            kind = "HTML" if body.lstrip()[:1] == b"<" else "JSON"
            raise ReadError(f"the page is {kind}, not metrics of Prometheus")
        try:
            found = list(_values(body))
        except Exception as error:  # whatever the library makes of hostile text
            raise ReadError(
                f"the page is not metrics of Prometheus: {ascii(str(error))[1:-1][:100]}"
            ) from None
        if not found:
            raise ReadError("the page holds no metrics of Prometheus")
        return found


def _values(body: bytes) -> Iterator[Value]:
    text = body.decode(errors="replace")
    for family in _families(text, is_open=body.rstrip().endswith(END)):
        for sample in family.samples:
            yield Value(sample.name, sample.labels, float(sample.value), family.type)


def _families(text: str, *, is_open: bool) -> Iterator[Any]:
    from prometheus_client import parser
    from prometheus_client.openmetrics import parser as open_metrics

    parse: Any = (open_metrics if is_open else parser).text_string_to_metric_families  # it has no types
    yield from parse(text)
