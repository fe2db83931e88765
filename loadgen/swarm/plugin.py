"""What importing it adds to Locust: the options ``--scenario`` and ``--client``, the engines, the tab.

The options are Locust's own kind: fields of the form in its web UI, or LOADGEN_SCENARIO and LOADGEN_CLIENT.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import gevent
from locust import events
from locust.runners import LocalRunner, WorkerRunner

from loadgen import clients
from loadgen.swarm import wire
from loadgen.swarm.crew import Crew
from loadgen.swarm.session import Session, Wrong
from loadgen.swarm.web import install

if TYPE_CHECKING:
    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment
    from locust.rpc import Message
    from locust.web import WebUI

log = logging.getLogger("loadgen")


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
        choices=["", *clients.names()],
        env_var="LOADGEN_CLIENT",
        help="The HTTP client, where the locustfile names none. Empty: the scenario's first.",
    )
    # Locust listens on all interfaces unless told otherwise.
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")


def _init(environment: Environment, web_ui: WebUI | None = None, **_: object) -> None:
    # What was imported until now took seconds that the loop's clock has not seen: --run-time would lack them.
    gevent.get_hub().loop.update_now()
    runner = environment.runner
    crew = Crew(environment) if isinstance(runner, LocalRunner | WorkerRunner) else None
    if isinstance(runner, WorkerRunner):
        assert crew is not None
        follow(environment, crew)
        return
    session = Session(environment, crew)
    options = environment.parsed_options
    if web_ui is None or (options is not None and options.scenario):
        try:
            session.check()
        except Wrong as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(2)
    if web_ui is None:
        return
    install(web_ui, session.snapshot, session.file)
    _guard(web_ui, session)


def follow(environment: Environment, crew: Crew) -> None:
    """Introduce a worker to its master, and let it go where it is refused."""
    assert environment.runner is not None

    def refused(msg: Message, **_: object) -> None:
        log.error("refused: %s", msg.data)
        environment.process_exit_code = 2
        assert environment.runner is not None
        environment.runner.quit()

    environment.runner.register_message(wire.REFUSED, refused, concurrent=True)
    crew.hello()


def _guard(web_ui: WebUI, session: Session) -> None:
    """Let the form be answered where the run would not start."""
    from flask import jsonify, request

    def check() -> Any:
        if request.method != "POST" or not request.path.endswith("/swarm"):
            return None
        try:
            session.check(request.form.to_dict())
        except Wrong as error:
            return jsonify({"success": False, "message": str(error), "host": request.form.get("host")})
        return None

    assert web_ui.app is not None
    web_ui.app.before_request(check)


events.init_command_line_parser.add_listener(_options)
events.init.add_listener(_init)
