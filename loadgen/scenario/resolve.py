"""From a file to a :class:`~loadgen.model.Scenario`: Pydantic validates the keys, and this what no key can know."""

from __future__ import annotations

import copy
import os
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loadgen import clients, protocols
from loadgen.clients import trust
from loadgen.interpreters import allowed_version, guessed_version
from loadgen.loads.trace import SUFFIXES, TraceError, survey
from loadgen.model import (
    AUTO,
    MODEL,
    Calibration,
    ClientId,
    Conversations,
    Level,
    Metrics,
    Prompt,
    Replay,
    Scenario,
    Served,
    Simulator,
    Slo,
    Stop,
    Target,
    Template,
    Timeouts,
    Tls,
    Trace,
    Workload,
)
from loadgen.model.scenario import BODY_FAULTS
from loadgen.prompts import SIMULATED, made
from loadgen.protocols import template
from loadgen.scenario import described, environment, replay, study, thresholds
from loadgen.scenario.environment import meaning
from loadgen.scenario.files import read, readable
from loadgen.scenario.overrides import Override, apply, literal
from loadgen.scenario.places import check_foreign
from loadgen.scenario.problems import Path, Problem, ScenarioError, dotted, masked
from loadgen.scenario.prompt_files import read_prompts
from loadgen.scenario.shape import TAGS, ScenarioShape, choose_key
from loadgen.scenario.source import BAD, Document, at, kind, parse
from loadgen.scenario.values import is_text, shown
from loadgen.scenario.variants import Version
from loadgen.secrets import mask

# Pydantic's own errors -> what is wrong, what would be right.
_MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "list_type": ("is {kind}", "a list, in [ ] or with a - before each entry"),
    "dict_type": ("is {kind}", "a mapping, such as {{key: value}}"),
    "model_type": ("is {kind}", "a mapping, such as {{key: value}}"),
    "too_short": ("is an empty list", "at least one entry"),
    "greater_than_equal": ("{value} is too small", "at least {ge:,}"),
    "less_than_equal": ("{value} is too large", "at most {le:,}"),
    "greater_than": ("{value} is too small", "more than {gt:g}"),
    "less_than": ("{value} is too large", "less than {lt:,}"),
}
_EXAMPLES: Final = {
    "name": "smoke",
    "target": "{simulator: {}}",
    "prompts": '["Write a haiku."]',
    "clients": "[requests, aiohttp]",
    "concurrency": "[1, 10]",
    "url": "http://127.0.0.1:8000/metrics",
    "load": "{duration: 10s, ramp: 2s}",
    "file": "trace.jsonl",
    "input_tokens": "512",
    "role": "user",
    "content": "Why?",
}


def load(
    path: str | FilePath,
    overrides: Sequence[str | Override] = (),
    environ: Mapping[str, str] = os.environ,
    *,
    execute: bool = True,
    urls: Container[str] | None = None,
) -> Scenario:
    """Return the scenario in the YAML file at ``path``, with ``overrides`` applied.

    An override is ``path.to.key=value`` (the value in YAML) or an :class:`Override`; problems with it name its flag
    in place of ``file:line``. ``environ`` fills ``${NAME}``. Files named in the scenario are read, relative to its
    folder. Interpreters that ``environ`` allows are run for their version; without ``execute`` nothing is. ``urls`` are
    the targets that the overrides of another machine may set; ``None``: the overrides are the user's own. Raises
    :class:`ScenarioError`, and nothing else, with all problems of them; its message has no value from the environment
    or from a credential.
    """
    version = partial(allowed_version, environ=environ) if execute else guessed_version
    return _resolve(read(path), FilePath(path), overrides, environ, version, urls)


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
    scenario = _resolve(document, FilePath(path), overrides, environ, guessed_version)
    if scenario.target.simulator is None:
        where, right = document.place(("target", "url")), "a scenario with  target: {simulator: {}}"
        raise ScenarioError([Problem(where, "target", "has no simulator", right)])
    return scenario.target.simulator


