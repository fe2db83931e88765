"""The plan of a run under Locust, from the fields of a form or the options of a command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loadgen import clients
from loadgen.distributed.users import Streaming
from loadgen.lab import plan
from loadgen.model import Cell, ClientId, Scenario
from loadgen.preflight.requirements import Refused, require
from loadgen.scenario import Override, ScenarioError, load, overrides_from_flags


@dataclass(frozen=True)
class Plan:
    """A cell for each client, all at the same time.

    ``client`` is the label of the client that users run whose class names none.
    """

    scenario: Scenario
    overrides: tuple[Override, ...]
    cells: tuple[Cell, ...]
    client: str

    @property
    def scheduled(self) -> bool:
        """Return whether the scenario's stages set the number of streams, and not the users of Locust."""
        return bool(self.scenario.workload.load.stages)

    def same_engines(self, other: Plan) -> bool:
        """Return whether the engines of ``other`` can run this plan."""
        mine, theirs = (
            (each.scenario.source, each.scenario.target, each.client, [cell.client for cell in each.cells])
            for each in (self, other)
        )
        return mine == theirs


def make_plan(path: str, client: str, host: str, classes: Sequence[type[Any]]) -> Plan:
    """Return the plan for the fields of a form or the options of a command line. Raises Refused.

    ``client`` is for the user classes that name none; ``host``, where not empty, is the target's URL.
    """
    if not path:
        raise Refused("no scenario: pass --scenario FILE, or set LOADGEN_SCENARIO, or fill in the field")
    try:
        scenario = load(path)
        default = _client(client, scenario)
        wanted = list(
            dict.fromkeys(
                _client(each.client, scenario) if each.client else default
                for each in classes
                if issubclass(each, Streaming)
            )
        )
        named = [{"client": each.name, **each.options} if each.options else each.name for each in wanted]
        overrides = [Override("--client", "clients", named), *overrides_from_flags(url=host or None)]
        scenario = load(path, overrides)
    except ScenarioError as error:
        raise Refused(str(error)) from None
    require(scenario.clients, 1)
    if any(secret in json.dumps(named) + host for secret in scenario.secrets):
        raise Refused(
            "the host's URL holds a credential, which would be sent to every worker: "
            "name it as ${NAME} in the scenario"
        )
    planned = plan.cells(scenario, scenario.target.url or "", ())
    cells = tuple(next(cell for cell in planned if cell.client == each) for each in wanted)
    return Plan(scenario, tuple(overrides), cells, default.label)


def _client(label: str, scenario: Scenario) -> ClientId:
    """Return the client that is shown as ``label``; the scenario's first for an empty one. Raises Refused."""
    if not label:
        return scenario.clients[0]
    for client in (*scenario.clients, *map(ClientId, clients.names())):
        if client.label == label:
            return client
    raise Refused(f"no client {label!r}: one of {', '.join(client_choices(scenario))}")


def client_choices(scenario: Scenario | None) -> list[str]:
    """Return the labels to choose from: the scenario's clients, with their options, then all others."""
    own = [client.label for client in scenario.clients] if scenario else []
    return list(dict.fromkeys([*own, *clients.names()]))
