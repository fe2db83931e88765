"""What importing it adds to Locust: the options ``--scenario`` and ``--client``, the engines, the tab.

The options are Locust's own kind: fields of the form in its web UI, or LOADGEN_SCENARIO and LOADGEN_CLIENT.
A locustfile needs ``from loadgen.locust_ui.plugin import Streaming`` and a class of it.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import gevent
from locust import events
from locust.runners import LocalRunner, WorkerRunner

from loadgen import clients
from loadgen.distributed.locust_transport import LocustTransport
from loadgen.distributed.users import Streaming
from loadgen.distributed.worker import Worker, follow
from loadgen.locust_ui.login import is_local, protect
from loadgen.locust_ui.session import Session, Wrong, offered
from loadgen.locust_ui.web import install

if TYPE_CHECKING:
    from argparse import Namespace

    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment
    from locust.web import WebUI

__all__ = ["Streaming", "follow"]

log = logging.getLogger("loadgen")

# Locust makes a parser for its command line and another for each of its pages. The first takes any client,
# because only the scenario knows its variants; the others offer these.
_choices: list[str] = []


def _options(parser: LocustArgumentParser, **_: object) -> None:
    # Not in a group of their own: the form shows only what the parser itself was given.
    parser.add_argument(
        "--scenario",
        default="",
        env_var="LOADGEN_SCENARIO",
        help="The scenario's file, the same on every worker.",
    )
    parser.add_argument(
        "--client",
        default="",
        choices=_choices or None,
        env_var="LOADGEN_CLIENT",
        help="The HTTP client, where the locustfile names none. Empty: the scenario's first.",
    )
    # Locust listens on all interfaces unless told otherwise.
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")


def _init(environment: Environment, web_ui: WebUI | None = None, **_: object) -> None:
    # What was imported until now took seconds that the loop's clock has not seen: --run-time would lack them.
    gevent.get_hub().loop.update_now()
    # Ctrl-C is for who waits for the end. Python gives it to whatever greenlet runs, and Locust's listener drops it.
    gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
    runner = environment.runner
    assert runner is not None
    worker, transport = None, LocustTransport(runner)
    if isinstance(runner, LocalRunner | WorkerRunner):
        worker = Worker(environment, transport)
    if isinstance(runner, WorkerRunner):
        assert worker is not None
        follow(environment, worker, transport)
        return
    session = Session(environment, worker)
    options = environment.parsed_options
    assert options is not None
    scenario = None
    if web_ui is None or options.scenario:
        try:
            scenario = session.check().scenario
        except Wrong as error:
            _refuse(str(error))
    _choices[:] = ["", *offered(scenario)]
    if options.client not in _choices:
        _refuse(f"no client {options.client!r}: one of {', '.join(clients.names())}")
    if options.master and not is_local(options.master_bind_host):
        log.warning(
            "The master listens on %s: Locust's protocol is not encrypted, and asks nobody for a password.",
            options.master_bind_host,
        )
    if web_ui is not None:
        try:
            free_port(web_ui.host, web_ui.port)
        except Wrong as error:
            _refuse(str(error))
        install(web_ui, session.snapshot, session.file)
        _guard(web_ui, session)
        _remember(web_ui, options)
        protect(web_ui)


def free_port(host: str, port: int) -> int:
    """``port`` if a web UI can listen there, for 0 any that is free. Raises Wrong."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family) as server:
            number: int = server.getsockname()[1]
            return number
    except OSError as error:
        raise Wrong(
            f"{host}:{port}: cannot listen there: {error.strerror or error}; choose another with --web-port"
        ) from None


def _refuse(why: str) -> None:
    sys.stderr.write(f"{why}\n")
    sys.exit(2)


def _guard(web_ui: WebUI, session: Session) -> None:
    """Let the form be answered where the run would not start."""
    from flask import jsonify, request

    assert web_ui.app is not None
    start = web_ui.app.view_functions["locust.swarm"]

    def swarm() -> Any:
        try:
            asked = session.check(request.form.to_dict())
        except Wrong as error:
            return jsonify({"success": False, "message": str(error), "host": request.form.get("host")})
        _choices[:] = dict.fromkeys([*_choices, *offered(asked.scenario)])
        return start()

    web_ui.app.view_functions["locust.swarm"] = web_ui.auth_required_if_enabled(swarm)


def _remember(web_ui: WebUI, options: Namespace) -> None:
    """Let a page that is loaded anew propose what was chosen last; Locust proposes what it was started with."""
    update = web_ui.update_template_args

    def updated() -> None:
        update()
        for name in ("scenario", "client"):
            web_ui.template_args["extra_options"][name]["default_value"] = getattr(options, name)

    web_ui.update_template_args = updated  # type: ignore[method-assign]


events.init_command_line_parser.add_listener(_options)
events.init.add_listener(_init)
