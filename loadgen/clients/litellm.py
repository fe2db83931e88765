"""litellm's completion on httpx, and acompletion on its transport of aiohttp, through the SDK of OpenAI."""

import json
from dataclasses import replace
from typing import Any, ClassVar

from loadgen.clients import Info, Sink, connecting, httpx_aiohttp
from loadgen.clients import aiohttp as below
from loadgen.clients.httpx import failures, no_cookies, settings
from loadgen.clients.openai import Openai
from loadgen.clients.sdk import AsyncSdk, SyncSdk
from loadgen.model import Cell, Outcome, Request


class _Litellm(Openai):
    def _make(self, cell: Cell) -> Any:
        import httpx
        import litellm

        self.failures = (
            (Exception, "ended before a finish_reason", Outcome.TRUNCATED),
            (Exception, "codec can't decode", Outcome.UNDECODABLE),
            *failures(httpx),
            *self.failures,
        )
        litellm.telemetry = False
        litellm.suppress_debug_info = True
        own = settings(httpx, cell, self.INFO.mode)
        # "openai/": by the API of OpenAI, whoever serves it
        self._fixed = {
            "model": f"openai/{cell.workload.model}",
            "api_base": cell.url,
            "api_key": "-",  # removed by the hooks
            "timeout": own["timeout"],
            "max_retries": 0,
            "num_retries": 0,
            "stream": self._is_stream,
        }
        self._session(cell, {**own, "cookies": no_cookies(), "event_hooks": self._hooks()})
        return litellm

    def _session(self, cell: Cell, own: dict[str, Any]) -> None:
        """Give litellm the client of httpx that it uses for all its requests."""
        raise NotImplementedError

    def _arguments(self, request: Request) -> dict[str, Any]:
        return {"messages": json.loads(request.body).get("messages", []), **self._fixed}


class LitellmSync(_Litellm, SyncSdk):
    INFO: ClassVar = Info(
        name="litellm-sync",
        mode="threads",
        distribution="litellm",
        extra="litellm",
        alone=True,
        modules=("loadgen.clients.quiet", "litellm"),
        protocols=("openai-chat",),
        http=("1.1", "2"),
    )

    def _session(self, cell: Cell, own: dict[str, Any]) -> None:  # noqa: ARG002
        import httpx
        import litellm

        litellm.client_session = httpx.Client(**own)

    def _method(self, client: Any) -> Any:
        return client.completion


class LitellmAsync(_Litellm, AsyncSdk):
    INFO: ClassVar = replace(LitellmSync.INFO, name="litellm-async", mode="tasks", http=("1.1",))

    def _session(self, cell: Cell, own: dict[str, Any]) -> None:
        import aiohttp
        import httpx
        import litellm
        from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

        self.failures = (*below.failures(), *self.failures)
        session = aiohttp.ClientSession(
            connector=below.connector(cell, limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )
        transport = AsyncHTTPHandler.create_async_transport(
            ssl_context=connecting.handshakes(own["verify"]), shared_session=session
        )
        litellm.aclient_session = httpx.AsyncClient(**own, transport=transport)

    def _method(self, client: Any) -> Any:
        return client.acompletion

    async def stream(self, request: Request, sink: Sink) -> None:
        connecting.sink.set(sink)
        await super().stream(request, sink)

    def _report(self, response: Any, sink: Sink) -> None:
        httpx_aiohttp.report(response, sink)
