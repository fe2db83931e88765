"""The keys of a scenario: what each may hold. Pydantic validates them and writes their JSON Schema."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    InstanceOf,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from loadgen import protocols
from loadgen.loads import LOADS
from loadgen.loads.rate import expected
from loadgen.model import (
    AUTO,
    MAX_MESSAGE_BYTES,
    ClientId,
    Conversations,
    Events,
    Level,
    Load,
    Message,
    Objectives,
    Prompt,
    RateStage,
    Simulator,
    Slo,
    Stage,
    Stop,
    Synthetic,
    Template,
    Threshold,
    Timeouts,
)
from loadgen.model.clients import HttpVersion
from loadgen.model.scenario import FAULTS, Distribution
from loadgen.protocols.template import fill
from loadgen.scenario import described, fields, values, variants
from loadgen.scenario.environment import meaning
from loadgen.scenario.problems import Path, choose, dotted, nearest
from loadgen.scenario.study import Test, client_problems, parsed
from loadgen.scenario.thresholds import InFile, levels_of, names, threshold
from loadgen.scenario.values import (
    INTEGER,
    NUMBER,
    Boolean,
    Duration,
    Found,
    Fraction,
    MessageSize,
    Milliseconds,
    PositiveDuration,
    Rate,
    Switch,
    Text,
    check,
    checked,
    one_of,
    shown,
)

MAX_CONCURRENCY: Final = 100_000
MAX_ENGINES: Final = 1024
_SIMULATOR: Final = Simulator()
_BESIDE_REPLAY: Final = {"replay", "models", "seed", "tls"}  # the times have in them what the other keys make
_TIMEOUTS: Final = Timeouts()
_STOP: Final = Stop()
_CONVERSATIONS: Final = Conversations()
_UNIFORM_JITTER: Final = 1 / math.sqrt(3)


MAX_TOKENS: Final = 1_000_000
MOST_MADE: Final = 100  # different prompts
MAX_MADE_TOKENS: Final = 2_000_000  # of all of them: about 10 MB
TAGS: Final = ("<list>", "<mapping>")  # in paths of errors, for the two forms of prompts
_SOURCES: Final = frozenset({"file", "texts", "chats", "synthetic"})

Count = Annotated[int, Field(ge=1, le=1_000_000), INTEGER]
Tokens = Annotated[int, Field(ge=1, le=MAX_TOKENS), INTEGER]
Streams = Annotated[int, Field(ge=1, le=MAX_CONCURRENCY), INTEGER]
_Engines = Annotated[
    int | Literal["auto"],
    BeforeValidator(lambda value: _engines(meaning(value))),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_ENGINES}, {"const": AUTO}]}),
]
Speed = Annotated[float, Field(ge=1e-6, le=1e6), NUMBER]
Seed = Annotated[int, Field(ge=0, lt=2**63), INTEGER]


def key(default: Any, description: str, *examples: Any, **more: Any) -> Any:
    """Return a key of the scenario. The default: ``...``, it is required; a type, what that makes."""
    made = {"default_factory": default} if isinstance(default, type) else {"default": default}
    return Field(description=description, examples=list(examples) or None, **made, **more)


def _engines(value: Any) -> Any:
    if value == AUTO or (type(value) is int and 1 <= value <= MAX_ENGINES):
        return value
    raise values.wrong(f"{shown(value)} is no number of engines", f"1 to {MAX_ENGINES:,}, or {AUTO}")


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)

    def problems(self) -> Found:
        """Yield what is wrong between keys."""
        yield from ()

    @model_validator(mode="after")
    def _check(self) -> _Shape:
        return check(self, self.problems())


def _either(
    choices: Mapping[tuple[str, ...], tuple[str, ...]],
    inner: Mapping[tuple[str, ...], Mapping[str, Any]] = MappingProxyType({}),
    any_of: Sequence[str] = (),
) -> ConfigDict:
    """Return the schema of a mapping that has one group of keys, and then none of the keys beside it.

    ``inner`` has what else must be true of keys with that group. It has at least one key of ``any_of``.
    """
    return ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": list(keys),
                    "properties": {**dict.fromkeys(others, False), **inner.get(keys, {})},
                }
                for keys, others in choices.items()
            ],
            **({"anyOf": [{"required": [key]} for key in any_of]} if any_of else {}),
        }
    )


class SimulatorShape(_Shape):
    """The simulator that comes with loadgen, started for the run in a process of its own."""

    ttft: Duration = key(_SIMULATOR.ttft, "Mean time to the first token.", "300ms")
    gap: Duration = key(_SIMULATOR.gap, "Mean time between two tokens.", "50ms")
    tokens: Count = key(_SIMULATOR.tokens, "Tokens of an answer.", 60)
    jitter: Annotated[float, Field(ge=0, le=10), NUMBER] = key(
        _SIMULATOR.jitter, "Variation of both times: standard deviation divided by mean. 0: none.", 0.5
    )
    distribution: Annotated[Distribution, one_of("a distribution", lambda: get_args(Distribution))] = key(
        _SIMULATOR.distribution,
        "Distribution of both times, with jitter above 0. exponential has none: its variation is 1.",
    )
    prefill: Duration = key(
        _SIMULATOR.prefill, "Added to the time to the first token, for every token of the prompt.", "1ms"
    )
    cache: Boolean = key(
        _SIMULATOR.cache,
        "Cache prompts: what one has in common with the beginning of an earlier one takes no prefill.",
        True,
    )
    load: Duration = key(_SIMULATOR.load, "How long the first request waits for the model to load.", "2s")
    parallel: Count | None = key(
        None, "Requests of a model answered at once; the others wait, without bound. Default: all."
    )
    max_queue: Annotated[int, Field(ge=0, le=1_000_000), INTEGER] = key(
        _SIMULATOR.max_queue, "Requests that may wait for a model to load; the next is answered 503."
    )
    max_models: Count = key(
        _SIMULATOR.max_models, "Models in memory at once; another waits until one of them is idle."
    )
    models: list[Text] = key([], "Known models; others get a 404. Default: all are known.")
    split: Fraction = key(
        _SIMULATOR.split,
        "Fraction of tokens sent in two pieces, inside a UTF-8 character where there is one.",
    )
    merge: Fraction = key(_SIMULATOR.merge, "Fraction of tokens sent in one piece with the next.")
    faults: dict[Annotated[str, one_of("a fault", lambda: FAULTS)], Fraction] = key(
        {},
        "What goes wrong, by fraction of requests: "
        + "; ".join(f"{fault} {meaning}" for fault, meaning in FAULTS.items()),
        {"reset": "5%", "stall": 0.01},
        json_schema_extra={"propertyNames": {"enum": list(FAULTS)}},
    )
    seed: Seed = key(_SIMULATOR.seed, "The same seed gives the same times and faults.")
    size: MessageSize = key(_SIMULATOR.size, "Size of the body that the protocol bytes gets.", "2GiB")
    speed: MessageSize | None = key(
        None,
        "Bytes per second of that body, in pieces a gap apart. Default: as fast as the client reads.",
        "100MiB",
    )
    replay: Text | None = key(
        None,
        "The folder of a run, relative to the scenario's, whose times, numbers of tokens and faults are replayed.",
        "reports/20261127T120000Z-ollama",
    )
    tls: Boolean = key(
        _SIMULATOR.tls, "Serve over TLS, with a certificate made at its start, which the run trusts.", True
    )

    def problems(self) -> Found:
        if self.tls and find_spec("trustme") is None:
            yield ("tls",), "needs trustme, which is not installed", 'pip install "loadgen[simulator]"'
        if self.replay:
            for name in self.model_fields_set - _BESIDE_REPLAY:
                yield (name,), "comes from the recorded run (replay)", "leave it out, or replay"
        if self.speed and not self.gap:
            yield ("speed",), "comes in pieces a gap apart, and the gap is 0", "a gap, such as 10ms"
        if self.distribution == "uniform" and self.jitter > _UNIFORM_JITTER:
            right = "at most 0.577 with a uniform distribution, which would go below 0 otherwise"
            yield ("jitter",), f"{self.jitter:g} is too large", right
        if self.distribution == "constant" and self.jitter > 0:
            right = "0, or another distribution: uniform, lognormal, gamma, exponential"
            yield ("jitter",), f"{self.jitter:g}, but the distribution is constant", right
        if self.distribution == "exponential" and self.jitter not in (0, 1):
            right = "no jitter, or another distribution: uniform, lognormal, gamma"
            yield ("jitter",), f"{self.jitter:g}, but that of the exponential distribution is 1", right
        if self.split + self.merge > 1:
            yield ("merge",), "split and merge together are more than 1", "at most 1 in all"
        if sum(self.faults.values()) > 1 + 1e-9:
            yield ("faults",), "together are more than 1", "fractions of the requests, at most 1 in all"


class TlsShape(_Shape):
    """Whom all clients trust over https, in place of the system's certificates, and by what the server knows them."""

    verify: Boolean = key(
        True, "Check the server's certificate. false: trust any, such as a self-signed one."
    )
    ca: Text | None = key(
        None, "A file, or folder, of the certificates to trust, relative to the scenario's folder.", "ca.pem"
    )
    cert: Text | None = key(
        None, "The client's own certificate: a PEM file, relative to the scenario's folder.", "client.pem"
    )
    key: Text | None = key(None, "Its private key, where that is in another file.", "client.key")

    def problems(self) -> Found:
        if self.key and not self.cert:
            yield ("key",), "is of no certificate", "cert: the file of the client's certificate"
        if self.ca and not self.verify:
            yield ("ca",), "nothing is checked against it", "leave it out, or verify: true"


