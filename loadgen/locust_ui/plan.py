"""The plan of a run under Locust, from the fields of a form or the options of a command line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadgen import clients
from loadgen.distributed.users import Streaming
from loadgen.lab import plan
from loadgen.lab.target import with_model
from loadgen.model import Cell, ClientId, Scenario
from loadgen.preflight.requirements import Refused, require
from loadgen.preflight.target import ModelError, TargetError
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

    @property
    def engines(self) -> object:
        """What the engines were started for: those of a plan can run any plan for which it is equal."""
        return self.scenario.source, self.scenario.target, self.client, [cell.client for cell in self.cells]


def make_plan(path: str, client: str, host: str, classes: Sequence[type[Any]]) -> Plan:
    """Return the plan for the fields of a form or the options of a command line. Raises Refused.

    ``client`` is for the user classes that name none; ``host``, where not empty, is the target's URL.
    """
    if not path:
        raise Refused("no scenario: pass --scenario FILE, or set LOADGEN_SCENARIO, or fill in the field")
    try:
        scenario = load(path)
        default = _client(client, scenario)
        labels = [each.client for each in classes if issubclass(each, Streaming)]
        wanted = list(dict.fromkeys(_client(label or client, scenario) for label in labels))
        named = [_entry(each) for each in wanted]
        overrides = [Override("--client", "clients", named), *overrides_from_flags(url=host or None)]
        scenario = load(path, overrides)
        if any(secret in json.dumps(named) + host for secret in scenario.secrets):
            raise Refused(
                "the host's URL holds a credential, which would be sent to every worker: "
                "name it as ${NAME} in the scenario"
            )
        try:
            scenario = with_model(scenario)
        except ModelError:
            raise
        except TargetError:
            pass  # the run itself says that its target does not answer
        overrides.append(Override("model", "model", scenario.workload.model))
    except (ScenarioError, ModelError) as error:
        raise Refused(str(error)) from None
    if scenario.workload.load.is_open:
        raise Refused(
            "Locust's users are streams, and this scenario says when streams arrive, whoever is there: "
            f"measure it with  loadgen run {path}  or give it concurrency in place of a rate"
        )
    require(scenario.clients, 1)
    planned = plan.cells(scenario, scenario.target.url or "", ())
    cells = tuple(next(cell for cell in planned if cell.client == each) for each in wanted)
    return Plan(scenario, tuple(overrides), cells, default.label)


def _entry(client: ClientId) -> Any:
    """Return the client as an entry of a scenario."""
    python = {"python": client.python} if client.python else {}
    return {"client": client.name, **client.options, **python} if client.options else client.name


def _client(label: str, scenario: Scenario) -> ClientId:
    """Return the client that is shown as ``label``; the scenario's first for an empty one. Raises Refused."""
    if not label:
        return scenario.clients[0]
    choices = client_choices(scenario)
    if label not in choices:
        raise Refused(f"no client {label!r}: one of {', '.join(choices)}")
    return choices[label]


def client_choices(scenario: Scenario | None) -> Mapping[str, ClientId]:
    """Return the clients to choose from, by label: the scenario's, with their options, then all others."""
    own = {client.label: client for client in scenario.clients} if scenario else {}
    return own | {name: ClientId(name) for name in clients.names() if name not in own}
