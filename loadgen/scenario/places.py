"""What a web page, or a master on another machine, may choose: not every file, and nothing that would send a secret."""

from __future__ import annotations

import os
from collections.abc import Container
from typing import Any

from loadgen.scenario.problems import Path, Problem, ScenarioError
from loadgen.scenario.source import Document, at, with_leaves

SUFFIXES = (".yaml", ".yml")


def check_place(path: str, folder: str, given: str = "") -> None:
    """Raise ScenarioError where ``path`` is neither ``given`` nor a YAML file below ``folder``. Reads no file."""
    if given and os.path.abspath(path) == os.path.abspath(given):
        return
    try:
        real, below = os.path.realpath(path), os.path.realpath(folder)
        inside = os.path.commonpath([real, below]) == below
    except ValueError:  # another drive, or not a path
        inside = False
    if not inside or not path.lower().endswith(SUFFIXES):
        raise ScenarioError([Problem(path, "scenario", "cannot be chosen", f"a YAML file below {folder}")])


def check_foreign(document: Document, own: Any, urls: Container[str]) -> None:
    """Report what overrides from another machine set that may send or run something here, and is not in the file.

    ``own`` are the file's values, ``urls`` the targets that may be set.
    """

    def leaf(value: Any, path: Path) -> Any:
        text = value.replace("$$", "") if isinstance(value, str) else ""
        is_url = path == ("target", "url") and isinstance(value, str) and value.replace("$$", "$") in urls
        may_harm = (
            "${" in text
            or (path[:1] == ("target",) and path[1:2] != ("simulator",))
            or path[-1:] in (("python",), ("file",), ("column",))
        )
        if may_harm and not is_url and value not in _own(own, path):
            wrong = "is set by the master, and the scenario here does not hold it"
            document.report(
                path, wrong, "the same in the file of every worker; a target also with --url there"
            )
        return value

    with_leaves(document.data, leaf)
    simulated = ("target", "simulator")
    if at(document.data, simulated)[0] == simulated != at(own, simulated)[0]:
        document.report(simulated, "is set by the master, and the scenario here has none", "the same file")


def _own(own: Any, path: Path) -> list[Any]:
    """Return the file's values that may stand at ``path``: interpreters of all clients, and otherwise the one there."""
    if path[-1:] == ("python",):
        clients = own.get("clients")
        return (
            [each.get("python") for each in clients if isinstance(each, dict)]
            if isinstance(clients, list)
            else []
        )
    found, value = at(own, path)
    return [value] if found == path else []
