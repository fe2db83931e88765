"""The Locust plugin: importing it adds the options ``--scenario`` and ``--client``, the engines and the tab.

Both options are also fields of the form in Locust's web UI, and LOADGEN_SCENARIO and LOADGEN_CLIENT. A locustfile
imports :class:`Streaming` from here and has a subclass of it.
"""

import logging
import os
import signal
import sys
from argparse import Namespace
from typing import Any, Final, NoReturn

import gevent
from flask import jsonify, request
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner
from locust.web import WebUI
from werkzeug.datastructures import ImmutableMultiDict

from loadgen import clients
from loadgen.distributed import inbox, token
from loadgen.distributed.addresses import free_port
from loadgen.distributed.transport import Transport
from loadgen.distributed.users import Streaming
from loadgen.distributed.worker import Trust, Worker
from loadgen.locust_ui.login import protect
from loadgen.locust_ui.origin import refuse_foreign
from loadgen.locust_ui.plan import client_choices
from loadgen.locust_ui.session import Session
from loadgen.locust_ui.web import install
from loadgen.preflight.requirements import Refused

__all__ = ["Streaming"]

log = logging.getLogger("loadgen")

FIELDS: Final = ("user_count", "spawn_rate", "run_time", "user_classes", "shape_class")  # of Locust's form

# Locust makes a parser for its command line and another for each of its pages. The first takes any client,
# because only the scenario knows its variants; the others offer these.
_choices: list[str] = []


def _options(parser: LocustArgumentParser, **_: object) -> None:
    # Not in an argument group: the form shows only arguments of the parser itself.
    parser.add_argument(
        "--scenario",
        default="",
        env_var="LOADGEN_SCENARIO",
        help="Path of the scenario, the same on every worker.",
    )
    parser.add_argument(
        "--client",
        default="",
        choices=_choices or None,
        env_var="LOADGEN_CLIENT",
        help="HTTP client, where the locustfile names none. Empty: the scenario's first.",
    )
    # By default Locust listens on all interfaces.
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")


def _init(environment: Environment, web_ui: WebUI | None = None, **_: object) -> None:
    # Imports took seconds that the loop's clock has not seen: --run-time would end too early by them.
    gevent.get_hub().loop.update_now()
    # Python raises KeyboardInterrupt in whatever greenlet runs, and Locust's listener drops it.
    gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
    runner = environment.runner
    assert runner is not None
    if not isinstance(runner, MasterRunner):
        worker = Worker(environment, Transport(runner), _trust(environment, runner))
        if isinstance(runner, WorkerRunner):
            worker.follow_master()
            return
    session = Session(environment)
    options = environment.parsed_options
    assert options is not None
    try:
        plan = session.prepare() if web_ui is None or options.scenario else None
        _choices[:] = ["", *client_choices(plan.scenario if plan else None)]
        if options.client not in _choices:
            raise Refused(f"no client {options.client!r}: one of {', '.join(clients.names())}")
        if web_ui is not None:
            free_port(web_ui.host, web_ui.port, "--web-port")
    except Refused as error:
        _refused(error)
    if web_ui is not None:
        install(web_ui, session.snapshot, session.file)
        _check_form(web_ui, session)
        _propose_last(web_ui, options)
        refuse_foreign(web_ui)
        protect(web_ui)


def _trust(environment: Environment, runner: Runner) -> Trust:
    """Return what may be chosen here: all in a process of its own, otherwise what was chosen for this worker."""
    options = environment.parsed_options
    assert options is not None
    return Trust(not isinstance(runner, WorkerRunner), options.scenario, options.host or "")


def _refused(error: Exception) -> NoReturn:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)


def _check_form(web_ui: WebUI, session: Session) -> None:
    """Make the form show why a run cannot start, and keep from Locust what is not in it: it sets any of its options."""
    assert web_ui.app is not None
    start = web_ui.app.view_functions["locust.swarm"]

    def swarm() -> Any:
        known = {*FIELDS, *web_ui.template_args["extra_options"]}
        try:
            plan = session.prepare(request.form)
        except Refused as error:
            return jsonify({"success": False, "message": str(error), "host": request.form.get("host")})
        _choices[:] = dict.fromkeys([*_choices, *client_choices(plan.scenario)])
        pairs = request.form.items(multi=True)
        request.form = ImmutableMultiDict((name, value) for name, value in pairs if name in known)
        return start()

    web_ui.app.view_functions["locust.swarm"] = web_ui.auth_required_if_enabled(swarm)


def _propose_last(web_ui: WebUI, options: Namespace) -> None:
    """Make a page that is reloaded propose the last choice, and not what Locust was started with."""
    update = web_ui.update_template_args

    def updated() -> None:
        update()
        for name in ("scenario", "client"):
            web_ui.template_args["extra_options"][name]["default_value"] = getattr(options, name)

    web_ui.update_template_args = updated  # type: ignore[method-assign]


def _protect() -> None:
    """Check and encrypt what masters and workers of this process send, before there are any."""
    if any(word.startswith("--processes") for word in sys.argv) and not os.environ.get(token.TOKEN):
        token.new_token()  # for the workers that Locust forks
    inbox.guard(log.warning)
    token.protect_sockets(
        lambda why: log.warning(why) if why == token.WORKER_REFUSED else _refused(Refused(why))
    )


_protect()
events.init_command_line_parser.add_listener(_options)
events.init.add_listener(_init)
