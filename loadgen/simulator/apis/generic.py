"""Protocols that a scenario describes, at the path of its request; without one at a path and in events of our own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from loadgen.model import Events, Served, Simulator, Template
from loadgen.protocols.generic import ENCODERS, Encoder
from loadgen.simulator.apis import ANY, Api
from loadgen.simulator.body import Body
from loadgen.simulator.example import example
from loadgen.simulator.http import Request
from loadgen.simulator.stream import Inference, Stream

_USAGE: Final = (("tokens", "/usage/tokens"), ("prompt_tokens", "/usage/prompt_tokens"))
_ASKS: Final = {"model": "{model}", "prompt": "{prompt}"}
DEFAULTS: Final = {
    "bytes": Served(protocol="bytes", request=Template(path="/bytes")),
    "ndjson": Served(
        protocol="ndjson",
        request=Template(method="POST", path="/ndjson", json=_ASKS),
        events=Events(text="/text", end="/done", error="/error", usage=_USAGE),
    ),
    "sse": Served(
        protocol="sse",
        request=Template(method="POST", path="/sse", json=_ASKS),
        events=Events(text="/text", end="[DONE]", error="/error", usage=_USAGE),
    ),
}


def described(name: str, spec: Simulator) -> Served | None:
    """Return what describes the protocol of that name; ``None`` for an API."""
    return next((each for each in spec.served if each.protocol == name), DEFAULTS.get(name))


def api(name: str, spec: Simulator) -> Api:
    """Return how a described protocol is served."""
    served = described(name, spec) or DEFAULTS[name]
    request = replace(served.request, text=None, json=None, file="")
    url = example(name, "http://simulator", spec, replace(served, request=request), ANY).url
    encoder = ENCODERS[name](next(iter(spec.models), "simulator"), served.events)
    return Api(
        path=urlsplit(url).path or "/",
        method=served.request.method,
        read=partial(_read, encoder),
        refusals=encoder,
        begin=Body if name == "bytes" else Stream,
    )


def _read(encoder: Encoder, request: Request) -> Inference:
    return Inference(encoder=encoder, stream=True, prompt=bytes(request.body), limit=0, seed=None)
