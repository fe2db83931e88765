"""The tab "Streaming" in Locust's web UI: a page of our own in a frame.

Locust's own extension of its tabs shows tables only, so a script in its index page adds the frame. Every address in
the page is relative, so that a base path, or a proxy that strips one, makes no difference.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request, send_file
from locust.web import WebUI

from loadgen.report.text import plain

TITLE = "Streaming"
FILES = ("report.html", "summary.csv", "streams.csv", "samples.csv")
MAX_TEXT = 2000  # characters of one text that the page shows

_WEB = Path(__file__).with_name("web_files")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def install(web_ui: WebUI, snapshot: Callable[[], dict[str, Any]], file: Callable[[str], Path]) -> None:
    """Add the tab, its page and the downloads, before the UI has answered its first request.

    ``snapshot`` returns the content of the page: see :meth:`loadgen.locust_ui.live.Live.snapshot`. ``file`` returns
    the path of one of ``FILES``; the message of its LookupError is the answer to a download that is not there.
    """
    from bokeh.util.paths import static_path

    parts = {name: _WEB / name for name in ("page.css", "page.js", "tab.js")}
    parts |= {f"bokeh/{name}": static_path() / "js" / name for name in ("bokeh.min.js", "bokeh-api.min.js")}
    app = web_ui.app
    assert app is not None
    prefix = app.blueprints["locust"].url_prefix or ""
    blueprint = Blueprint("streaming", __name__, url_prefix=f"{prefix}/streaming")
    guarded: Callable[[Callable[..., Response]], Callable[..., Response]] = web_ui.auth_required_if_enabled

    @blueprint.get("/")
    @guarded
    def page() -> Response:
        answer = send_file(_WEB / "page.html")
        answer.headers["Content-Security-Policy"] = _POLICY
        return answer

    @blueprint.get("/<path:name>")
    @guarded
    def part(name: str) -> Response:
        return send_file(parts[name]) if name in parts else abort(404)

    @blueprint.get("/data")
    @guarded
    def data() -> Response:
        """Return the snapshot; where the page has this run already, only the history after ``after`` seconds."""
        shown = snapshot()
        if request.args.get("run") == shown["run"]:
            after = request.args.get("after", -math.inf, type=float)
            for client in shown["clients"]:
                client["history"] = [row for row in client["history"] if row["at"] > after]
        return jsonify(_plain(shown))

    @blueprint.get("/files/<name>")
    @guarded
    def download(name: str) -> Response:
        if name not in FILES:
            abort(404)
        try:
            path = file(name)
        except LookupError as error:
            return Response(str(error.args[0]), 404, mimetype="text/plain")
        name = "-".join(filter(None, (snapshot()["run"], name)))
        return send_file(path.absolute(), as_attachment=True, download_name=name, max_age=0)

    @app.after_request
    def add_script(answer: Response) -> Response:
        if request.endpoint == "locust.index" and answer.status_code == 200:
            before, end, after = answer.get_data(as_text=True).rpartition("</body>")
            script = f'<script src="./streaming/tab.js" data-title="{TITLE}"></script>'
            answer.set_data(f"{before}{script}{end}{after}")
        return answer

    app.register_blueprint(blueprint)
    extended = {
        "extended_tabs": [{"key": "streaming", "title": TITLE}],
        "extended_csv_files": [
            {"href": f"./streaming/files/{name}", "title": f"Download streaming {name}"}
            for name in FILES
            if name.endswith(".csv")
        ],
    }
    for key, added in extended.items():
        web_ui.template_args[key] = [*web_ui.template_args.get(key, ()), *added]


def _plain(value: Any) -> Any:
    """Return ``value`` with every invisible character of its texts spelled out."""
    if isinstance(value, str):
        return plain(value, MAX_TEXT)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
