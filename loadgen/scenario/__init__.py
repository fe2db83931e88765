"""YAML -> :class:`loadgen.model.Scenario`, validated: every mistake of a file at once, with its line."""

from __future__ import annotations

from loadgen.scenario.overrides import Override, overrides_from_flags, parse_flag
from loadgen.scenario.places import check_place
from loadgen.scenario.problems import Problem, ScenarioError
from loadgen.scenario.resolve import load, simulator, with_clients
from loadgen.scenario.schema import schema
from loadgen.scenario.shape import MAX_CONCURRENCY
from loadgen.scenario.thresholds import objectives

__all__ = [
    "MAX_CONCURRENCY",
    "Override",
    "Problem",
    "ScenarioError",
    "check_place",
    "load",
    "objectives",
    "overrides_from_flags",
    "parse_flag",
    "schema",
    "simulator",
    "with_clients",
]
