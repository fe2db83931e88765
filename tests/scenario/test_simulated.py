"""A protocol that validates on the simulator is one that it serves."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from loadgen import protocols
from loadgen.model import Prompt
from loadgen.simulator.apis import APIS, routes
from tests.lab.cells import cell


@pytest.mark.parametrize("name", protocols.BUILTIN)
def test_the_simulator_serves_what_the_table_says(name: str) -> None:
    request = protocols.load(name).request(cell(url="http://127.0.0.1:1", protocol=name), Prompt("Why?"))
    assert protocols.is_simulated(name) == (name in APIS)
    assert name not in APIS or request.method in routes([name])[urlsplit(request.url).path]
