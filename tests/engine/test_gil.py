"""Whether a free-threaded Python ran without the GIL; with a real one where ``LOADGEN_FREE_THREADED`` names it."""

from __future__ import annotations

import os
import sys
import warnings

import pytest

from loadgen import interpreters
from loadgen.engine import gil
from loadgen.model import ClientId, Load
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, says
from tests.clients.measuring import record
from tests.clients.raw import Raw
from tests.lab.cells import cell

PYTHON = os.environ.get("LOADGEN_FREE_THREADED")


@pytest.mark.parametrize(
    ("flags", "enabled", "by"),
    [("", True, None), ("t", False, ""), ("t", True, "PYTHON_GIL"), ("d", True, None)],
)
def test_what_turned_it_on(
    monkeypatch: pytest.MonkeyPatch, flags: str, enabled: bool, by: str | None
) -> None:
    monkeypatch.setattr(sys, "abiflags", flags)
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: enabled, raising=False)
    assert gil.on_by() == by


def test_the_module_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "abiflags", "t")
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    monkeypatch.setattr(gil, "_by", [])
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", lambda *_, **__: None)
        gil.watch()
        warnings.warn(
            "The global interpreter lock (GIL) has been enabled to load module 'lxml.etree', which has not declared "
            "that it can run safely without the GIL.",
            RuntimeWarning,
            stacklevel=1,
        )
    assert gil.on_by() == "lxml.etree"


@pytest.mark.skipif(not PYTHON, reason="no free-threaded Python: LOADGEN_FREE_THREADED names none")
def test_a_free_threaded_python() -> None:
    assert PYTHON is not None
    assert interpreters.identify(PYTHON).short.endswith("t")
    with Raw({"Why?": says(CHUNKED, chunk(TOKEN), chunk(END), LAST)}) as server:
        client = ClientId("requests", python=PYTHON)
        recording = record(cell(client=client, url=server.url, concurrency=4, load=Load(requests=1)))
    assert recording.gil == ""
