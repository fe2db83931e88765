"""Serve the figures to Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from loadgen.export.figures import BOUNDS, Distribution, Figures

HOST: Final = "127.0.0.1"


class AddressError(Exception):
    """The figures cannot be served there; the message says why."""


class Prometheus:
    """A page of the figures at ``url``, from its making until it is closed. Raises AddressError."""

    def __init__(self, figures: Figures, address: str) -> None:
        host, port = parsed(address)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Figures(figures))
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AddressError(
                f"{host}:{port} cannot be listened on: {reason}; choose another port"
            ) from error
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}/metrics"

    def close(self) -> None:
        """End the page."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def parsed(address: str) -> tuple[str, int]:
    """Return host and port of ``:9464``, ``9464``, ``0.0.0.0:9464`` or ``[::1]:9464``. Raises AddressError."""
    try:
        parts = urlsplit(f"//{address if ':' in address else f':{address}'}")
        host, port = parts.hostname or HOST, parts.port
    except ValueError:
        port = None
    if port is None or parts.path or parts.query or parts.username is not None:
        raise AddressError(f"{address!r} is no address to listen on, such as :9464 or 0.0.0.0:9464")
    return host, port


class _Figures(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        for figure, points in self._figures.families():
            kinds = {
                "counter": CounterMetricFamily,
                "gauge": GaugeMetricFamily,
                "histogram": HistogramMetricFamily,
            }
            names = list(dict.fromkeys(name for labels, _ in points for name in labels))
            family = kinds[figure.kind](figure.name, figure.description, labels=names)
            for labels, value in points:
                own = [labels.get(name, "") for name in names]
                if isinstance(value, Distribution):
                    upto = list(accumulate(value.counts.tolist()))
                    edges = [*map(str, BOUNDS), "+Inf"]
                    family.add_metric(own, list(zip(edges, upto, strict=True)), value.sum)
                else:
                    family.add_metric(own, value)
            yield family
