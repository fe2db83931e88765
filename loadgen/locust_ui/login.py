"""Who may steer from other machines: Locust's login page, for one user with a password."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import os
import secrets
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locust.web import WebUI

log = logging.getLogger("loadgen")


def is_local(host: str) -> bool:
    """Whether only this machine reaches what listens on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def protect(web_ui: WebUI) -> None:
    """Set up the login where one was asked for, and say what stands open to other machines.

    User and password are LOADGEN_UI_USER and LOADGEN_UI_PASSWORD; a password that is not set is made and told
    on the terminal.
    """
    encrypted = bool(web_ui.tls_cert and web_ui.tls_key)
    if web_ui.web_login:
        _login(web_ui, encrypted)
    if is_local(web_ui.host):
        return
    where = web_ui.host or "all addresses of this machine"
    if not web_ui.web_login:
        log.warning("The web UI listens on %s and asks nobody for a password: --web-login does.", where)
    if not encrypted:
        log.warning("The connection to the web UI is not encrypted: --tls-cert and --tls-key make it so.")


def _login(web_ui: WebUI, encrypted: bool) -> None:
    from flask import Blueprint, redirect, request, session, url_for
    from flask_login import UserMixin, login_user

    class User(UserMixin):  # type: ignore[misc] # it has no types
        id = os.environ.get("LOADGEN_UI_USER") or "loadgen"

    user = User()
    password = os.environ.get("LOADGEN_UI_PASSWORD", "")
    if not password:
        password = secrets.token_urlsafe(12)
        # Not to the log, which Locust shows on one of its pages and may keep in a file.
        sys.stderr.write(f"Log in as {user.id} with the password {password}\n")

    app = web_ui.app
    assert app is not None
    app.secret_key = secrets.token_bytes(32)
    app.config.update(SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_SECURE=encrypted)
    web_ui.login_manager.user_loader(lambda name: user if name == user.id else None)
    prefix = app.blueprints["locust"].url_prefix or ""
    room = Blueprint("loadgen_login", __name__, url_prefix=prefix)

    @room.post("/login/password")
    def submit() -> Any:
        told = [request.form.get(field, "").encode() for field in ("username", "password")]
        right = [
            hmac.compare_digest(*pair)
            for pair in zip(told, (user.id.encode(), password.encode()), strict=True)
        ]
        if all(right):
            login_user(user)
            return redirect(url_for("locust.index"))
        session["auth_error"] = "Wrong user or password"
        return redirect(url_for("locust.login"))

    app.register_blueprint(room)
    web_ui.auth_args = {"username_password_callback": f"{prefix}/login/password"}
