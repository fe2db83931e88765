"""Refuse what other web pages send: a browser that reaches the web UI obeys any page that it shows."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Response, request

if TYPE_CHECKING:
    from locust.web import WebUI


def refuse_foreign(web_ui: WebUI) -> None:
    """Answer 403 where the name in ``Host`` is not ours, and to requests that another page makes.

    A page whose name resolves to this machine (DNS rebinding) sends its own name as ``Host``. Names of a proxy are in
    LOADGEN_UI_HOSTS, separated by commas.
    """
    others = {
        each.strip().lower() for each in os.environ.get("LOADGEN_UI_HOSTS", "").split(",") if each.strip()
    }
    names = {
        "localhost",
        web_ui.host.lower(),
        socket.gethostname().lower(),
        socket.getfqdn().lower(),
        *others,
    }
    app = web_ui.app
    assert app is not None

    @app.before_request
    def check() -> Any:
        host = _name(f"//{request.headers.get('Host', '')}")
        if not (host in names or _is_address(host)):
            text = "This is not the name of this web UI; set LOADGEN_UI_HOSTS to the names that it has."
            return Response(text, 403, mimetype="text/plain")
        return (
            Response("Another page made this request.", 403, mimetype="text/plain")
            if _is_foreign(others)
            else None
        )

    @app.after_request
    def unframed(answer: Response) -> Response:
        answer.headers.setdefault("X-Frame-Options", "SAMEORIGIN")
        return answer

    # Locust lets every page read every answer.
    app.after_request_funcs[None] = [
        each for each in app.after_request_funcs[None] if not each.__module__.startswith("flask_cors")
    ]


def _is_foreign(others: set[str]) -> bool:
    """Return whether a page of another origin made the request; links to the UI may be followed."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site in ("same-origin", "none"):
        return False
    if site is not None:
        fetch = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
        return request.method != "GET" or fetch != ("navigate", "document")
    if origin is None:
        return False  # no browser, or the address typed in
    own = origin.lower().partition("://")[2] == request.host.lower()
    return not own and _name(origin) not in others


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