_DEFAULT: Final = (
    "{name: simulator, target: {simulator: {}}, "
    "prompts: [Hello.], clients: [floor], concurrency: 1, load: {requests: 1}}"
)


def _resolve(
    document: Document,
    path: FilePath,
    overrides: Sequence[str | Override],
    environ: Mapping[str, str],
    version: Version,
    urls: Container[str] | None = None,
) -> Scenario:
    in_file = copy.deepcopy(document.data)
    apply(document, overrides)
    if urls is not None:
        check_foreign(document, in_file, urls)
        if document.problems:
            raise ScenarioError(document.problems)
    taken = environment.fill(document, environ)
    hidden = environment.credentials(document.data).union(*taken.values())
    shape = _validate(document, in_file, version)
    in_prompts_file = _prompts_file(document, hidden)
    if shape is not None:
        _check_messages(document, shape, in_prompts_file or shape.prompts_shape.listed())
    trace = _trace(document, shape, hidden)
    tls = _tls(document, shape)
    request = _request(document, shape)
    replayed = _replay(document, shape)
    secrets = environment.secrets(document.data, taken)
    if shape is not None and mask(shape.name, secrets) != shape.name:
        document.report(("name",), "holds a secret", "a name that may be shown: it becomes the folder's")
    if document.problems or shape is None:
        raise ScenarioError(masked(document.problems, hidden))
    spec, metrics, levels = shape.target.simulator, shape.target.metrics, shape.levels()
    of = shape.prompts_shape
    load = shape.resolved_load()
    if trace is not None and shape.trace is not None:
        speeds = shape.trace.speed
        levels = tuple(Level(rate=trace.rate * speed) for speed in speeds)
        lasts = min(load.duration or inf, trace.seconds / min(speeds))
        load = replace(load, arrivals="trace", trace=trace, duration=lasts)
    measured = {None, *thresholds.names(shape.clients)}
    beside = [(("target", "simulator", "replay"), *each) for each in replay.warnings(replayed, levels)]
    served = tuple(
        Served(protocol=name, request=request, events=shape.events.resolved())
        for name in _protocols(shape).values()
        if name in described.DESCRIBED
    )
    return Scenario(
        name=shape.name,
        target=Target(
            url=shape.target.url,
            path=shape.target.path,
            tls=tls,
            headers=shape.target.headers,
            metrics=Metrics(url=metrics.url, names=tuple(metrics.names)) if metrics else None,
            simulator=Simulator(
                **{**dict(spec), "models": tuple(spec.models), "served": served, "replay": replayed}
            )
            if spec
            else None,
        ),
        clients=tuple(shape.clients),
        levels=levels,
        workload=made(
            Workload(
                load=load,
                prompts=in_prompts_file or of.listed() or _no_prompt(document.data),
                conversations=Conversations(**dict(of.conversations)) if of.conversations else None,
                synthetic=of.synthetic.resolved() if of.synthetic else None,
                unique=of.is_unique,
                protocol=shape.protocol,
                http=shape.http,
                connections=shape.connections,
                model=next(iter(spec.models), MODEL) if spec and shape.model == AUTO else shape.model,
                stream=shape.stream,
                options=shape.options,
                body=shape.body,
                request=request,
                events=shape.events.resolved(),
                timeouts=Timeouts(**dict(shape.timeouts)),
                stop=Stop(**dict(shape.stop)),
                max_message=shape.max_message,
                slo=shape.slo.resolved() if shape.slo else Slo(),
            ),
            Calibration() if spec is None else SIMULATED,
            shape.seed,
        ),
        engines=shape.engines,
        repeats=shape.repeats,
        remeasure=shape.remeasure,
        warm_up=shape.warm_up,
        thresholds=tuple(
            each for each in shape.thresholds if each.client in measured and each.level in (None, *levels)
        ),
        study=study.measured((each.test.of(each.claim, each.source) for each in shape.study), shape.clients),
        answers=shape.answers,
        seed=shape.seed,
        source=str(path),
        warnings=tuple(
            mask(str(Problem(document.place(path), dotted(path), wrong, right)), hidden)
            for path, wrong, right in (*shape.warnings(), *beside)
        ),
        secrets=frozenset(secrets),
    )


