"""Flags of commands that are not overrides of the scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any, Final

from pydantic_core import PydanticCustomError

from loadgen.model import Scenario
from loadgen.scenario import values
from loadgen.scenario.overrides import Override, literal
from loadgen.scenario.problems import Problem, ScenarioError
from loadgen.scenario.resolve import load
from loadgen.scenario.source import scalar

# flag -> what it is, the validator of its value, which must be between the next two, and what would be right
_FLAGS: Final[dict[str, tuple[str, Callable[[Any], float], float, float, str]]] = {
    "--lag-p99": ("budget", values.duration, 0, inf, "such as 10ms"),
    "--errors": ("budget", values.fraction, 0, 1, "more than 0, less than 100%"),
    "--ttft": ("budget", values.number, 1, inf, "more than 1, such as 1.5"),
    "--precision": ("precision", values.fraction, 0, 1, "more than 0, less than 100%"),
    "--duration": ("step", values.duration, 0, inf, "such as 3s"),
}


def parse_flag(flag: str, text: str) -> float:
    """Return the value of a flag of ``loadgen limit``; a duration in seconds. Raises ScenarioError."""
    what, validator, least, most, right = _FLAGS[flag]
    try:
        value = validator(scalar(text))
    except PydanticCustomError as error:
        problems = [Problem(flag, what, wrong, right) for _, wrong, right in values.problems_of(error)]
        raise ScenarioError(problems) from None
    if not least < value < most:
        raise ScenarioError([Problem(flag, what, f"{text} is out of range", right)])
    return value


def with_clients(path: str, overrides: Sequence[str | Override], names: Sequence[str], flag: str) -> Scenario:
    """Return the scenario with only the clients of these ``names``; with all of its own where there are none.

    A name is the label of one of the scenario's clients, or any client's name. Raises ScenarioError.
    """
    scenario = load(path, overrides)
    known = {client.label: client for client in scenario.clients}
    others = [name for name in dict.fromkeys(names) if name not in known]
    if others:
        more = load(path, [*overrides, Override(flag, "clients", literal(others))]).clients
        known |= dict(zip(others, more, strict=True))
    return replace(scenario, clients=tuple(known[name] for name in dict.fromkeys(names)) or scenario.clients)
