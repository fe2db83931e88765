"""``loadgen ui``: Locust's web UI."""

from __future__ import annotations

import click

from loadgen.cli.common import (
    COUNT,
    PORT,
    allow_python_option,
    import_locust,
    scenario_argument,
    url_option,
    warn,
)

WEB_PORT = 8089


@click.command()
@scenario_argument
@click.option("--client", help="Client to begin with (default: the scenario's first).")
@url_option
@allow_python_option
@click.option("--workers", type=COUNT, help="Measure in this many processes.")
@click.option("--web-host", default="127.0.0.1", help="Address of the web UI.")
@click.option("--web-port", type=PORT, default=WEB_PORT, help="Port of the web UI; 0 for any free one.")
@click.option("--tls-cert", type=click.Path(exists=True), help="Certificate file, to serve over HTTPS.")
@click.option("--tls-key", type=click.Path(exists=True), help="Key file of the certificate.")
def command(
    scenario: str, client: str | None, url: str | None, workers: int | None, web_host: str, web_port: int,
    tls_cert: str | None, tls_key: str | None,
) -> None:  # fmt: skip
    """Open Locust's web UI for SCENARIO. Its users are streams, and a tab shows them live.

    Other machines reach it only with --web-host, and then after a login: LOADGEN_UI_USER (default: loadgen) and
    LOADGEN_UI_PASSWORD (generated and printed here where it is not set). The form chooses scenarios below this folder.
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    import_locust()
    from loadgen.locust_ui.ui import serve
    from loadgen.scenario import load

    planned = load(scenario)
    warn(planned)
    if planned.engines != 1:
        click.echo("loadgen: engines is not used here: --workers N measures in N processes", err=True)
    serve(
        scenario,
        client or planned.clients[0].label,
        max(level.streams or 1 for level in planned.levels),
        url=url,
        workers=workers,
        host=web_host,
        port=web_port,
        tls=(tls_cert, tls_key) if tls_cert and tls_key else None,
    )