class MetricsShape(_Shape):
    """The server's own metrics, in Prometheus' text format, read once a second while the streams run."""

    url: Annotated[str, BeforeValidator(values.url)] = key(
        ..., "Their address.", "http://127.0.0.1:8000/metrics"
    )
    names: list[Text] = key([], "Metrics to draw beside the known ones.", ["vllm:num_preemptions_total"])


def _metrics(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class TargetShape(_Shape):
    """Where the streams go: a simulator or a URL."""

    model_config = _either({("simulator",): ("url",), ("url",): ("simulator",)})

    simulator: SimulatorShape | None = key(
        None,
        "Start the simulator that comes with loadgen and answer like this; {} for its defaults.",
        {"ttft": "300ms", "gap": "50ms", "tokens": 60, "jitter": 0.5},
    )
    url: Annotated[str, BeforeValidator(values.url)] | None = key(
        None, "The server's address, without the protocol's path.", "http://127.0.0.1:11434"
    )
    path: Annotated[str, BeforeValidator(values.path)] = key(
        "",
        "The exact path of every request, with its query if it has one, in place of the URL's and the protocol's.",
        "/openai/deployments/small/chat/completions?api-version=2024-10-21",
    )
    headers: Annotated[dict[str, str], BeforeValidator(values.headers)] = key(
        {}, "Sent with every request.", {"Authorization": "Bearer ${API_KEY}"}
    )
    tls: TlsShape = key(TlsShape, "Whom all clients trust over https.", {"ca": "ca.pem"})
    metrics: Annotated[MetricsShape, BeforeValidator(_metrics)] | None = key(
        None,
        "The server's own metrics in Prometheus' text format, read once a second and drawn in the report: "
        "their address, or {url, names}.",
        "http://127.0.0.1:8000/metrics",
        {"url": "http://127.0.0.1:8000/metrics", "names": ["vllm:num_preemptions_total"]},
    )

    def problems(self) -> Found:
        if self.path and self.simulator is not None:
            yield (
                ("path",),
                "the simulator has its own paths",
                "leave it out, or a url in place of the simulator",
            )


def _arrivals() -> list[str]:
    return [name for name in LOADS if name not in ("stages", "trace")]  # which have keys of their own


_Arrivals = Annotated[
    str, one_of("a pattern of arrivals", _arrivals), WithJsonSchema({"type": "string", "enum": _arrivals()})
]


class LoadShape(_Shape):
    """When streams arrive, and for how long or how often."""

    model_config = _either(
        {("duration",): ("requests",), ("requests",): ("duration",), (): ("duration", "requests")}
    )

    arrivals: _Arrivals | None = key(
        None,
        "The pattern of arrivals. closed, with concurrency: every slot runs one stream after another. With rate: "
        "poisson, by default; constant; or gamma, with a shape.",
        "poisson",
    )
    shape: Annotated[float, Field(gt=0, le=10_000), NUMBER] | None = key(
        None,
        "Of gamma: below 1 arrivals come in bursts, at 1 they are those of poisson, above 1 more even.",
        0.5,
    )
    max_streams: Streams | None = key(
        None,
        "With rate: the most streams open at once; an arrival that is due then waits until one ends. "
        "Default: the arrivals of a minute, from 100 to 10,000.",
        500,
    )
    duration: PositiveDuration | None = key(
        None, "How long new streams are started; those open then run to their end.", "10s"
    )
    requests: Count | None = key(None, "Streams per slot, in place of duration.", 3)
    ramp: Duration = key(0.0, "Time over which the starts of the slots are spread.", "2s")
    ramp_per_stream: PositiveDuration | None = key(
        None, "With requests, in place of ramp: the ramp is this time multiplied by the concurrency.", "5ms"
    )
    warmup: Duration | None = key(
        None,
        "Streams due in this time are recorded, but excluded from the metrics. "
        "Default: the ramp with duration, 0 with requests.",
        "2s",
    )

    def problems(self) -> Found:
        if self.ramp_per_stream is not None and (self.ramp or self.duration is not None):
            yield ("ramp_per_stream",), "goes with requests, in place of ramp", "requests: 1, and no ramp"
        elif self.duration is not None:
            lasts = f"the duration of {self.duration:g}s"
            if self.ramp >= self.duration:
                yield ("ramp",), f"{self.ramp:g}s is not shorter than {lasts}", "a shorter ramp"
            if (self.warmup or 0.0) >= self.duration:
                yield ("warmup",), f"{self.warmup:g}s leaves nothing of {lasts}", "a shorter warm-up"
        if self.shape is not None and self.arrivals != "gamma":
            yield ("shape",), "is that of gamma distributed gaps", "arrivals: gamma, or no shape"

    def resolved(self, *, is_open: bool) -> Load:
        """Return the load, in which streams arrive by a schedule or as others end."""
        present: dict[str, Any] = {key: value for key, value in dict(self).items() if value is not None}
        arrivals = "poisson" if is_open else "closed"
        warmup = self.ramp if self.duration is not None else 0.0
        return Load(**{"arrivals": arrivals, "warmup": warmup, **present})

    def misplaced(self, *, is_open: bool) -> Found:
        """Yield the keys that do not go with a rate, or go with one only."""
        of_open = [name for name in _arrivals() if Load(arrivals=name).is_open]
        if is_open:
            for name, right in _OF_SLOTS.items():
                if name in self.model_fields_set:
                    yield (name,), "is about slots, of which a rate has none", right
        else:
            for name in {"shape", "max_streams"} & self.model_fields_set:
                yield (name,), "goes with a rate", "rate in place of concurrency, or leave it out"
        if self.arrivals is not None and (self.arrivals in of_open) != is_open:
            wrong = f"{self.arrivals} goes with {'concurrency' if is_open else 'a rate'}"
            yield ("arrivals",), wrong, f"one of {', '.join(of_open)}" if is_open else "rate: [5, 10]"


_OF_GAPS: Final = ("arrivals", "shape")
# The keys of a load that are about slots, and what would be right with a rate.
_OF_SLOTS: Final = {
    "requests": "load.duration: how long streams arrive",
    "ramp": "stages in place of rate: [{to: 20/s, over: 10s}, {hold: 60s}]",
    "ramp_per_stream": "stages in place of rate: [{to: 20/s, over: 10s}, {hold: 60s}]",
}


def _to(value: Any) -> int | float:
    """Return a number of streams as an integer, a rate as a float."""
    text = meaning(value)
    return values.rate(value) if isinstance(text, str) and "/" in text else _streams(value)


def _streams(value: Any) -> int:
    try:
        number = values.integer(value)
    except PydanticCustomError as error:
        ((_, problem, right),) = values.problems_of(error)
        raise values.wrong(problem, f"{right}; or a rate such as 20/s") from None
    if number < 0:
        raise values.wrong(f"{number} is too small", "at least 0")
    if number > MAX_CONCURRENCY:
        raise values.wrong(f"{number} is too large", f"at most {MAX_CONCURRENCY:,}")
    return int(number)


_To = Annotated[
    int | float,
    BeforeValidator(_to),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_CONCURRENCY},
                values.RATE_SCHEMA["anyOf"][1],
            ]
        }
    ),
]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