def _validate(document: Document, in_file: Mapping[str, Any], version: Version) -> ScenarioShape | None:
    """Return the validated keys, or ``None``; ``in_file`` are the values without the command line's."""
    shape = None
    try:
        context = thresholds.in_file(in_file, document.folder, version)
        shape = ScenarioShape.model_validate(document.data, context=context)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            _report(document, error)
    _check_pairs(document)
    if shape is not None:
        _check_protocol(document, shape)
    return shape


def _report(document: Document, error: ErrorDetails) -> None:
    """Report an error of Pydantic, or the problems that a validator found."""
    path, context = tuple(part for part in error["loc"] if part not in TAGS), error.get("ctx", {})
    if error["type"] == "missing":
        _missing(document, path)
        return
    if error["type"] == "problems":
        found = context["found"]
    elif error["type"] == "extra_forbidden":
        found = [((), "unknown key", choose_key(path))]
    else:
        value = at(document.data, path)[1]
        wrong, right = _MESSAGES[error["type"]]
        found = [((), wrong.format(kind=kind(value), value=shown(value)), right.format(**context))]
    for inner, wrong, right in found:
        place, value = at(document.data, (*path, *inner))
        if value is not BAD:
            document.report(place, wrong, right)


def _missing(document: Document, path: Path) -> None:
    document.report(path, "is missing", f"such as  {path[-1]}: {_EXAMPLES[str(path[-1])]}")


def _check_pairs(document: Document) -> None:
    """Report keys that exclude each other, and pairs of which there is none."""
    data = document.data
    rates = _are_rates(data.get("stages"))
    if "prompts" not in data and "trace" not in data and not _no_prompt(data):
        _missing(document, ("prompts",))
    if "trace" in data:
        for key in {"concurrency", "rate", "stages"} & {*data}:
            document.report(
                (key,), "is mutually exclusive with trace", "only one of the two: the trace says when"
            )
    elif "stages" in data:
        for key in {"concurrency", "rate", *(() if rates else ("load",))} & {*data}:
            right = "only one of the two: the stages say how many streams, and how long"
            document.report((key,), "is mutually exclusive with stages", right)
    else:
        if not {"concurrency", "rate"} & {*data}:
            _missing(document, ("concurrency",))
        if "load" not in data and "rate" in data:
            document.report(("load",), "is missing", "such as  load: {duration: 60s}")
        elif "load" not in data:
            _missing(document, ("load",))
    if {"rate", "concurrency"} <= {*data}:
        right = "only one of the two: so many arrivals per second, or so many streams at once"
        document.report(("rate",), "is mutually exclusive with concurrency", right)
    for key, one, other in (("target", "simulator", "url"), ("load", "duration", "requests")):
        inner = data.get(key)
        if not isinstance(inner, dict):
            continue
        if key == "load" and (rates or {"rate", "trace"} & {*data}):
            if "trace" not in data:
                _check_open(document, inner, rates=rates)
            continue
        if one in inner and other in inner:
            wrong = f"is mutually exclusive with {key}.{one}"
            document.report((key, other), wrong, "only one of the two")
        elif one not in inner and other not in inner:
            document.report((key,), f"has neither {one} nor {other}", "one of the two")
        for name in (one, other):
            if name in inner and inner[name] is None:
                document.report((key, name), "is empty", "a value, or leave the key out")


def _no_prompt(data: Mapping[str, Any]) -> tuple[Prompt, ...]:
    """Return what is asked by a request that has no place for a prompt."""
    is_described = data.get("protocol") in described.DESCRIBED
    return (Prompt(),) if is_described and "{prompt}" not in str(data.get("request")) else ()


def _are_rates(stages: Any) -> bool:
    """Return whether stages say a rate, before they are validated."""
    found = (
        [meaning(stage.get("to")) for stage in stages if isinstance(stage, dict)]
        if isinstance(stages, list)
        else []
    )
    return any(isinstance(to, str) and "/" in to for to in found)


