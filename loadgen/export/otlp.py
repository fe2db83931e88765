"""Send the figures to a receiver of OpenTelemetry, by OTLP over HTTP."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from loadgen import __version__
from loadgen.export.figures import BOUNDS, Distribution, Family, Figures

PATH: Final = "/v1/metrics"
INTERVAL: Final = "OTEL_METRIC_EXPORT_INTERVAL"  # milliseconds
TIMEOUTS: Final = ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")  # seconds
INTERVAL_S: Final = 5.0
TIMEOUT_S: Final = 3.0  # of one export
# The attributes of generative AI that a protocol means.
OPERATIONS: Final = {"responses": "chat", "completions": "text_completion", "generate": "text_completion"}


class Otlp:
    """Sends the figures every few seconds, from a thread of its own, to ``url`` or where OTEL_… variables say.

    ``failure`` says why the last export failed; empty where it did not.
    """

    def __init__(self, figures: Figures, url: str = "", interval_s: float | None = None) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it is reported once, by us
        self._figures = figures
        self._timeout = _number(TIMEOUTS) or TIMEOUT_S
        self._exporter = OTLPMetricExporter(endpoint=endpoint(url), timeout=self._timeout)
        self._resource = Resource.create(_resource(figures))
        self._scope = InstrumentationScope("loadgen", __version__)
        self._began_ns = time.time_ns()
        self._interval = interval_s or (_number([INTERVAL]) or INTERVAL_S * 1000) / 1000
        self._over = threading.Event()
        self.failure = ""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send the figures a last time; wait for that no longer than one export takes."""
        self._over.set()
        self._thread.join(2 * self._timeout)
        with contextlib.suppress(Exception):
            self._exporter.shutdown(timeout_millis=100)

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            due += self._interval
            ended = self._over.wait(max(0.0, due - time.monotonic()))
            self._send()
            if ended:
                return

    def _send(self) -> None:
        try:
            done = self._exporter.export(self.data(), timeout_millis=self._timeout * 1000)
            self.failure = (
                "" if done is MetricExportResult.SUCCESS else "the receiver does not answer, or refuses them"
            )
        except Exception as error:  # of whatever transport: an export never ends a run
            self.failure = str(error)[:200] or type(error).__name__

    def data(self) -> MetricsData:
        """Return the figures in the SDK's form, all of them since the run began."""
        now = time.time_ns()
        metrics = [self._metric(family, now) for family in self._figures.families()]
        scope = ScopeMetrics(scope=self._scope, metrics=metrics, schema_url="")
        return MetricsData([ResourceMetrics(resource=self._resource, scope_metrics=[scope], schema_url="")])

    def _metric(self, family: Family, now: int) -> Metric:
        figure = family.figure
        points = list(self._points(family, now))
        data: Any
        if figure.kind == "histogram":
            data = Histogram(points, AggregationTemporality.CUMULATIVE)
        elif figure.kind == "counter":
            data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
        else:
            data = Gauge(points)
        return Metric(name=figure.otlp, description=figure.description, unit=figure.unit or "1", data=data)

    def _points(self, family: Family, now: int) -> Iterator[Any]:
        conventional = _genai(self._figures) if family.figure.otlp.startswith("gen_ai.") else {}
        for labels, value in family.points:
            attributes = {**{f"loadgen.{name}": text for name, text in labels.items()}, **conventional}
            if isinstance(value, Distribution):
                counts = value.counts.tolist()
                yield HistogramDataPoint(
                    attributes=attributes,
                    count=sum(counts),
                    sum=value.sum,
                    bucket_counts=counts,
                    explicit_bounds=BOUNDS,
                    min=value.least,
                    max=value.most,
                    start_time_unix_nano=self._began_ns,
                    time_unix_nano=now,
                )
            else:
                yield NumberDataPoint(
                    attributes=attributes,
                    value=value,
                    start_time_unix_nano=self._began_ns,
                    time_unix_nano=now,
                )


def endpoint(url: str) -> str | None:
    """Return the address that metrics are sent to; ``None``: what the environment says."""
    if not url:
        return None
    return url if urlsplit(url).path.rstrip("/").endswith(PATH) else url.rstrip("/") + PATH


def _number(names: Sequence[str]) -> float | None:
    """Return the first of these variables that is a number above 0."""
    for name in names:
        with contextlib.suppress(ValueError):
            if (value := float(os.environ.get(name, ""))) > 0:
                return value
    return None


def _resource(figures: Figures) -> dict[str, str]:
    return {"loadgen.scenario": figures.scenario.name, "service.version": __version__} | (
        {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "loadgen"}
    )


def _genai(figures: Figures) -> dict[str, str | int]:
    """Return the attributes that the conventions for generative AI want: of the operation, the model, the server."""
    workload, target = figures.scenario.workload, figures.scenario.target
    provider, _, api = workload.protocol.partition("-")
    found: dict[str, str | int] = {
        "gen_ai.operation.name": OPERATIONS.get(api, api or provider),
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": workload.model,
    }
    if target.url:
        parts = urlsplit(target.url)
        found["server.address"] = parts.hostname or ""
        found["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)
    return found
