"""The OpenAI SDK, on threads. It stands on httpx2 and hands over objects, not bytes.

Each object is given back as a server-sent event at the moment the SDK hands it over, so that the same decoder and
the same clock see it: :func:`event` costs some microseconds per object, which count as the client's. The SDK makes
the body of the request itself, of the same values, and keeps ``[DONE]`` to itself: a stream is complete when it
ended after a ``finish_reason``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, NamedTuple

import httpx2
import openai
from openai import BaseModel
from openai.types.chat import ChatCompletionChunk

from loadgen.clients import Answered, Connected, Failures, Read, SyncCall
from loadgen.clients.cookies import no_cookies
from loadgen.clients.httpx2_sync import FAILURES as BELOW
from loadgen.clients.httpx2_sync import LIMITS
from loadgen.model import Cell, Outcome, Request

FAILURES: Failures = (
    *BELOW,
    (ConnectionResetError, "", Outcome.RESET),
    (BrokenPipeError, "", Outcome.RESET),
    (openai.APIConnectionError, "", Outcome.FAILED),
    (openai.APIError, "", Outcome.SERVER_ERROR),
    (json.JSONDecodeError, "", Outcome.UNDECODABLE),
    (UnicodeDecodeError, "", Outcome.UNDECODABLE),
)
DONE = b"data: [DONE]\n\n"


class _Call(NamedTuple):
    """What the hooks must know of the request that their thread is in."""

    request: Request
    connected: Connected
    answered: Answered
    read: Read


class OpenaiSync:
    """See :class:`loadgen.clients.SyncClient`."""

    failures: ClassVar[Failures] = FAILURES

    def __init__(self, cell: Cell) -> None:
        first = min(cell.workload.timeouts.first_token, cell.workload.timeouts.total)
        timeout = httpx2.Timeout(None, connect=cell.workload.timeouts.connect, read=first)
        self._sdk = openai.OpenAI(
            base_url=base_url(cell),
            api_key="-",  # taken out again, see own_headers
            timeout=timeout,
            max_retries=0,
            http_client=httpx2.Client(
                timeout=timeout,
                limits=LIMITS,
                verify=httpx2.create_ssl_context(trust_env=False),
                cookies=no_cookies(),
                trust_env=False,
                event_hooks={"request": [self._asked], "response": [self._answered]},
            ),
        )
        self._local = threading.local()

    @contextmanager
    def open(self, request: Request) -> Iterator[SyncCall]:
        yield partial(self._run, request)

    def _run(self, request: Request, connected: Connected, answered: Answered, read: Read) -> None:
        self._local.call = _Call(request, connected, answered, read)
        asked = arguments(request)
        given = self._sdk.chat.completions.create(**asked)
        if not asked["stream"]:
            read(given.to_json(indent=None).encode())
            return
        finished = False
        for chunk in given:
            read(event(chunk))
            finished = finished or is_last(chunk)
        if finished:
            read(DONE)

    def _asked(self, sent: httpx2.Request) -> None:
        own_headers(sent, self._local.call.request)

    def _answered(self, response: httpx2.Response) -> None:
        call: _Call = self._local.call
        # httpcore2 looks the read timeout up again when the body begins.
        response.request.extensions["timeout"]["read"] = None
        call.connected(response.extensions["network_stream"].get_extra_info("socket"))
        call.answered(response.status_code)
        if not response.is_success:
            for chunk in response.iter_raw():
                call.read(chunk)

    def close(self) -> None:
        self._sdk.close()


def base_url(cell: Cell) -> str:
    """The target as the SDK wants it, with the version."""
    url = cell.url.rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"


def arguments(request: Request) -> dict[str, Any]:
    """The body of the request as the SDK's ``create`` takes it."""
    body = json.loads(request.body)
    own = {name: body.pop(name) for name in ("model", "messages", "stream")}
    return {**own, "extra_body": body}


def own_headers(sent: httpx2.Request, request: Request) -> None:
    """Give what the SDK sends the headers that every client sends, and none from the environment."""
    for name in ("Authorization", "OpenAI-Organization", "OpenAI-Project"):
        sent.headers.pop(name, None)
    sent.headers.update({"Accept-Encoding": "identity", **request.headers})


def event(chunk: BaseModel) -> bytes:
    """An object of the SDK as an event of the server's."""
    return b"data: " + chunk.to_json(indent=None, warnings=False).encode() + b"\n\n"


def is_last(chunk: ChatCompletionChunk) -> bool:
    """Whether the server says here why it ends."""
    return any(choice.finish_reason for choice in chunk.choices)
