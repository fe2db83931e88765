"""``--prometheus`` and ``--otlp``: the figures of a run, for others to read while it goes on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from loadgen.cli import common
from loadgen.exit_code import ExitCode

if TYPE_CHECKING:
    from loadgen.export.figures import Exporter, Figures
    from loadgen.model import Listener, Scenario

INSTALL = '{name} is not installed; install it: pip install "loadgen[{extra}]"'


@contextlib.contextmanager
def exporting(
    scenario: Scenario, prometheus: str | None, otlp: str | None, *, to_stderr: bool
) -> Iterator[list[Listener]]:
    """Export the figures until the block ends; yield who must hear of the run, nobody where nothing is exported.

    ``scenario`` is without its secrets. Exits where an address cannot be used, or a library is not installed.
    """
    from_environment = otlp is None and _names_receiver()
    if prometheus is None and otlp is None and not from_environment:
        yield []
        return
    from loadgen.export.figures import Figures

    figures = Figures(scenario)
    exporters: list[Exporter] = []
    if prometheus is not None:
        exporters.append(_prometheus(figures, prometheus, to_stderr=to_stderr))
    if otlp is not None or from_environment:
        try:
            from loadgen.export.otlp import Otlp
        except ImportError:
            if otlp is not None:
                common.fail(INSTALL.format(name="The OpenTelemetry SDK", extra="otlp"), ExitCode.BAD)
        else:
            exporters.append(Otlp(figures, _url(otlp)))
    try:
        yield [figures]
    finally:
        figures.close()
        for each in exporters:
            each.close()
            if failure := getattr(each, "failure", ""):
                click.echo(f"loadgen: the last figures could not be sent by OTLP: {failure}", err=True)


def _prometheus(figures: Figures, address: str, *, to_stderr: bool) -> Exporter:
    try:
        from loadgen.export.prometheus import AddressError, Prometheus
    except ImportError:
        common.fail(INSTALL.format(name="prometheus-client", extra="prometheus"), ExitCode.BAD)
    try:
        made = Prometheus(figures, address)
    except AddressError as error:
        common.fail(f"--prometheus: {error}", ExitCode.BAD)
    click.echo(f"  Prometheus: {made.url}", err=to_stderr)
    return made


def _names_receiver() -> bool:
    """Return whether OpenTelemetry's variables name a receiver, which only some need a library for."""
    if (
        os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or os.environ.get("OTEL_METRICS_EXPORTER") == "none"
    ):
        return False
    return any(os.environ.get(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT") for kind in ("", "METRICS_"))


def _url(otlp: str | None) -> str:
    """Return the URL; exit where it is none."""
    if otlp is None:
        return ""
    try:
        parts = urlsplit(otlp)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        common.fail(f"--otlp: {otlp!r} is no URL such as http://127.0.0.1:4318", ExitCode.BAD)
    return otlp
