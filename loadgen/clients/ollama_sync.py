"""The ollama SDK, on threads. It stands on httpx and hands over objects, not bytes.

Each object is given back as a line of JSON at the moment the SDK hands it over, so that the same decoder and the
same clock see it: :func:`line` costs a few microseconds per object, which count as the client's. The SDK makes
the body of the request itself, of the same values.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, NamedTuple

import httpx
import ollama
from pydantic import BaseModel, ValidationError

from loadgen.clients import Answered, Connected, Failures, Read, SyncCall
from loadgen.clients.cookies import no_cookies
from loadgen.clients.httpx_sync import FAILURES as BELOW
from loadgen.clients.httpx_sync import LIMITS
from loadgen.model import Cell, Outcome, Request

FAILURES: Failures = (
    *BELOW,
    (ollama.ResponseError, "", Outcome.SERVER_ERROR),
    (json.JSONDecodeError, "", Outcome.UNDECODABLE),
    (ValidationError, "", Outcome.UNDECODABLE),
)


class _Call(NamedTuple):
    """What the hooks must know of the request that their thread is in."""

    request: Request
    connected: Connected
    answered: Answered
    read: Read


class OllamaSync:
    """See :class:`loadgen.clients.SyncClient`."""

    failures: ClassVar[Failures] = FAILURES

    def __init__(self, cell: Cell) -> None:
        first = min(cell.workload.timeouts.first_token, cell.workload.timeouts.total)
        self._sdk = ollama.Client(
            host=cell.url,
            timeout=httpx.Timeout(None, connect=cell.workload.timeouts.connect, read=first),
            limits=LIMITS,
            verify=httpx.create_ssl_context(trust_env=False),
            cookies=no_cookies(),
            trust_env=False,
            follow_redirects=False,
            event_hooks={"request": [self._asked], "response": [self._answered]},
        )
        self._ask: Any = self._sdk.chat if cell.workload.protocol == "ollama-chat" else self._sdk.generate
        self._local = threading.local()

    @contextmanager
    def open(self, request: Request) -> Iterator[SyncCall]:
        yield partial(self._run, request)

    def _run(self, request: Request, connected: Connected, answered: Answered, read: Read) -> None:
        self._local.call = _Call(request, connected, answered, read)
        body = json.loads(request.body)
        given = self._ask(**body)
        for part in given if body["stream"] else [given]:
            read(line(part))

    def _asked(self, sent: httpx.Request) -> None:
        own_headers(sent, self._local.call.request)

    def _answered(self, response: httpx.Response) -> None:
        call: _Call = self._local.call
        # httpcore looks the read timeout up again when the body begins.
        response.request.extensions["timeout"]["read"] = None
        call.connected(response.extensions["network_stream"].get_extra_info("socket"))
        call.answered(response.status_code)
        if not response.is_success:
            for chunk in response.iter_raw():
                call.read(chunk)

    def close(self) -> None:
        self._sdk.close()  # type: ignore[no-untyped-call]


def own_headers(sent: httpx.Request, request: Request) -> None:
    """Give what the SDK sends the headers that every client sends, and none from the environment."""
    sent.headers.pop("Authorization", None)  # of OLLAMA_API_KEY
    sent.headers.update({"Accept-Encoding": "identity", **request.headers})


def line(part: BaseModel) -> bytes:
    """An object of the SDK as a line of Ollama's."""
    return part.model_dump_json(exclude_none=True).encode() + b"\n"
