"""The tab "Streaming" in Locust's web UI: a page of our own, put into the tab as a frame.

Locust's tabs of others show tables only, so a script in its index page puts the frame there. Every address the
page asks for is relative: a base path, and a proxy that takes one off, make no difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadgen.model import ClientId
from loadgen.report.text import plain

if TYPE_CHECKING:
    from flask import Response
    from locust.web import WebUI

    from loadgen.model import Mode

TITLE = "Streaming"
FILES = ("report.html", "summary.csv", "streams.csv", "samples.csv")
TEXT = 400  # characters of one text that the page shows

_WEB = Path(__file__).with_name("web_files")
_PARTS = ("page.css", "page.js", "tab.js")
_BOKEH = ("bokeh.min.js", "bokeh-api.min.js")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def install(web_ui: WebUI, snapshot: Callable[[], dict[str, Any]], file: Callable[[str], Path]) -> None:
    """Add the tab, its page and the downloads, before the UI has answered its first request.

    ``snapshot`` tells how the run stands: ``run`` and ``scenario`` (names; "" before the first run), ``state``,
    ``elapsed`` (s), ``clients``, ``workers``, ``validity``, ``notes``, and ``history``, a row per client and
    moment ``at`` (s of the run), ascending. Times are ms, memory MiB, missing values None. ``file`` returns the
    path of one of ``FILES``, made up to date; its LookupError is told to who asked.
    """
    from bokeh.util.paths import static_path
    from flask import Blueprint, Response, abort, jsonify, request, send_file, send_from_directory

    from loadgen.report.client_style import client_styles

    app = web_ui.app
    assert app is not None
    room = Blueprint(
        "streaming", __name__, url_prefix=f"{app.blueprints['locust'].url_prefix or ''}/streaming"
    )
    guarded: Callable[[Callable[..., Response]], Callable[..., Response]] = web_ui.auth_required_if_enabled

    @room.get("/")
    @guarded
    def page() -> Response:
        answer = send_from_directory(_WEB, "page.html")
        answer.headers["Content-Security-Policy"] = _POLICY
        return answer

    @room.get("/<any({}):name>".format(", ".join(f'"{part}"' for part in _PARTS)))
    @guarded
    def part(name: str) -> Response:
        return send_from_directory(_WEB, name)

    @room.get("/bokeh/<name>")
    @guarded
    def bokeh(name: str) -> Response:
        if name not in _BOKEH:
            abort(404)
        return send_from_directory(static_path() / "js", name)

    @room.get("/data")
    @guarded
    def data() -> Response:
        """The snapshot; of the run that the page has already, only the history after what it has."""
        told = snapshot()
        if request.args.get("run") == told["run"]:
            after = request.args.get("after", -math.inf, type=float)
            told = told | {"history": [row for row in told["history"] if row["at"] > after]}
        given = client_styles({ClientId(row["client"]): _mode(row["client"]) for row in told["clients"]})
        colours = {
            client.label: {"light": style.light, "dark": style.dark} for client, style in given.items()
        }
        return jsonify(_plain(told | {"looks": colours}))

    @room.get("/files/<name>")
    @guarded
    def download(name: str) -> Response:
        if name not in FILES:
            abort(404)
        try:
            path = file(name)
        except LookupError as error:
            return Response(str(error.args[0]), 404, mimetype="text/plain")
        run = snapshot()["run"]
        return send_file(
            path.absolute(),
            as_attachment=True,
            download_name=f"{run}-{name}" if run else name,
            max_age=0,
        )

    @app.after_request
    def put_into_the_tab(answer: Response) -> Response:
        if request.endpoint == "locust.index" and answer.status_code == 200:
            before, end, after = answer.get_data(as_text=True).rpartition("</body>")
            script = f'<script src="./streaming/tab.js" data-title="{TITLE}"></script>'
            answer.set_data(f"{before}{script}{end}{after}")
        return answer

    app.register_blueprint(room)
    arguments = web_ui.template_args
    arguments["extended_tabs"] = [
        *arguments.get("extended_tabs", ()),
        {"key": "streaming", "title": TITLE},
    ]
    arguments["extended_csv_files"] = [
        *arguments.get("extended_csv_files", ()),
        *(
            {"href": f"./streaming/files/{name}", "title": f"Download streaming {name}"}
            for name in FILES
            if name.endswith(".csv")
        ),
    ]


def _mode(label: str) -> Mode:
    from loadgen.clients import info

    try:
        return info(label.partition(" ")[0]).mode
    except (LookupError, ImportError):
        return "tasks"


def _plain(value: Any) -> Any:
    """``value`` with nothing invisible in any of its texts."""
    if isinstance(value, str):
        return plain(value, TEXT)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