def _each_once(levels: list[int] | list[float]) -> Found:
    return values.twice(levels, "each number once")


class TraceShape(_Shape):
    """Streams arrive when a file says, as they once did elsewhere."""

    file: Text = key(
        ...,
        "A file relative to the scenario: .jsonl, or .csv with a header. Each line has the time of an arrival, and "
        "maybe a prompt, messages, or lengths; the columns of Mooncake, BurstGPT and Azure's traces are known.",
        "trace.jsonl",
    )
    speed: Annotated[list[Speed], Field(min_length=1), BeforeValidator(_listed), checked(_each_once)] = key(
        [1.0], "How many times as fast as in the file they come; a cell for each number.", 2, [1, 2, 4]
    )


class StageShape(_Shape):
    """A step of the load: to another number of streams, or another rate, or a while at the same."""

    model_config = _either({("to",): ("hold",), ("hold",): ("to", "over")})

    to: _To | None = key(
        None, "Number of streams, or arrivals per second, at the end of this stage.", 200, "20/s"
    )
    over: Duration = key(0.0, "Duration of the change, evenly. Default: all at once.", "60s")
    hold: Duration | None = key(None, "How long the number of streams, or the rate, stays the same.", "2m")

    def problems(self) -> Found:
        keys = self.model_fields_set
        for key in ("to", "hold"):
            if key in keys and getattr(self, key) is None:
                yield (key,), "is empty", "a value, or leave the key out"
        if {"to", "hold"} <= keys:
            yield ("hold",), "is mutually exclusive with to", "only one of the two"
        elif not {"to", "hold"} & keys:
            yield (), "has neither to nor hold", "one of the two: {to: 200, over: 60s} or {hold: 2m}"
        elif {"over", "hold"} <= keys:
            yield ("over",), "is mutually exclusive with hold", "hold alone, such as {hold: 2m}"


