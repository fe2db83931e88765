"""The one door through which clients and protocols come in: a literal table, then entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def names(table: Mapping[str, Any], group: str) -> list[str]:
    """Every name that can be loaded: the table's in its order, then outsiders' in alphabetical order."""
    from importlib.metadata import entry_points  # 50 ms that an engine need not wait

    outside = sorted({point.name for point in entry_points(group=group)} - set(table))
    return [*table, *outside]


def load(path: str | None, group: str, name: str) -> Any:
    """The object behind ``module:attribute``, or behind the entry point ``name`` where ``path`` is None.

    Raises LookupError when neither knows the name, ImportError when the module cannot be imported.
    """
    if path is None:
        from importlib.metadata import entry_points

        for point in entry_points(group=group, name=name):
            return point.load()
        raise LookupError(name)
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
