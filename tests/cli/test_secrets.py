"""A key or a password is used, and nowhere to be found afterwards: not in a file, not on the terminal."""

from __future__ import annotations

import base64
import itertools
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

import loadgen
from tests.cli.command import holds, scenario
from tests.cli.command import invoke as command
from tests.cli.server import Handler, ollama

KEY = "sk-8Zq4/Vw+7n3XkR=x"
PASSWORD = "p@ss:wörd/9x"
CLIENTS = ["requests", "httpx-sync", "httpx-async", "aiohttp", "floor"]


def forms(secret: str) -> list[bytes]:
    """As itself, in a URL, in JSON, in base64; and what is left of it when a text is cut inside it."""
    raw = secret.encode()
    whole = {raw, quote(secret, safe="").encode(), quote(secret).encode(), ascii(secret)[1:-1].encode()}
    return sorted({*whole, base64.b64encode(raw), raw[:8]})


def nowhere(secret: str, folder: Path, ran: subprocess.CompletedProcess[str]) -> None:
    for form in forms(secret):
        assert not holds(folder, form), form
        assert form not in ran.stdout.encode(), form
        assert form not in ran.stderr.encode(), form


def test_a_key_in_a_header_that_the_server_echoes_in_its_errors(tmp_path: Path) -> None:
    out = tmp_path / "run"
    path = scenario(
        tmp_path,
        target={
            "url": "http://x",
            "headers": {"Authorization": "Bearer ${API_KEY}", "X-Api-Key": "${API_KEY}"},
        },
        clients=CLIENTS,
        concurrency=6,
    )
    before = path.read_bytes()
    number = itertools.count()

    def answer(handler: Handler) -> None:
        if handler.path != "/api/generate":
            handler.say(200, {})
            return
        key = handler.headers["X-Api-Key"].encode("latin-1").decode()
        place = next(number) % 6
        if place == 0:
            handler.say(401, {"error": f"bad key {key}"})
        elif place == 1:
            handler.say(500, b"x" * 396 + key.encode())  # more than is shown: cut inside the key
        elif place == 2:
            handler.say(200, b"no json: " + b"x" * 60 + key.encode() + b"\n")  # cut there in the message
        elif place == 3:
            handler.say(200, {"error": f"in a 200: Bearer {key}"})
        else:
            handler.say(403, key.encode())

    with ollama(answer) as server:
        env = {"API_KEY": KEY}
        ran = command("run", path, "--url", server.url, "--out", out, cwd=tmp_path, env=env)
        used = [request.get("X-Api-Key", "").encode("latin-1").decode() for request in server.seen]
    assert ran.returncode == 3, "every stream has failed"
    assert used == [KEY] * len(used)
    assert len(used) == 1 + 6 * len(CLIENTS)
    assert path.read_bytes() == before
    nowhere(KEY, out, ran)
    errors = set(loadgen.Run.load(out).streams()["error"])
    assert {"bad key ***", "in a 200: ***", "***"} <= errors
    assert any(error.endswith("xxx***…") for error in errors), "a key that was cut is hidden too"


def test_a_password_in_the_url_is_sent_alike_by_every_client(tmp_path: Path) -> None:
    out = tmp_path / "run"

    def answer(handler: Handler) -> None:
        handler.say(200, {}) if "/api/generate" not in handler.path else handler.stream(2, gap=0)

    with ollama(answer) as server:
        url = (
            server.url.replace("//", f"//{quote('anna')}:{quote(PASSWORD, safe='')}@") + "/?token=" + KEY[:11]
        )
        ran = command("run", scenario(tmp_path, clients=CLIENTS), "--url", url, "--out", out, cwd=tmp_path)
        sent = {request.get("Authorization") for request in server.seen}
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sent == {"Basic " + base64.b64encode(f"anna:{PASSWORD}".encode()).decode()}
    nowhere(PASSWORD, out, ran)
    assert not holds(out, KEY[:11])
    assert list(loadgen.Run.load(out).streams()["outcome"]) == ["ok"] * len(CLIENTS)


@pytest.mark.parametrize("echo", [{"error": "no access with KEY"}, "x" * 190 + "KEY"])
def test_a_target_check_that_fails(tmp_path: Path, echo: object) -> None:
    path = scenario(tmp_path, target={"url": "http://x", "headers": {"X-Key": KEY}})

    def answer(handler: Handler) -> None:
        text = (
            {"error": echo["error"].replace("KEY", KEY)}
            if isinstance(echo, dict)
            else str(echo).replace("KEY", KEY)
        )
        handler.say(403, text if isinstance(text, dict) else text.encode())

    with ollama(answer) as server:
        ran = command("run", path, "--url", server.url, cwd=tmp_path)
    assert ran.returncode == 3
    assert "answered 403 Forbidden: " in ran.stderr
    assert ran.stderr.endswith("***\n")
    path.unlink()
    nowhere(KEY, tmp_path, ran)


def test_a_target_that_is_not_there(tmp_path: Path) -> None:
    url = f"http://anna:{quote(PASSWORD, safe='')}@127.0.0.1:1"
    ran = command("run", scenario(tmp_path), "--url", url, cwd=tmp_path)
    assert ran.returncode == 3
    assert "http://127.0.0.1:1/api/show: no connection" in ran.stderr
    nowhere(PASSWORD, tmp_path, ran)


def test_a_scenario_with_mistakes(tmp_path: Path) -> None:
    path = scenario(
        tmp_path, target={"url": "ftp://${KEY}", "headers": {"X-Key": "${KEY}"}}, model="${KEY}", x="${KEY}"
    )
    ran = command("run", path, cwd=tmp_path, env={"KEY": KEY})
    assert ran.returncode == 2
    path.unlink()
    nowhere(KEY, tmp_path, ran)
