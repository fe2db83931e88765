"""A protocol that validates on the simulator is one that it serves."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from loadgen import protocols
from loadgen.model import Simulator
from loadgen.simulator.apis import APIS, routes
from loadgen.simulator.apis.generic import described
from loadgen.simulator.example import example


@pytest.mark.parametrize("name", protocols.BUILTIN)
def test_the_simulator_serves_what_the_table_says(name: str) -> None:
    assert protocols.is_simulated(name) == (name in APIS)
    spec = Simulator()
    request = example(name, "http://127.0.0.1:1", spec, described(name, spec))
    assert request.method in routes(spec, [name])[urlsplit(request.url).path]