def _check_open(document: Document, load: Mapping[str, Any], *, rates: bool) -> None:
    """Report a load at a rate that has no duration, or beside stages one of its own."""
    if rates and "duration" in load:
        document.report(("load", "duration"), "is mutually exclusive with stages", "the stages say how long")
    elif not rates and not {"duration", "requests"} & {*load}:
        document.report(("load",), "has no duration", "how long streams arrive, such as duration: 60s")


def _check_protocol(document: Document, shape: ScenarioShape) -> None:
    """Report a protocol that the simulator or a client does not speak, and a version of HTTP that a client does not."""
    # A missing library of another package's client or protocol is reported when that is loaded.
    for place, protocol in _protocols(shape).items():
        with suppress(ImportError):
            if shape.target.simulator is not None and not protocols.is_simulated(protocol):
                served = " or ".join(filter(protocols.is_simulated, protocols.BUILTIN))
                document.report(
                    place, f"the simulator does not speak {protocol}", f"{served}, or a target.url"
                )
    if shape.target.simulator and shape.protocol == "bytes":
        for fault in {*shape.target.simulator.faults} - {*BODY_FAULTS}:
            place = ("target", "simulator", "faults", fault)
            document.report(place, "needs events, and bytes has none", f"one of {', '.join(BODY_FAULTS)}")
    for number, client in enumerate(shape.clients):
        with suppress(ImportError):
            for wrong, right in refusals(client, shape.protocol, shape.http, shape.connections):
                document.report(("clients", number), wrong, right)


def _protocols(shape: ScenarioShape) -> dict[Path, str]:
    """Return every protocol that is measured, each at the first place that names it."""
    own = {("clients", n, "protocol"): each.options.get("protocol") for n, each in enumerate(shape.clients)}
    named = {place: str(name) for place, name in own.items() if name}
    found: dict[Path, str] = {("protocol",): shape.protocol} if len(named) < len(own) else {}
    for place, name in named.items():
        if name not in found.values():
            found[place] = name
    return found


def refusals(client: ClientId, protocol: str, http: str, connections: str) -> Iterator[tuple[str, str]]:
    """Yield why a client cannot do what a scenario asks of it, and what would be right. Raises as `clients.info`."""
    protocol, http = client.options.get("protocol", protocol), client.options.get("http", http)
    connections = client.options.get("connections", connections)
    info = clients.info(client.name)
    if info.protocols and protocol not in info.protocols:
        yield (
            f"{client.name} does not speak {protocol}",
            f"another client, or the protocol {' or '.join(info.protocols)}",
        )
    if http not in info.http:
        speak = (clients.info(name) for name in clients.BUILTIN)
        able = ", ".join(
            each.name for each in speak if http in each.http and protocol in (each.protocols or (protocol,))
        )
        yield (
            f"{client.name} cannot be held to HTTP/{http}: {info.http_note}",
            f"http: {' or '.join(info.http)}, or a client that can: {able}",
        )
    if connections not in info.connections:
        yield (
            f"{client.name} cannot keep a connection for the next request: it opens one for each",
            f"{{client: {client.name}, connections: {info.connections[0]}}}",
        )


def _tls(document: Document, shape: ScenarioShape | None) -> Tls:
    """Return ``target.tls`` with absolute paths."""
    if shape is None:
        return Tls()
    of, where = shape.target.tls, ("target", "tls")
    paths: dict[str, str] = {}
    for name in ("ca", "cert", "key"):
        if written := getattr(of, name):
            path = (document.folder / written).absolute()
            paths[name] = str(path)
            if not path.exists():
                document.report((*where, name), "there is no such file", "certificates in PEM form")
                return Tls()
    found = Tls(of.verify, **paths)
    if found.ca and not trust.is_usable(found.ca):
        document.report((*where, "ca"), "has no certificates that can be read", "certificates in PEM form")
        return Tls()
    try:
        trust.own(found)
    except (OSError, ValueError) as error:
        document.report((*where, "cert"), f"cannot be used: {trust.why_unusable(error)}", trust.USABLE)
    return found


