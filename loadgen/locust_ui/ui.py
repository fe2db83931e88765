"""``loadgen ui``: run Locust on our locustfile."""

import sys
from contextlib import ExitStack

import locust.main

from loadgen.distributed.addresses import free_port, is_local
from loadgen.distributed.processes import local_workers, without_configuration
from loadgen.distributed.token import new_token
from loadgen.locust_ui import locustfile
from loadgen.locust_ui.plan import make_plan


def serve(
    scenario: str,
    client: str,
    streams: int,
    *,
    url: str | None,
    workers: int | None,
    host: str,
    port: int,
    tls: tuple[str, str] | None,
) -> None:
    """Serve the web UI until it is ended; does not return. Raises Refused.

    The form proposes ``client`` and ``streams``. ``url`` is the target in place of the scenario's. ``port`` 0 is any
    free one. ``tls`` are the files of certificate and key. Nothing else configures Locust: no file, no variable.
    """
    make_plan(scenario, client, url or "", [locustfile.Stream])
    port = free_port(host, port, "--web-port")
    command = ["locust", "-f", str(locustfile.__file__), "--web-host", host, "--web-port", str(port)]
    if not is_local(host):
        command.append("--web-login")
    if tls:
        command += ["--tls-cert", tls[0], "--tls-key", tls[1]]
    command += ["--users", str(streams), "--spawn-rate", str(max(1, streams // 10))]
    with ExitStack() as stack:
        if workers:
            master = free_port("127.0.0.1", 0, "--web-port")
            command += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(master)]
            new_token()
            stack.enter_context(local_workers(workers, "127.0.0.1", master))
        shown = f"[{host}]" if ":" in host else host
        print(f"{'https' if tls else 'http'}://{shown}:{port}", flush=True)  # noqa: T201
        command += ["--host", url] if url else []
        sys.argv = [*command, "--scenario", scenario, "--client", client]
        without_configuration()
        locust.main.main()
