"""What is hidden from an engine is not found, and a failure of that says so."""

from __future__ import annotations

import importlib
import sys

import pytest

from loadgen.engine.hiding import explained, hide


def test_a_hidden_module_is_not_found_and_the_error_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.delitem(sys.modules, "this", raising=False)
    hide(["this"])
    with pytest.raises(ImportError) as raised:
        importlib.import_module("this")
    assert "hidden" in explained(raised.value)
    assert explained(ModuleNotFoundError("no such", name="elsewhere")) == ""
    assert explained(ValueError("this")) == ""
