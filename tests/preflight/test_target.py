"""What is said of a target that is none, before anything is measured."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from loadgen import protocols
from loadgen.model import MODEL, Cell, Prompt, Simulator, Timeouts
from loadgen.preflight import target
from loadgen.preflight.target import TargetError
from loadgen.simulator.process import Process
from tests.clients.conditions import length, says_and_closes, says_and_holds, slowly
from tests.clients.raw import Handler, Raw, Received, Wire
from tests.lab.cells import cell


class ByPath(Raw):
    """Answers by path; what is not named gets a 404 of its own."""

    def __init__(self, answers: Mapping[str, Handler]) -> None:
        super().__init__({})
        self._answers = answers

    def handle(self, wire: Wire, received: Received) -> None:
        self._answers.get(received.path, answers(404, "404 page not found"))(wire)


def answers(status: int, body: Any) -> Handler:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return lambda wire: wire.send(length(len(data), b"%d Told" % status), data)


def asking(url: str, *, connect: float = 0.5, **changes: Any) -> Cell:
    return cell(url=url, timeouts=Timeouts(connect=connect), **changes)


def refusal(wanted: Cell) -> str:
    with pytest.raises(TargetError) as raised:
        target.check(wanted)
    assert str(raised.value).isprintable()
    return str(raised.value)


def test_a_server_that_knows_the_model_gets_no_further_request() -> None:
    with ByPath({"/api/show": answers(200, {"details": {}})}) as server:
        target.check(asking(server.url))
        assert [request.path for request in server.requests] == ["/api/show"]


def test_a_simulator_is_a_target() -> None:
    with Process(Simulator(models=("known",))) as simulator:
        target.check(asking(simulator.url, model="known"))
        target.check(asking(simulator.url, model="known", protocol="ollama-chat"))
        target.check(asking(simulator.url, model="known", protocol="openai-chat"))
        said = refusal(asking(simulator.url, model="other"))
        assert said == (
            f"{simulator.url}/api/show answered 404 for the model 'other': model 'other' not found; "
            "it has known:latest: --set model=known:latest, or: ollama pull other"
        )
        assert simulator.log().streams == 0


@pytest.mark.parametrize(
    "protocol", [name for name in protocols.BUILTIN if protocols.load(name).probe(asking(""))]
)
@pytest.mark.parametrize("status", [200, 307, 404, 405, 429, 500, 503])
def test_no_request_of_the_load_is_sent_whatever_the_cheap_one_says(protocol: str, status: int) -> None:
    with ByPath(dict.fromkeys(("/api/show", "/v1/models"), answers(status, "{}"))) as server:
        wanted = asking(server.url, protocol=protocol)
        target.check(wanted)
        load = urlsplit(protocols.load(protocol).request(wanted, Prompt("a")).url).path
        assert server.requests
        assert load not in [request.path for request in server.requests]


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key(status: int) -> None:
    with ByPath({"/v1/models": answers(status, {"error": {"message": "bad key"}})}) as server:
        said = refusal(asking(server.url, protocol="openai-chat"))
    assert said.startswith(f"{server.url}/v1/models answered {status} ")
    assert said.endswith(": bad key")


def listing(*names: str, **more: object) -> Handler:
    return answers(200, {"models": [{"name": name, **more} for name in names]})


# what the server lists, what it has in memory -> the model, or words of the message
CHOICES = [
    (["a:1b"], [], "a:1b"),
    (["a:1b", "b"], ["b"], "b"),
    (["a:1b", "nomic-embed-text:latest"], [], "a:1b"),
    (["a:1b", "all-minilm-bert"], ["all-minilm-bert"], "a:1b"),
    (["a:1b", "b"], [], "has 2 models: a:1b, b; choose one: --set model=a:1b"),
    (["a:1b", "b"], ["a:1b", "b"], "has 2 models"),
    ([], [], "has no model; first: ollama pull qwen3:1.7b"),
]


@pytest.mark.parametrize(("listed", "loaded", "wanted"), CHOICES)
def test_the_model_is_the_only_one_or_the_one_in_memory(
    listed: list[str], loaded: list[str], wanted: str
) -> None:
    with ByPath({"/api/tags": listing(*listed), "/api/ps": listing(*loaded)}) as server:
        for protocol in ("ollama-generate", "ollama-chat"):
            cell = asking(server.url, protocol=protocol)
            if wanted in listed:
                assert target.model_of(cell) == wanted
            else:
                with pytest.raises(TargetError, match=wanted):
                    target.model_of(cell)


@pytest.mark.parametrize(
    "body",
    [{"data": [{"id": "m"}]}, {"object": "list", "data": [{"id": "m", "owned_by": "x"}], "models": []}],
)
def test_the_model_of_a_server_with_the_api_of_openai(body: object) -> None:
    with ByPath({"/v1/models": answers(200, body)}) as server:
        assert target.model_of(asking(server.url, protocol="openai-chat")) == "m"
        assert target.model_of(asking(server.url + "/v1", protocol="openai-chat")) == "m"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"data": 3}', '{"models": [{"x": 1}]}', "[" * 99_999])
def test_a_server_that_lists_nothing_gets_the_usual_name(body: str) -> None:
    for status in (200, 404, 500):
        with ByPath({"/api/tags": answers(status, body)}) as server:
            assert target.model_of(asking(server.url)) == MODEL


def test_an_answer_that_is_slow_to_come_is_no_refusal() -> None:
    with ByPath({"/api/show": says_and_holds()}) as server:
        before = time.monotonic()
        target.check(asking(server.url, connect=0.2))
        assert time.monotonic() - before < 3


def test_headers_that_drip_take_no_longer_than_the_timeout() -> None:
    with ByPath({"/api/show": slowly(*[b"H"] * 1000)}) as server:
        before = time.monotonic()
        target.check(asking(server.url, connect=0.2))
        assert time.monotonic() - before < 3


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert refusal(asking(url)) == f"{url}/api/show: no connection: Connection refused"


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 64 + ".invalid"])
def test_a_name_without_address(host: str) -> None:
    assert f"the name {host!r} has no address" in refusal(
        cell(url=f"http://{host}:1", timeouts=Timeouts(connect=20))
    )


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x46\r\n", b"HTTP/1.1 \xff\r\n\r\n"]
)
def test_what_answers_does_not_speak_http(said: bytes) -> None:
    with ByPath({"/api/show": says_and_closes(said)}) as server:
        assert "the answer is not HTTP" in refusal(asking(server.url))


@pytest.mark.parametrize("how", [says_and_closes(), lambda wire: wire.reset()], ids=["closed", "reset"])
def test_a_connection_that_is_closed_without_an_answer(how: Handler) -> None:
    with ByPath({"/api/show": how}) as server:
        assert "the connection was closed without an answer" in refusal(asking(server.url))


class Blunt(Raw):
    """Answers before it has heard a request."""

    def _serve(self, sock: socket.socket, number: int) -> None:
        with sock:
            sock.recv(1)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_server_without_tls_is_reported_as_such() -> None:
    with Blunt({}) as server:
        assert "plain HTTP there, not TLS" in refusal(asking(server.url.replace("http", "https")))


def test_a_password_in_the_url_is_not_shown() -> None:
    with ByPath({"/v1/models": answers(401, "who?\x1b[31m")}) as server:
        said = refusal(asking(server.url.replace("http://", "http://me:secret@"), protocol="openai-chat"))
    assert "secret" not in said
    assert "answered 401 Unauthorized: who?" in said
