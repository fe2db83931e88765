"""From a file to a :class:`~loadgen.model.Scenario`, and from that to what run.json may tell of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loadgen import clients, protocols
from loadgen.model import Level, Scenario, Simulator, Target, Timeouts, Workload
from loadgen.scenario import rules
from loadgen.scenario.environment import FilledPlain, fill, meaning
from loadgen.scenario.files import read
from loadgen.scenario.overrides import Override, apply
from loadgen.scenario.problems import Path, Problem, ScenarioError, masked
from loadgen.scenario.prompts import read_prompts
from loadgen.scenario.shape import ScenarioShape, choose_key
from loadgen.scenario.source import BAD, Document, kind, parse
from loadgen.scenario.values import shown
from loadgen.secrets import mask, of_header, of_url

# Only what stands here can be secret; everything else is a number, or a word that is shown in every table.
_MAY_BE_SECRET: Final[tuple[Path, ...]] = (
    ("target", "url"),
    ("target", "headers"),
    ("prompts",),
    ("options",),
)


def load(
    path: str | FilePath,
    overrides: Sequence[str | Override] = (),
    environ: Mapping[str, str] = os.environ,
) -> Scenario:
    """The scenario in the YAML file at ``path``, with ``overrides`` laid over it.

    An override is ``path.to.key=value`` (the value in YAML) or an :class:`Override`; problems with it name
    its flag in place of ``file:line``. ``environ`` fills ``${NAME}``. Files named in the scenario are read,
    relative to its folder. Raises :class:`ScenarioError`, and nothing else, for whatever is wrong with any of
    them; no value from the environment or from a credential is in its message.
    """
    return _resolved(read(path), FilePath(path), overrides, environ)


def simulator(
    path: str | FilePath | None,
    overrides: Sequence[str | Override] = (),
    environ: Mapping[str, str] = os.environ,
) -> Simulator:
    """The simulator of the scenario at ``path``, or one with every default, with ``overrides`` laid over it.

    Raises :class:`ScenarioError` for whatever is wrong with it, and for a scenario that has none.
    """
    if path is None:
        document, path = parse("scenario", _DEFAULT), FilePath("scenario")
    else:
        document = read(path)
    scenario = _resolved(document, FilePath(path), overrides, environ)
    if scenario.target.simulator is None:
        where, right = document.place(("target", "url")), "a scenario with  target: {simulator: {}}"
        raise ScenarioError([Problem(where, "target", "has no simulator", right)])
    return scenario.target.simulator


_DEFAULT: Final = (
    "{name: simulator, target: {simulator: {}}, "
    "prompts: [Hello.], clients: [floor], concurrency: 1, load: {requests: 1}}"
)


def _resolved(
    document: Document, path: FilePath, overrides: Sequence[str | Override], environ: Mapping[str, str]
) -> Scenario:
    in_file = dict(document.data)
    apply(document, overrides)
    taken = fill(document, environ)
    from_environment = {value for values in taken.values() for value in values}
    credentials = _credentials(document.data)
    shape = _validate(document, in_file)
    _check_pairs(document)
    if shape is not None:
        _check_protocols(document, shape)
    prompts = _prompts(document, shape, from_environment)
    secrets = credentials | _secret(document.data, taken)
    if shape is not None and mask(shape.name, secrets) != shape.name:
        document.report(("name",), "holds a secret", "a name that may be shown: it becomes the folder's")
    if document.problems or shape is None:
        raise ScenarioError(masked(document.problems, from_environment | credentials))
    return _scenario(shape, prompts, path, frozenset(secrets))


def _scenario(
    shape: ScenarioShape, prompts: tuple[str, ...], path: FilePath, secrets: frozenset[str]
) -> Scenario:
    simulator = shape.target.simulator
    return Scenario(
        name=shape.name,
        target=Target(
            url=shape.target.url,
            headers=shape.target.headers,
            simulator=None
            if simulator is None
            else Simulator(**{**dict(simulator), "models": tuple(simulator.models)}),
        ),
        clients=tuple(shape.clients),
        levels=tuple(Level(streams=streams) for streams in shape.levels()),
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
        thresholds=tuple(t for t in shape.thresholds if rules.applies(t, shape.clients, shape.levels())),
        answers=shape.answers,
        seed=shape.seed,
        source=str(path),
        secrets=secrets,
    )


# --------------------------------------------------------------------------------------------------- problems


def _validate(document: Document, in_file: Mapping[str, Any]) -> ScenarioShape | None:
    try:
        return ScenarioShape.model_validate(document.data, context=rules.known(in_file, document.folder))
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            _report(document, error)
        return None


_SAID: Final[dict[str, tuple[str, str]]] = {
    "list_type": ("is {kind}", "a list, in [ ] or with a - before each entry"),
    "dict_type": ("is {kind}", "a mapping, such as {{key: value}}"),
    "model_type": ("is {kind}", "a mapping, such as {{key: value}}"),
    "too_short": ("is an empty list", "at least one entry"),
    "greater_than_equal": ("{value} is too small", "at least {ge:,}"),
    "less_than_equal": ("{value} is too large", "at most {le:,}"),
    "less_than": ("{value} is too large", "less than {lt:,}"),
}


def _report(document: Document, error: ErrorDetails) -> None:
    path, context = error["loc"], error.get("ctx", {})
    if error["type"] == "problems":
        for at, wrong, right in context["found"]:
            _tell(document, (*path, *at), wrong, right)
    elif error["type"] == "missing":
        _miss(document, str(path[-1]))
    elif error["type"] == "extra_forbidden":
        _tell(document, path, "unknown key", choose_key(path))
    else:
        value = _at(document.data, path)[1]
        wrong, right = _SAID[error["type"]]
        _tell(document, path, wrong.format(kind=kind(value), value=shown(value)), right.format(**context))


def _tell(document: Document, path: Path, wrong: str, right: str) -> None:
    path, value = _at(document.data, path)
    if value is not BAD:
        document.report(path, wrong, right)


def _at(data: Any, path: Path) -> tuple[Path, Any]:
    """As much of ``path`` as there is in ``data``, and what is there."""
    for depth, part in enumerate(path):
        known = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if not known:
            return path[:depth], data
        data = data[part]
    return path, data


def _miss(document: Document, key: str) -> None:
    examples = {"name": "smoke", "target": "{simulator: {}}", "prompts": '["Write a haiku."]'}
    examples |= {
        "clients": "[requests, aiohttp]",
        "concurrency": "[1, 10]",
        "load": "{duration: 10s, ramp: 2s}",
    }
    document.report((key,), "is missing", f"such as  {key}: {examples[key]}")


def _check_pairs(document: Document) -> None:
    data = document.data
    for key in ("concurrency", "load"):
        if "stages" in data and key in data:
            right = "only one of the two: the stages say how many streams, and how long"
            document.report((key,), "stands beside stages", right)
        elif "stages" not in data and key not in data:
            _miss(document, key)
    for key, one, other in (("target", "simulator", "url"), ("load", "duration", "requests")):
        given = data.get(key)
        if not isinstance(given, dict):
            continue
        if one in given and other in given:
            document.report((key, other), f"stands beside {key}.{one}", "only one of the two")
        elif one not in given and other not in given:
            document.report((key,), f"has neither {one} nor {other}", "one of the two")
        for name in (one, other):
            if name in given and given[name] is None:
                document.report((key, name), "is empty", "a value, or leave the key out")


def _check_protocols(document: Document, shape: ScenarioShape) -> None:
    if shape.target.simulator is not None and not _simulated(shape.protocol):
        wrong = f"the simulator does not speak {shape.protocol}"
        document.report(("protocol",), wrong, f"{' or '.join(sorted(protocols.SIMULATED))}, or a target.url")
    for at, client in enumerate(shape.clients):
        spoken = _spoken(client.name)
        if spoken and shape.protocol not in spoken:
            wrong = f"{client.name} does not speak {shape.protocol}"
            _tell(document, ("clients", at), wrong, f"another client, or the protocol {' or '.join(spoken)}")


def _simulated(protocol: str) -> bool:
    try:
        return protocols.is_simulated(protocol)
    except ImportError:
        return True  # the error is reported when it is loaded


def _spoken(client: str) -> tuple[str, ...]:
    try:
        return clients.info(client).protocols
    except ImportError:
        return ()  # an outsider whose library is missing: told when it is loaded


def _prompts(document: Document, shape: ScenarioShape | None, hidden: set[str]) -> tuple[str, ...]:
    """The prompts; where they are in a file it is read even if other keys are wrong, to tell all at once."""
    if shape is not None and not isinstance(shape.prompts, rules.PromptsFile):
        return tuple(shape.prompts)
    given = document.data.get("prompts")
    file = given.get("file") if isinstance(given, dict) else None
    if not isinstance(file, str) or not file.strip():
        return ()
    try:
        return read_prompts(document.folder, file, document.place(("prompts", "file")))
    except ScenarioError as error:
        document.problems += [
            problem._replace(where=mask(problem.where, hidden)) for problem in error.problems
        ]
        return ()


# ---------------------------------------------------------------------------------------------------- secrets


def _credentials(data: Any) -> set[str]:
    """The secrets that stand in the headers and the URL, whether or not those are valid."""
    target = data.get("target")
    if not isinstance(target, dict):
        return set()
    found: set[str] = set()
    headers = target.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if isinstance(value, str):
            found |= of_header(name, str(value))
    if isinstance(target.get("url"), str):
        try:
            found |= of_url(str(target["url"]))
        except ValueError:
            return found
    return found


def _secret(data: Any, taken: Mapping[Path, set[str]]) -> set[str]:
    """The values from the environment that ended as text in a place that may hold a secret."""
    found: set[str] = set()
    for path, values in taken.items():
        value = _at(data, path)[1]
        is_number = isinstance(value, FilledPlain) and not isinstance(meaning(value), str)
        may_be = any(path[: len(place)] == place for place in _MAY_BE_SECRET)
        if may_be and not (path[0] == "options" and is_number):
            url = str(value) if path == ("target", "url") else ""
            found |= {each for each in values if not (url and _is_place(each, url))}
    return found


def _is_place(value: str, url: str) -> bool:
    """Whether a value from the environment is where ``url`` leads, which must be told, and no credential in it.

    The whole of a URL is a place; the credentials that it holds are found in it.
    """
    place = urlsplit(url).netloc.rpartition("@")[2] if "://" in url else ""
    return "://" in value or (value in place and value not in url.replace(place, "", 1))