def steps_of(shapes: Sequence[StageShape]) -> list[tuple[int | float, float]]:
    """Return the number or rate that each stage goes to, and its seconds; one that holds goes to where it is."""
    steps: list[tuple[int | float, float]] = []
    number: int | float = 0
    for shape in shapes:
        number = number if shape.to is None else shape.to
        steps.append((number, shape.over if shape.hold is None else shape.hold))
    return steps


def are_rates(shapes: Sequence[StageShape]) -> bool:
    """Return whether stages are rates, and not numbers of streams."""
    return any(isinstance(shape.to, float) for shape in shapes)


def _stages(shapes: Sequence[StageShape]) -> Found:
    if are_rates(shapes):
        yield from _rates(shapes)
        return
    stages = [Stage(int(to), over) for to, over in steps_of(shapes)]
    before = [0, *(stage.to for stage in stages)]
    if not any(stage.over for stage in stages):
        yield (), "last 0s in all", "a stage that lasts, such as {hold: 10s}"
    # The last stream of a stage comes at its very end.
    elif not any(stage.over and (n or stage.to > 1) for n, stage in zip(before, stages, strict=False)):
        yield (), "never hold a stream", "a stage above 0, such as {to: 10, over: 5s}, and time after it"


class SyntheticShape(_Shape):
    """Prompts that loadgen makes: of so many tokens, by the server's own count."""

    input_tokens: Tokens = key(..., "Mean number of tokens of a prompt, by the server's own count.", 512)
    output_tokens: Tokens | None = key(
        None, "Mean number of tokens that an answer may have, requested with the protocol's own option.", 128
    )
    spread: Annotated[float, Field(ge=0, le=3), NUMBER] = key(
        0.0, "Spread of both lengths, log-normal: standard deviation divided by mean. 0: all the same.", 0.2
    )
    count: Count | None = key(None, f"Number of different prompts. Default: {MOST_MADE}, fewer of long ones.")

    def problems(self) -> Found:
        if self.input_tokens * (self.count or 1) > MAX_MADE_TOKENS:
            right = f"at most {MAX_MADE_TOKENS:,} tokens in all"
            yield ("count",), f"{self.count} prompts of {self.input_tokens:,} tokens are too many", right

    def resolved(self) -> Synthetic:
        count = self.count or max(1, min(MOST_MADE, MAX_MADE_TOKENS // 4 // self.input_tokens))
        return Synthetic(**{**dict(self), "count": count})


class ConversationsShape(_Shape):
    """Prompts are conversations: each message of the user is a turn, which follows when the one before has ended."""

    think: Duration = key(
        _CONVERSATIONS.think, "Mean time between the end of an answer and the next turn.", "5s"
    )
    distribution: Annotated[
        Literal["exponential", "lognormal", "constant"],
        one_of("a distribution", lambda: ("exponential", "lognormal", "constant")),
    ] = key(_CONVERSATIONS.distribution, "Distribution of that time.")
    spread: Annotated[float, Field(ge=0, le=10), NUMBER] = key(
        _CONVERSATIONS.spread, "Spread of a lognormal time: standard deviation divided by mean."
    )

    def problems(self) -> Found:
        if "spread" in self.model_fields_set and self.distribution != "lognormal":
            yield ("spread",), "goes with a lognormal time", "distribution: lognormal, or no spread"


class MessageShape(_Shape):
    """A message of a chat."""

    role: Text = key(..., "Who says it: system, user or assistant.", "user")
    content: str = key(..., "What is said.", "Why is the sky blue?")


class PromptsShape(_Shape):
    """Where the prompts come from."""

    model_config = _either({(key,): tuple(_SOURCES - {key}) for key in sorted(_SOURCES)})

    file: Text | None = key(
        None,
        "A file relative to the scenario "
        "(.jsonl, .csv, .parquet: with a prompt, or the messages of a chat, in each line; .txt: a text in each line).",
        "prompts.jsonl",
    )
    column: Text | None = key(
        None, "The column of the file that has the prompts. Default: prompt, or messages.", "question"
    )
    texts: Annotated[list[Text], Field(min_length=1)] | None = key(None, "A list.", ["Write a haiku."])
    synthetic: SyntheticShape | None = key(
        None,
        "Made by loadgen, of so many tokens.",
        {"input_tokens": 512, "output_tokens": 128, "spread": 0.2},
    )
    chats: Annotated[list[Annotated[list[MessageShape], Field(min_length=1)]], Field(min_length=1)] | None = (
        key(None, "Chats, each a list of messages.", [[{"role": "user", "content": "Why is the sky blue?"}]])
    )
    conversations: ConversationsShape | None = key(
        None,
        "Ask the chats turn by turn, each with the answers to those before. Without it a chat is one prompt.",
        {"think": "5s"},
    )
    unique: Annotated[Literal["prefix", "off"], one_of("a way", lambda: ("prefix", "off"))] | None = key(
        None,
        "prefix: the prompt of each stream begins with words that no other has, so that no server has it in its "
        "cache. off: prompts are sent as they are. Default: prefix of synthetic prompts, off of others.",
        "prefix",
    )

    @property
    def is_unique(self) -> bool:
        """Return whether the prompt of each stream begins differently."""
        return self.unique == "prefix" or (self.unique is None and self.synthetic is not None)

    def listed(self) -> tuple[Prompt, ...]:
        """Return those that stand in the scenario itself."""
        chats = (tuple(Message(each.role, each.content) for each in chat) for chat in self.chats or ())
        return (*map(Prompt, self.texts or ()), *(Prompt(messages=chat) for chat in chats))

    def problems(self) -> Found:
        found = sorted(_SOURCES & self.model_fields_set)
        if len(found) != 1:
            wrong = f"has {' and '.join(found)}" if found else "has no prompts"
            yield (), wrong, f"one of {', '.join(sorted(_SOURCES))}, such as {{file: prompts.jsonl}}"
        for name in found:
            if getattr(self, name) is None:
                yield (name,), "is empty", "a value, or leave the key out"
        if self.conversations and self.synthetic:
            yield ("conversations",), "goes with texts, chats or a file", "no synthetic prompts"
        if self.column and "file" not in found:
            yield ("column",), "is one of a file", "leave it out, or {file: prompts.csv, column: question}"


def _rates(shapes: Sequence[StageShape]) -> Found:
    for at, shape in enumerate(shapes):
        if isinstance(shape.to, int):
            yield (at, "to"), "is a number of streams among rates", f"{shape.to}/s"
    if not round(expected([RateStage(to, over) for to, over in steps_of(shapes)])):
        yield (
            (),
            "have time for no arrival",
            "a rate above 0, and time at it, such as {to: 10/s}, {hold: 60s}",
        )


class TimeoutsShape(_Shape):
    """When a stream fails; each timeout is a separate outcome."""

    connect: PositiveDuration = key(_TIMEOUTS.connect, "Until connected.", "5s")
    first_token: PositiveDuration = key(
        _TIMEOUTS.first_token, "From the start of the stream to its first token.", "60s"
    )
    idle: PositiveDuration = key(_TIMEOUTS.idle, "Between two reads.", "30s")
    total: PositiveDuration = key(_TIMEOUTS.total, "From the start of the stream to its end.", "300s")
    drain: PositiveDuration = key(
        _TIMEOUTS.drain,
        "From the end of the answer to that of the body; then the connection is closed. No stream fails of it.",
        "500ms",
    )


class ObjectivesShape(_Shape):
    """What a stream must hold to be good: each a number of milliseconds, or a duration."""

    ttft_ms: Milliseconds | None = key(
        None, "The longest time to the first token; under an open load from the schedule.", 1000
    )
    itl_ms: Milliseconds | None = key(None, "The longest gap between two tokens: no gap may be longer.", 100)
    tpot_ms: Milliseconds | None = key(None, "The longest mean gap between two tokens.", 80)
    total_ms: Milliseconds | None = key(
        None, "The longest time to the end; under an open load from the schedule.", "20s"
    )

    def problems(self) -> Found:
        present = {name: value for name, value in self if name in self.model_fields_set}
        if not any(present.values()):
            yield (), "has no objective", "such as {ttft_ms: 1000, itl_ms: 100}"
        for name, value in present.items():
            if value is None:
                yield (name,), "is empty", "a value, or leave the key out"


class SloShape(ObjectivesShape):
    """When a stream is good: it completed, and holds every objective. Goodput counts the good streams."""

    clients: dict[str, ObjectivesShape] = key(
        {}, "Other objectives of single clients, by name.", {"aiohttp": {"ttft_ms": 500}}
    )

    def parts(self) -> list[tuple[Path, ObjectivesShape]]:
        """Return the objectives for all clients and those of single ones, each with its path."""
        return [((), self), *((("clients", name), of) for name, of in self.clients.items())]

    def never_judged(self) -> Found:
        """Yield the objectives that no answer as a whole can be judged by."""
        for at, of in self.parts():
            for name in {"itl_ms", "tpot_ms"} & of.model_fields_set:
                wrong = "with stream: false tokens have no times, so no stream that holds the others can be judged"
                yield ("slo", *at, name), wrong, "total_ms, or stream: true"

    def resolved(self) -> Slo:
        """Return the objectives; a client's own in place of those for all."""
        common = {name: limit for name, limit in dict(self).items() if name != "clients"}
        own = {
            name: Objectives(**common | {key: limit for key, limit in dict(of).items() if limit is not None})
            for name, of in self.clients.items()
        }
        return Slo(**common, clients=own)


def _known_clients(slo: SloShape | None, info: ValidationInfo) -> SloShape | None:
    """Return the objectives; raise where they name a client that is not measured."""
    clients, in_file = info.data.get("clients"), info.context
    assert isinstance(in_file, InFile)
    if slo and clients is not None:
        known = names(clients)
        wrong = "is not among the clients of this scenario"
        unknown = [name for name in slo.clients if name not in known | in_file.clients]
        check(slo, ((("clients", name), wrong, choose(name, sorted(known))) for name in unknown))
    return slo


warnings.filterwarnings("ignore", 'Field name "json" in "RequestShape"', UserWarning)


class RequestShape(_Shape):
    """The request of bytes, ndjson or sse. {prompt} and {model} are filled in, and {{ and }} are braces."""

    method: Annotated[str, one_of("a method", lambda: described.METHODS)] | None = key(
        None, "Default: POST with a body, otherwise GET.", "POST"
    )
    path: Text = key("", "Added to the path of target.url, with its query.", "/generate", "/find?q={prompt}")
    headers: Annotated[dict[str, str], BeforeValidator(values.request_headers)] = key(
        {}, "Sent with every request, beside those of the target.", {"Content-Type": "text/csv"}
    )
    text: Text | None = key(None, "The body as text.", "{prompt}")
    json: Annotated[Any, BeforeValidator(values.json)] = key(
        None, "The body as JSON.", {"inputs": "{prompt}"}
    )
    file: Text | None = key(
        None, "A file whose bytes are the body, relative to the scenario's folder.", "body.bin"
    )

    def problems(self) -> Found:
        present = [name for name in described.BODIES if name in self.model_fields_set]
        for name in present[1:]:
            yield (name,), f"is a second body beside {present[0]}", "one of text, json and file"
        if self.path and not self.path.startswith(("/", "?")):
            yield ("path",), f"{shown(self.path)} is not the path of a request", "such as /generate"
        elif self.path:
            try:
                values.check_path(fill(self.path, {"prompt": "p", "model": "m"}), "other characters as %XX")
            except (PydanticCustomError, KeyError) as error:
                if isinstance(error, PydanticCustomError):
                    yield from ((("path",), wrong, right) for _, wrong, right in values.problems_of(error))
        yield from described.in_template(self.resolved())

    def resolved(self, folder: str = "") -> Template:
        """Return the template; the path of its file begins in ``folder``."""
        has_body = self.text is not None or self.json is not None or self.file is not None
        return Template(
            method=self.method or ("POST" if has_body else "GET"),
            path=self.path,
            headers=self.headers,
            text=self.text,
            json=self.json,
            file=os.path.abspath(os.path.join(folder, self.file)) if self.file else "",
        )


_Pointer = Annotated[str, BeforeValidator(described.pointer)]


class UsageShape(_Shape):
    """JSON Pointers to what the server reports of the answer."""

    tokens: _Pointer | None = key(None, "To the number of tokens.", "/details/generated_tokens")
    prompt_tokens: _Pointer | None = key(None, "To the tokens of the prompt.", "/usage/prompt_tokens")
    thinking_tokens: _Pointer | None = key(
        None, "To the tokens that are thinking.", "/usage/reasoning_tokens"
    )
    cached_tokens: _Pointer | None = key(
        None, "To the tokens of the prompt that were cached.", "/usage/cached"
    )
    finish_reason: _Pointer | None = key(None, "To why the answer ended.", "/details/finish_reason")


class EventsShape(_Shape):
    """JSON Pointers (RFC 6901) into the events of sse, or the lines of ndjson."""

    text: _Pointer | None = key(
        None, "To the text of an event; without it every event is output.", "/token/text"
    )
    end: Annotated[str, BeforeValidator(described.end)] | None = key(
        None,
        "To what is true in the last event, or there at all; of sse also the last data itself. Without it the "
        "end of the body is the end.",
        "/done",
        "[DONE]",
    )
    error: _Pointer | None = key(None, "To an error; where there is one, the stream failed.", "/error")
    usage: UsageShape = key(UsageShape, "To what the server counted.", {"tokens": "/usage/tokens"})

    def resolved(self) -> Events:
        usage = tuple((name, where) for name, where in self.usage if where is not None)
        return Events(text=self.text, end=self.end, error=self.error, usage=usage)


class StopShape(_Shape):
    """When a cell ends before its time; what it measured is kept and marked, and the run goes on."""

    errors: Fraction | None = key(None, "When more than this share of its streams failed.", "10%")
    after: Count = key(_STOP.after, "So many streams must have ended before errors are judged.", 50)
    overload: Switch = key(
        _STOP.overload,
        "When arrivals at a rate are more than are served: in-flight streams and TTFT both rise.",
        False,
    )

    def problems(self) -> Found:
        if self.errors is None and "after" in self.model_fields_set:
            yield ("after",), "goes with errors", "errors: 10%, beside after"
        if self.errors == 1:
            yield ("errors",), "never more than all fail", "less than 100%"


_Client = Annotated[
    InstanceOf[ClientId],
    BeforeValidator(lambda value, info: variants.client(value, info.context.folder, info.context.version)),
    WithJsonSchema({}),
]
_Threshold = Annotated[InstanceOf[Threshold], BeforeValidator(threshold), WithJsonSchema({})]


class ClaimShape(_Shape):
    """A claim, where it was made, and what would be measured if it were true."""

    claim: Text = key(..., "What is claimed, in a sentence.", "httpx on aiohttp takes less CPU than httpx.")
    source: Text = key("", "Where it was claimed.", "encode/httpx#3215")
    test: Annotated[InstanceOf[Test], BeforeValidator(parsed), WithJsonSchema({"type": "string"})] = key(
        ...,
        "What is measured if it is true: client[@level].metric, then <, > or within, and so many x another client; or "
        "a value.",
        "httpx-aiohttp.cpu_us_per_token < 0.8 x httpx-async",
        "aiohttp limits=default@200.live_peak < 101",
    )


def _study(study: list[ClaimShape], info: ValidationInfo) -> list[ClaimShape]:
    """Return the claims; raise where they name a client that is not measured."""
    clients, in_file = info.data.get("clients"), info.context
    assert isinstance(in_file, InFile)
    tests = [each.test for each in study]
    return study if clients is None else check(study, client_problems(tests, clients, in_file.clients))


def _body(body: dict[str, Any]) -> Found:
    if body.get("stream") is not None:
        yield ("stream",), "is set by the scenario's own key", "stream: true or false, beside body"


class ScenarioShape(_Shape):
    """What to measure: which clients, how many streams at once, against which server."""

    model_config = _either(
        {
            ("concurrency", "load"): ("stages", "rate", "trace"),
            ("rate", "load"): ("stages", "concurrency", "trace"),
            ("stages",): ("concurrency", "rate", "load", "trace"),
            ("stages", "load"): ("concurrency", "rate", "trace"),
            ("trace",): ("concurrency", "rate", "stages"),
        },
        {
            ("concurrency", "load"): {
                "load": {"anyOf": [{"required": ["duration"]}, {"required": ["requests"]}]}
            },
            ("rate", "load"): {"load": {"required": ["duration"]}},
            ("trace",): {"load": {"properties": dict.fromkeys((*_OF_SLOTS, *_OF_GAPS), False)}},
            ("stages", "load"): {
                "stages": {"contains": {"properties": {"to": {"type": "string"}}, "required": ["to"]}},
                "load": {"properties": dict.fromkeys(("duration", *_OF_SLOTS), False)},
            },
        },
        any_of=("prompts", "trace", "request"),
    )

    name: Annotated[str, BeforeValidator(values.name)] = key(
        ..., "What the run is called, in its folder's name and its report.", "100-concurrent"
    )
    target: TargetShape = key(..., "Where the streams go: a simulator or a URL.")
    protocol: Annotated[str, one_of("a protocol", protocols.names)] = key(
        "ollama-generate", "The wire format.", "ollama-generate"
    )
    model: Text = key(
        AUTO, "The model that the requests name; auto: the one that the server has.", "qwen3:1.7b"
    )
    http: Annotated[
        HttpVersion,
        one_of("a version that clients can be held to", lambda: get_args(HttpVersion)),
        BeforeValidator(lambda value: str(meaning(value))),  # runs first
        WithJsonSchema({"enum": [1.1, 2, *get_args(HttpVersion)]}),
    ] = key("1.1", "The version of HTTP that every client is held to.", 2)
    connections: Annotated[Literal["reuse", "new"], one_of("a way to connect", lambda: ("reuse", "new"))] = (
        key("reuse", "new: a connection for each stream, in place of those of earlier ones.", "new")
    )
    stream: Boolean = key(True, "false requests the answer as a whole, not as a stream.")
    options: Annotated[dict[str, Any], BeforeValidator(values.options)] = key(
        {}, "The protocol's own options, sent as they are.", {"num_predict": 100}
    )
    body: Annotated[dict[str, Any], BeforeValidator(values.options), checked(_body)] = key(
        {},
        "Merged into the top level of each request; null removes a key.",
        {"think": False},
        {"stream_options": None},
    )
    request: RequestShape = key(
        RequestShape,
        "With the protocol bytes, ndjson or sse: the request.",
        {"path": "/generate", "json": {"inputs": "{prompt}", "model": "{model}"}},
    )
    events: EventsShape = key(
        EventsShape,
        "With the protocol ndjson or sse: where the text, the end, errors and counts are.",
        {"text": "/token/text", "end": "/done", "usage": {"tokens": "/details/generated_tokens"}},
    )
    prompts: Annotated[
        Annotated[list[Text], Field(min_length=1), Tag(TAGS[0])] | Annotated[PromptsShape, Tag(TAGS[1])],
        Discriminator(lambda value: TAGS[isinstance(value, dict | PromptsShape)]),
    ] = key(
        list,
        "The prompts, used in turn: a list, a file, or made by loadgen. A trace may have its own.",
        ["Write a haiku."],
        {"file": "prompts.jsonl"},
        {"synthetic": {"input_tokens": 512, "output_tokens": 128}},
    )
    clients: Annotated[list[_Client], Field(min_length=1), AfterValidator(variants.distinct)] = key(
        ...,
        "The HTTP clients to compare: names, or mappings with options.",
        ["requests", "httpx-sync", "httpx-async", "aiohttp"],
    )
    concurrency: Annotated[
        list[Streams], Field(min_length=1), BeforeValidator(_listed), checked(_each_once)
    ] = key(list, "How many streams at once; a cell for each number.", [1, 10, 100])
    rate: Annotated[list[Rate], Field(min_length=1), BeforeValidator(_listed), checked(_each_once)] = key(
        list,
        "In place of concurrency: how many streams arrive per second, whatever became of those before; a cell for "
        "each rate.",
        [5, 10, 20],
    )
    load: LoadShape = key(LoadShape, "How long or how often.", {"duration": "10s", "ramp": "2s"})
    stages: Annotated[list[StageShape], Field(min_length=1), checked(_stages)] = key(
        list,
        "In place of concurrency and load: how the number of streams changes in each cell; or how the rate does, in "
        "place of rate.",
        [{"to": 200, "over": "60s"}, {"hold": "2m"}, {"to": 0, "over": "10s"}],
        [{"to": "20/s", "over": "60s"}, {"hold": "2m"}],
    )
    trace: TraceShape | None = key(
        None,
        "In place of concurrency and rate: streams arrive when a file says; its mean rate is the level.",
        {"file": "trace.jsonl", "speed": 2},
    )
    engines: _Engines = key(
        1,
        "How many processes share each cell, every one with a core of its own; auto: as many as the load is predicted "
        "to need, and as there are cores for.",
        4,
        AUTO,
    )
    repeats: Annotated[int, Field(ge=1, le=1000), INTEGER] = key(
        1, "How often each client is measured at each concurrency level, interleaved.", 3
    )
    remeasure: Annotated[int, Field(ge=0, le=10), INTEGER] = key(
        2, "How often a cell that the machine disturbed is measured again, at the end of its round.", 0
    )
    warm_up: Annotated[int, Field(ge=0, le=100), INTEGER] = key(
        1, "Requests to a target.url before the first measurement, of which they are no part; 0: none.", 0
    )
    timeouts: TimeoutsShape = key(TimeoutsShape, "When a stream fails.")
    stop: StopShape = key(StopShape, "When a cell ends before its time.", {"errors": "10%", "after": 50})
    max_message: MessageSize = key(
        MAX_MESSAGE_BYTES,
        "The largest line, event or whole answer; a stream with a larger one fails.",
        "64MiB",
    )
    slo: Annotated[SloShape | None, AfterValidator(_known_clients)] = key(
        None,
        "What a good stream is; goodput counts those that hold all of it.",
        {"ttft_ms": 1000, "itl_ms": 100, "total_ms": "20s"},
    )
    thresholds: list[_Threshold] = key(
        [],
        "What must hold, or the exit code is 1: [client[@level].]metric op value[%], with a level "
        "such as 100 (streams) or 20/s.",
        ["aiohttp.ttft_p99_ms < 500", "aiohttp@20/s.total_p99_ms < 900", "errors < 1%"],
    )
    study: Annotated[list[ClaimShape], AfterValidator(_study)] = key(
        [],
        "Claims to test on this run, each with its verdict in the report.",
        [
            {
                "claim": "httpx on aiohttp takes less CPU than httpx.",
                "source": "encode/httpx#3215",
                "test": "httpx-aiohttp.cpu_us_per_token < 0.8 x httpx-async",
            }
        ],
    )
    answers: Annotated[Literal["article"], one_of("an answer", lambda: ("article",))] | None = key(
        None,
        "article: the report compares this run with the table of the article; needs its four clients at one stream.",
    )
    seed: Seed = key(0, "The same seed gives the same order of cells and the same schedule.")

    @property
    def is_open(self) -> bool:
        """Return whether streams arrive at a rate."""
        return bool(self.rate or self.trace) or are_rates(self.stages)

    def problems(self) -> Found:
        for path, wrong, right in self.load.misplaced(is_open=self.is_open):
            yield ("load", *path), wrong, right
        for name in {*_OF_GAPS} & self.load.model_fields_set if self.trace else ():
            yield ("load", name), "is decided by the trace", "leave it out"
        lasts = self.load.duration or 0.0
        for at, rate in enumerate(self.rate if lasts else ()):
            if not round(rate * lasts):
                yield ("rate", at), f"no stream arrives within {lasts:g}s", "a longer load.duration"
        whole = sum(over for _, over in steps_of(self.stages))
        if self.stages and (self.load.warmup or 0.0) >= whole:
            wrong = f"{self.load.warmup:g}s leaves nothing of the {whole:g}s of the stages"
            yield ("load", "warmup"), wrong, "a shorter warm-up"
        yield from described.misplaced(
            self.model_fields_set, self.protocol, self.clients, events_end=self.events.end
        )
        for at, client in enumerate(self.clients):
            own = client.options.get("protocol", self.protocol)
            if own != self.protocol and "bytes" in (own, self.protocol):
                wrong = f"{own} cannot be compared with {self.protocol}: bytes has no tokens"
                yield ("clients", at, "protocol"), wrong, f"a scenario of its own, with protocol: {own}"
        if self.protocol == "bytes":
            yield from self._of_tokens()

    def _of_tokens(self) -> Found:
        """Yield the objectives and thresholds that only tokens can hold."""
        wrong = "is not for bytes, which has no tokens"
        for at, of in self.slo.parts() if self.slo else ():
            for name in sorted({"ttft_ms", "itl_ms", "tpot_ms"} & of.model_fields_set):
                yield ("slo", *at, name), wrong, "total_ms"
        for place, each in enumerate(self.thresholds):
            if each.metric.startswith(("ttft_", "itl_", "tpot_")):
                yield (
                    ("thresholds", place),
                    wrong,
                    "ttfb_, read_gap_ or total_ in place of ttft_, itl_ or tpot_",
                )

    @property
    def prompts_shape(self) -> PromptsShape:
        """Return the prompts in their longer form."""
        if not self.prompts:
            return PromptsShape.model_construct()
        return PromptsShape(texts=self.prompts) if isinstance(self.prompts, list) else self.prompts

    def warnings(self) -> Found:
        """Yield what is valid, and hardly meant."""
        used = dict.fromkeys(client.options.get("protocol", self.protocol) for client in self.clients)
        yield from dict.fromkeys(
            found for name in used for found in fields.misplaced(name, self.options, self.body)
        )
        if self.slo and not self.stream:
            yield from self.slo.never_judged()

    def resolved_load(self) -> Load:
        steps = steps_of(self.stages)
        if not self.is_open:
            stages = tuple(Stage(int(to), over) for to, over in steps)
            return Load(stages=stages) if stages else self.load.resolved(is_open=False)
        rates = tuple(RateStage(to, over) for to, over in steps)
        return replace(self.load.resolved(is_open=True), rates=rates)

    def levels(self) -> tuple[Level, ...]:
        """Return how many streams at once, or arrivals per second; of stages the most."""
        return tuple(levels_of([*self.concurrency, *self.rate], [stage.to for stage in self.stages]))


# Path -> the keys that are known there.
SHAPES: Final[dict[Path, type[BaseModel]]] = {
    (): ScenarioShape,
    ("target",): TargetShape,
    ("target", "simulator"): SimulatorShape,
    ("target", "tls"): TlsShape,
    ("target", "metrics"): MetricsShape,
    ("load",): LoadShape,
    ("stages",): StageShape,
    ("trace",): TraceShape,
    ("prompts",): PromptsShape,
    ("prompts", "synthetic"): SyntheticShape,
    ("prompts", "conversations"): ConversationsShape,
    ("prompts", "chats"): MessageShape,
    ("timeouts",): TimeoutsShape,
    ("stop",): StopShape,
    ("study",): ClaimShape,
    ("request",): RequestShape,
    ("events",): EventsShape,
    ("events", "usage"): UsageShape,
    ("slo",): SloShape,
    ("slo", "clients"): ObjectivesShape,  # of each
}


def choose_key(path: Path) -> str:
    """Return what would be right in place of the unknown key at ``path``."""
    inside = tuple(part for part in path[:-1] if isinstance(part, str))
    if not inside and (field := fields.where(str(path[-1]))):
        return f"did you mean {field}?"
    word, known = str(path[-1]), list((SHAPES.get(inside) or SHAPES[inside[:-1]]).model_fields)
    near = nearest(word, known)
    if near is None:
        for where, shape in SHAPES.items():
            if word in shape.model_fields:
                return f"did you mean {dotted((*where, word))}?"
    return f"did you mean {near}?" if near else f"one of {', '.join(known)}"
