"""From a file to a :class:`~loadgen.model.Scenario`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Final

from loadgen.model import Level, Scenario, Simulator, Target, Timeouts, Workload
from loadgen.scenario import environment, thresholds
from loadgen.scenario.files import read, read_prompts
from loadgen.scenario.overrides import Override, apply, literal
from loadgen.scenario.problems import Problem, ScenarioError, masked
from loadgen.scenario.shape import ScenarioShape
from loadgen.scenario.source import Document, parse
from loadgen.scenario.validate import validate
from loadgen.scenario.values import is_text
from loadgen.secrets import mask


def load(
    path: str | FilePath,
    overrides: Sequence[str | Override] = (),
    environ: Mapping[str, str] = os.environ,
) -> Scenario:
    """Return the scenario in the YAML file at ``path``, with ``overrides`` applied.

    An override is ``path.to.key=value`` (the value in YAML) or an :class:`Override`; problems with it name its flag
    in place of ``file:line``. ``environ`` fills ``${NAME}``. Files named in the scenario are read, relative to its
    folder. Raises :class:`ScenarioError`, and nothing else, with all problems of them; its message has no value from
    the environment or from a credential.
    """
    return _resolve(read(path), FilePath(path), overrides, environ)


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


def simulator(
    path: str | FilePath | None,
    overrides: Sequence[str | Override] = (),
    environ: Mapping[str, str] = os.environ,
) -> Simulator:
    """Return the simulator of the scenario at ``path``, or one with every default, with ``overrides`` applied.

    Raises :class:`ScenarioError` with all problems, and for a scenario without a simulator.
    """
    if path is None:
        document, path = parse("scenario", _DEFAULT), FilePath("scenario")
    else:
        document = read(path)
    scenario = _resolve(document, FilePath(path), overrides, environ)
    if scenario.target.simulator is None:
        where, right = document.place(("target", "url")), "a scenario with  target: {simulator: {}}"
        raise ScenarioError([Problem(where, "target", "has no simulator", right)])
    return scenario.target.simulator


_DEFAULT: Final = (
    "{name: simulator, target: {simulator: {}}, "
    "prompts: [Hello.], clients: [floor], concurrency: 1, load: {requests: 1}}"
)


def _resolve(
    document: Document, path: FilePath, overrides: Sequence[str | Override], environ: Mapping[str, str]
) -> Scenario:
    in_file = dict(document.data)
    apply(document, overrides)
    taken = environment.fill(document, environ)
    hidden = environment.credentials(document.data).union(*taken.values())
    shape = validate(document, in_file)
    prompts = _prompts_file(document, hidden) or (shape.prompts if shape else ())
    secrets = environment.secrets(document.data, taken)
    if shape is not None and mask(shape.name, secrets) != shape.name:
        document.report(("name",), "holds a secret", "a name that may be shown: it becomes the folder's")
    if document.problems or shape is None:
        raise ScenarioError(masked(document.problems, hidden))
    return _scenario(shape, prompts, path, frozenset(secrets))


def _prompts_file(document: Document, hidden: set[str]) -> tuple[str, ...]:
    """Return the prompts of a file, which is read even if other keys are wrong, to report all problems at once."""
    prompts = document.data.get("prompts")
    file = prompts.get("file") if isinstance(prompts, dict) else None
    if not is_text(file):
        return ()
    try:
        return read_prompts(document.folder, file, document.place(("prompts", "file")))
    except ScenarioError as error:
        document.problems += [each._replace(where=mask(each.where, hidden)) for each in error.problems]
        return ()


def _scenario(
    shape: ScenarioShape, prompts: tuple[str, ...], path: FilePath, secrets: frozenset[str]
) -> Scenario:
    spec, levels = shape.target.simulator, shape.levels()
    return Scenario(
        name=shape.name,
        target=Target(
            url=shape.target.url,
            headers=shape.target.headers,
            simulator=Simulator(**{**dict(spec), "models": tuple(spec.models)}) if spec else None,
        ),
        clients=tuple(shape.clients),
        levels=tuple(Level(streams=streams) for streams in levels),
        workload=Workload(
            load=shape.resolved_load(),
            prompts=prompts,
            protocol=shape.protocol,
            model=shape.model,
            stream=shape.stream,
            options=shape.options,
            timeouts=Timeouts(**dict(shape.timeouts)),
        ),
        repeats=shape.repeats,
        thresholds=tuple(t for t in shape.thresholds if thresholds.applies(t, shape.clients, levels)),
        answers=shape.answers,
        seed=shape.seed,
        source=str(path),
        secrets=secrets,
    )
