"""Find clients and protocols by name: in a literal table first, then among entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def names(table: Mapping[str, Any], group: str) -> list[str]:
    """Return every name that can be loaded: the table's in its order, then outsiders' in alphabetical order."""
    from importlib.metadata import entry_points  # takes 50 ms; an engine does without

    outside = sorted({point.name for point in entry_points(group=group)} - set(table))
    return [*table, *outside]


def load(path: str | None, group: str, name: str) -> Any:
    """Return the object at ``path``, ``module:attribute``, or behind the entry point ``name`` where that is None.

    Raises LookupError for an unknown name, ImportError for a module that cannot be imported.
    """
    if path is None:
        from importlib.metadata import entry_points

        for point in entry_points(group=group, name=name):
            return point.load()
        raise LookupError(name)
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
