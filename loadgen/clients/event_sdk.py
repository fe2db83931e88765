"""What the SDKs of OpenAI and Anthropic share: one generator has made both, on httpx2, for server-sent events."""

import json
from collections.abc import Mapping
from typing import Any

from loadgen.clients import Failures
from loadgen.clients.httpx import DEFAULT_LIMITS, failures, no_cookies, settings
from loadgen.clients.sdk import Sdk, note_async_events, note_events
from loadgen.model import Cell, Outcome, Request


class EventSdk(Sdk):
    """``required`` are the arguments that ``_send`` must have, with what stands for them in a request without."""

    def __init__(self, cell: Cell, package: Any, required: Mapping[str, Any]) -> None:
        super().__init__(cell)
        self._package, self._required = package, required
        self.failures: Failures = (
            *self._below(),
            (ConnectionResetError, "", Outcome.RESET),
            (BrokenPipeError, "", Outcome.RESET),
            (package.APIConnectionError, "", Outcome.FAILED),
            (package.APIError, "", Outcome.SERVER_ERROR),
            (json.JSONDecodeError, "", Outcome.UNDECODABLE),
            (UnicodeDecodeError, "", Outcome.UNDECODABLE),
        )
        note_events(package.Stream)
        note_async_events(package.AsyncStream)
        self._send = self._method(self._make(cell))

    def _make(self, cell: Cell) -> Any:
        """Return the SDK's client."""
        raise NotImplementedError

    def _method(self, client: Any) -> Any:
        """Return the method of the SDK's client that sends requests."""
        raise NotImplementedError

    def _below(self) -> Failures:
        """Return the outcomes of what the SDK is built on."""
        import httpx2

        return failures(httpx2)

    def _settings(self, cell: Cell) -> dict[str, Any]:
        """Return the arguments of the SDK's client."""
        import httpx2

        pool, limits = self._package.DEFAULT_TIMEOUT.pool, self._package.DEFAULT_CONNECTION_LIMITS
        default = {name: getattr(limits, name) for name in DEFAULT_LIMITS}
        own = settings(httpx2, cell, self.INFO.mode, pool, default=default)
        http = self._http_client(cell, **own, cookies=no_cookies(), event_hooks=self._hooks())
        return {
            "base_url": cell.url,
            "api_key": "-",  # removed by the hooks
            "timeout": own["timeout"],
            "max_retries": 0,
            "http_client": http,
        }

    def _http_client(self, cell: Cell, **own: Any) -> Any:  # noqa: ARG002
        import httpx2

        return (httpx2.Client if self.INFO.mode == "threads" else httpx2.AsyncClient)(**own)

    def _arguments(self, request: Request) -> dict[str, Any]:
        body = {**self._required, **json.loads(request.body)}
        own = {name: body.pop(name) for name in self._required}
        return {**own, "stream": self._is_stream, "extra_body": body}
