from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from loadgen.model import Simulator
from loadgen.simulator.process import Process

Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts simulators that answer at once by default, and stops them."""
    with ExitStack() as stack:

        def one(**spec: Any) -> Process:
            quick = {"ttft": 0.002, "gap": 0.001, "tokens": 20, "distribution": "constant"}
            return stack.enter_context(Process(Simulator(**{**quick, **spec})))

        yield one
