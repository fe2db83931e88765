"""Hide what is installed beside a client's library, which would pick it up."""

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

HIDDEN = "LOADGEN_HIDDEN"  # a variable of an engine's environment: names of modules, with spaces between them


class Finder:
    """Find what the search path has, except top-level modules of these names."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self.invalidate_caches = PathFinder.invalidate_caches
        self.find_distributions: Any = PathFinder.find_distributions

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what PathFinder finds."""
        return None if name in self.names else PathFinder.find_spec(name, path, target)


def hide(names: Sequence[str]) -> None:
    """Let imports of modules that are not imported yet find none of these names, as if they were not installed."""
    if names:
        finder = Finder(names)
        sys.meta_path[:] = [finder if each is PathFinder else each for each in sys.meta_path]


def explained(error: Exception) -> str:
    """Return what to add to an error: why an import failed where the module is installed, and hidden."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    if any(name in each.names for each in sys.meta_path if isinstance(each, Finder)):
        return "; it is installed, and hidden, since the package of this client does not require it"
    return ""