def _replay(document: Document, shape: ScenarioShape | None) -> Replay | None:
    """Return the timings of ``target.simulator.replay``; ``None`` without one."""
    of = shape.target.simulator if shape else None
    if shape is None or of is None or not of.replay:
        return None
    key = ("target", "simulator", "replay")
    if shape.protocol == "bytes":
        document.report(key, "has events, and the protocol bytes has none", "another protocol, or no replay")
    try:
        return replay.replay(document.folder / of.replay)
    except replay.ReplayError as error:
        document.report(key, error.wrong, error.right)
    return None


def _request(document: Document, shape: ScenarioShape | None) -> Template:
    """Return the request that the scenario describes, after a look at the file of its body."""
    if shape is None:
        return Template()
    made = shape.request.resolved(str(document.folder))
    if made.file and (found := described.unreadable(FilePath(made.file))):
        document.report(("request", "file"), *found)
    if shape.target.url and "model" not in document.data and template.takes(made, "model"):
        document.report(("model",), "is missing, and the request has {model}", f"such as  model: {MODEL}")
    return made


def _trace(document: Document, shape: ScenarioShape | None, hidden: set[str]) -> Trace | None:
    """Return what is known of the trace before it is run; ``None`` where there is none, or it has a problem."""
    if shape is None or shape.trace is None:
        return None
    path, key = (document.folder / shape.trace.file).absolute(), ("trace", "file")
    if path.suffix not in SUFFIXES:
        document.report(key, f"ends in none of {', '.join(SUFFIXES)}", "such as trace.jsonl")
        return None
    chat = True
    with suppress(ImportError):
        chat = all(map(protocols.takes_messages, _protocols(shape).values()))
    try:
        with readable(path, document.place(key), dotted(key), SUFFIXES):
            try:
                found = survey(str(path), chat=chat, needs_prompts="prompts" not in document.data)
            except TraceError as error:
                where = f"{document.folder / shape.trace.file}:{error.line}"
                raise ScenarioError([Problem(where, dotted(key), error.wrong, error.right)]) from None
    except ScenarioError as error:
        document.problems += [each._replace(where=mask(each.where, hidden)) for each in error.problems]
        return None
    rate = float(f"{found.rate:.4g}")  # which is shown wherever the level is
    return Trace(
        file=str(path),
        rate=rate,
        seconds=found.seconds,
        digest=found.digest,
        chat=chat,
        input_tokens=found.first.input_tokens if found.first else None,
    )


def _check_messages(document: Document, shape: ScenarioShape, prompts: Sequence[Prompt]) -> None:
    """Report prompts that are chats where the protocol takes a text, and conversations without a turn."""
    talks = shape.prompts_shape.conversations
    if talks or any(prompt.messages for prompt in prompts):
        with suppress(ImportError):
            if texts := [p for p in _protocols(shape).values() if not protocols.takes_messages(p)]:
                chats = " or ".join(filter(protocols.takes_messages, protocols.BUILTIN))
                wrong = f"has messages, and {texts[0]} takes a text"
                key = "conversations" if talks else "file" if shape.prompts_shape.file else "chats"
                document.report(("prompts", key), wrong, f"the protocol {chats}, or prompts that are texts")
    for number, prompt in enumerate(prompts, 1):
        if talks and not any(message.role == "user" for message in prompt.chat):
            document.report(("prompts",), f"chat {number} has no turn", "a message with the role user")
            return


def _prompts_file(document: Document, hidden: set[str]) -> tuple[Prompt, ...]:
    """Return the prompts of a file, which is read even if other keys are wrong, to report all problems at once."""
    prompts = document.data.get("prompts")
    file = prompts.get("file") if isinstance(prompts, dict) else None
    if not is_text(file):
        return ()
    column = prompts.get("column")
    try:
        where = document.place(("prompts", "file"))
        return read_prompts(document.folder, file, str(column) if is_text(column) else None, where)
    except ScenarioError as error:
        document.problems += [each._replace(where=mask(each.where, hidden)) for each in error.problems]
        return ()
