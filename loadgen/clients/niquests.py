"""niquests, on threads: a fork of requests on a fork of urllib3. A Session per thread.

Installing it puts urllib3-future in the place of urllib3: it wants an environment of its own, see docs/clients.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import niquests

from loadgen.clients import Failures, SyncResponse, choice
from loadgen.model import Cell, Outcome, Request


class Niquests:
    """See :class:`loadgen.clients.SyncClient`."""

    failures: ClassVar[Failures] = (
        (niquests.ConnectTimeout, "", Outcome.CONNECT_TIMEOUT),
        (niquests.ReadTimeout, "", Outcome.FIRST_TOKEN_TIMEOUT),
        (niquests.RequestException, "Remote end closed", Outcome.TRUNCATED),
        (niquests.RequestException, "peer closed", Outcome.TRUNCATED),
        (niquests.RequestException, "IncompleteRead", Outcome.TRUNCATED),
        (Exception, "illegal chunk", Outcome.UNDECODABLE),
        (Exception, "illegal status", Outcome.UNDECODABLE),
    )

    def __init__(self, cell: Cell) -> None:
        self._timeout = (
            cell.workload.timeouts.connect,
            min(cell.workload.timeouts.first_token, cell.workload.timeouts.total),
        )
        self._read = _lines if choice(cell.client, "lines") == "native" else _chunks
        self._local = threading.local()

    @contextmanager
    def open(self, request: Request) -> Iterator[SyncResponse]:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _session()
        with session.request(
            request.method,
            request.url,
            headers={"Accept-Encoding": "identity", **request.headers},
            data=request.body,
            stream=True,
            timeout=self._timeout,
            allow_redirects=False,
        ) as response:
            sock = response.raw._fp._sock
            sock.settimeout(None)
            yield SyncResponse(response.status_code, self._read(response), sock)

    def close(self) -> None:
        """The sessions are their threads' own."""


def _session() -> Any:
    session: Any = niquests.Session(
        pool_connections=1, pool_maxsize=1, retries=0, allow_incoming_cookies=False
    )
    session.trust_env = False
    # niquests reads the body of a redirect to its end first, also where it must not follow.
    session.get_redirect_target = lambda _: None
    return session


def _chunks(response: Any) -> Iterator[bytes]:
    chunks: Iterator[bytes] = response.iter_raw(-1)
    return chunks


def _lines(response: Any) -> Iterator[bytes]:
    return (line + b"\n" for line in response.iter_lines())
