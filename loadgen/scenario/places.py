"""Which scenarios a web page, or a master on another machine, may name."""

from __future__ import annotations

import os

from loadgen.scenario.problems import Problem, ScenarioError

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
