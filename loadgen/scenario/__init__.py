"""YAML -> :class:`loadgen.model.Scenario`, validated: every mistake of a file at once, with its line."""

from __future__ import annotations

from loadgen.scenario.overrides import Override, overrides_from_flags
from loadgen.scenario.problems import Problem, ScenarioError
from loadgen.scenario.resolve import load, simulator
from loadgen.scenario.schema import schema

__all__ = [
    "Override",
    "Problem",
    "ScenarioError",
    "load",
    "overrides_from_flags",
    "schema",
    "simulator",
]
