"""Locust's login page for one user with a password, for a web UI that other machines reach."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import sys
from typing import TYPE_CHECKING, Any

from flask import redirect, request, session, url_for
from flask_login import UserMixin, login_user

from loadgen.distributed.addresses import is_local

if TYPE_CHECKING:
    from locust.web import WebUI

log = logging.getLogger("loadgen")


def protect(web_ui: WebUI) -> None:
    """Set up the login where ``--web-login`` requests one, and warn of what other machines can reach.

    User and password are LOADGEN_UI_USER and LOADGEN_UI_PASSWORD; a password that is not set is generated and
    printed on the terminal.
    """
    encrypted = bool(web_ui.tls_cert and web_ui.tls_key)
    if web_ui.web_login:
        _login(web_ui, encrypted)
    if is_local(web_ui.host):
        return
    where = web_ui.host or "all addresses of this machine"
    if not web_ui.web_login:
        log.warning("The web UI listens on %s without a password: add --web-login.", where)
    if not encrypted:
        log.warning("The connection to the web UI is not encrypted: add --tls-cert and --tls-key.")


def _login(web_ui: WebUI, encrypted: bool) -> None:
    class User(UserMixin):  # type: ignore[misc] # it has no types
        id = os.environ.get("LOADGEN_UI_USER") or "loadgen"

    user = User()
    password = os.environ.get("LOADGEN_UI_PASSWORD", "")
    if not password:
        password = secrets.token_urlsafe(12)
        # Not to the log, which Locust shows on a page and may write to a file.
        sys.stderr.write(f"Log in as {user.id} with the password {password}\n")

    app = web_ui.app
    assert app is not None
    app.secret_key = secrets.token_bytes(32)
    app.config.update(SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_SECURE=encrypted)
    web_ui.login_manager.user_loader(lambda name: user if name == user.id else None)
    prefix = app.blueprints["locust"].url_prefix or ""

    @app.post(f"{prefix}/login/password")
    def submit() -> Any:
        form = request.form.get("username"), request.form.get("password")
        if hmac.compare_digest(repr(form).encode(), repr((user.id, password)).encode()):
            login_user(user)
            return redirect(url_for("locust.index"))
        session["auth_error"] = "Wrong user or password"
        return redirect(url_for("locust.login"))

    web_ui.auth_args = {"username_password_callback": f"{prefix}/login/password"}
