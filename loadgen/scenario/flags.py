"""What a command line says beside the scenario, in the words of the scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from pydantic_core import PydanticCustomError

from loadgen.model import Scenario
from loadgen.scenario.overrides import Override
from loadgen.scenario.problems import Problem, ScenarioError
from loadgen.scenario.resolve import load
from loadgen.scenario.source import scalar


def meant(
    flag: str, what: str, text: str, meaning: Callable[[Any], float], right: str = "", most: float = inf
) -> float:
    """``text`` as ``meaning``, one of :mod:`loadgen.scenario.values`, reads it: more than 0 and less than ``most``.

    Raises ScenarioError, which names ``flag``, ``what`` it is, and what would be right.
    """
    try:
        value = meaning(scalar(text))
        if not 0 < value < most:
            raise ScenarioError([Problem(flag, what, f"{text} makes no sense", right)])
        return value
    except PydanticCustomError as error:
        context = error.context or {}
        raise ScenarioError(
            [Problem(flag, what, wrong, right) for _, wrong, right in context["found"]]
        ) from None


def with_clients(path: str, overrides: Sequence[str | Override], asked: Sequence[str], flag: str) -> Scenario:
    """The scenario with the ``asked`` clients only: those of its own by their labels, any other by its name; with
    all of its own where none is asked for. Raises ScenarioError.
    """
    scenario = load(path, overrides)
    known = {client.label: client for client in scenario.clients}
    others = [name for name in dict.fromkeys(asked) if name not in known]
    if others:
        literal = [name.replace("$", "$$") for name in others]
        more = load(path, [*overrides, Override(flag, "clients", literal)]).clients
        known |= dict(zip(others, more, strict=True))
    return replace(scenario, clients=tuple(known[name] for name in dict.fromkeys(asked)) or scenario.clients)
