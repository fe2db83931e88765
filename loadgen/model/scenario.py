"""What to measure: the validated YAML."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self

from loadgen.model.clients import ClientId, HttpVersion
from loadgen.model.level import Level
from loadgen.model.prompt import Conversations, Prompt
from loadgen.model.replay import Replay
from loadgen.model.slo import Slo
from loadgen.model.stream import MAX_MESSAGE_BYTES
from loadgen.model.synthetic import Calibration, Synthetic
from loadgen.model.template import Events, Served, Template
from loadgen.model.watched import Metrics

# What the simulator can do wrong.
FAULTS: Final[dict[str, str]] = {
    "status_429": "answers 429 with an error object, at once",
    "status_500": "answers 500 with an error object, at once",
    "status_503": "answers 503 as a full queue does, at once",
    "reset": "tears the connection down mid-stream (RST)",
    "truncate": "closes the connection (FIN) in the middle of a chunk",
    "malformed": "sends a line of broken JSON mid-stream, then goes on to a proper end",
    "error_line": 'sends {"error": ...} mid-stream inside the 200, then ends the body',
    "stall": "stops sending mid-stream until the client leaves",
    "no_done": "ends the body properly mid-stream, without a last object",
    "slow_accept": "leaves the request lying for a second, as a server late to accept does",
    "huge_line": "sends one line of 10 MB mid-stream, then goes on to a proper end",
    "endless_line": "sends a line without end as fast as the client reads, 64 MB at most",
    "bad_utf8": "sends a string of invalid UTF-8 mid-stream, then goes on to a proper end",
}
# Those that a body of bytes alone can have.
BODY_FAULTS: Final = ("status_429", "status_500", "status_503", "reset", "truncate", "stall", "slow_accept")

Distribution = Literal["constant", "uniform", "lognormal", "gamma", "exponential"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """How the embedded server answers. Times are seconds, fractions 0..1.

    ``ttft`` and ``gap`` are means; ``jitter`` is the coefficient of variation (standard deviation divided by
    mean) of both, 1 with ``exponential``. A request waits for its model where that is not in memory: ``max_queue`` may,
    the next is answered 503; then for one of the model's ``parallel`` slots, first come first served, without bound.
    """

    ttft: float = 0.3
    gap: float = 0.05
    tokens: int = 60
    jitter: float = 0.0
    distribution: Distribution = "lognormal"
    prefill: float = 0.0  # seconds added to the time to first token per token of the prompt
    cache: bool = False  # what prompts have in common with the beginning of earlier ones has no prefill
    load: float = 0.0  # seconds that a model takes to load
    parallel: int | None = None
    max_queue: int = 512
    max_models: int = 3  # in memory at once
    models: tuple[str, ...] = ()  # empty: every model is known
    split: float = 0.0  # fraction of tokens cut in two chunks, inside a UTF-8 character where there is one
    merge: float = 0.0  # fraction of tokens sent in one chunk with the next
    faults: Mapping[str, float] = field(default_factory=dict)  # key of FAULTS -> fraction of requests
    seed: int = 0
    tls: bool = False  # with a certificate made at its start

    size: int = 1 << 20  # of a body of ``bytes``
    speed: int | None = (
        None  # its bytes per second, in pieces of a ``gap``; None: as fast as the client reads
    )
    served: tuple[Served, ...] = ()  # protocols that the scenario describes
    replay: Replay | None = None  # in place of all times, numbers of tokens and faults

    @property
    def stream_s(self) -> float:
        """Return about how many seconds a stream takes."""
        return self.replay.stream_s if self.replay else self.ttft + self.gap * self.tokens


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust over TLS: the certificates in ``ca``, a file or folder; "" for the usual ones, or anybody.

    ``cert`` is the file of the client's own certificate, whose key is in the file ``key``, or with it where that is "".
    """

    verify: bool = True
    ca: str = ""
    cert: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the streams go: a URL with headers, or the embedded simulator (then ``url`` is ``None``).

    ``path`` is the exact path of each request, in place of the URL's and the protocol's; "" for these. ``metrics`` are
    the server's own, which are watched beside the streams.
    """

    # Not in the repr, which tracebacks of others print: both may hold credentials.
    url: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    simulator: Simulator | None = None
    path: str = field(default="", repr=False)
    tls: Tls = field(default_factory=Tls)
    metrics: Metrics | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """From the number of streams before to ``to``, evenly within ``over`` seconds; 0: at once."""

    to: int
    over: float


@dataclass(frozen=True, slots=True)
class RateStage:
    """From the rate before to ``to`` arrivals per second, evenly within ``over`` seconds; 0: at once."""

    to: float
    over: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Arrivals as a file has them: ``rate`` per second on average, for ``seconds``.

    At a level of another rate all come as much faster. ``digest`` tells files apart. Lines may have messages where
    ``chat``; where they have lengths of prompts, ``input_tokens`` is that of the first.
    """

    file: str
    rate: float
    seconds: float
    digest: str = ""
    chat: bool = True
    input_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """When streams arrive: as the load named ``arrivals`` says, a key of ``loads.LOADS``, or as ``stages`` say.

    An open load starts streams whatever became of those before, at the level's rate for ``duration``, or as ``rates``
    say. ``shape`` is that of its gamma distributed gaps: below 1 in bursts, at 1 Poisson, above 1 more even.

    In the closed loop every slot runs stream after stream, for ``duration`` or ``requests`` times. One of the
    three is set in a scenario; none of them means until stopped, by commands. Slots start at seeded offsets
    within ``ramp`` seconds; ``ramp_per_stream``, times the streams of a cell, is its ramp. Streams due within
    ``warmup`` seconds are recorded but excluded from the metrics.
    """

    arrivals: str = "closed"
    max_streams: int | None = None  # of an open load: those that are due wait while so many are open
    duration: float | None = None
    requests: int | None = None
    stages: tuple[Stage, ...] = ()
    rates: tuple[RateStage, ...] = ()
    trace: Trace | None = None
    shape: float | None = None
    ramp: float = 0.0
    ramp_per_stream: float = 0.0
    warmup: float = 0.0

    @property
    def kind(self) -> str:
        """Return the name of the load in ``loads.LOADS``."""
        return "stages" if self.stages else self.arrivals

    @property
    def is_open(self) -> bool:
        """Return whether streams start by a schedule alone, and not because others have ended."""
        return self.kind not in ("closed", "stages")

    @property
    def is_staged(self) -> bool:
        """Return whether the number of streams, or the rate, changes on purpose."""
        return bool(self.stages or self.rates)

    @property
    def is_commanded(self) -> bool:
        """Return whether the load has no end of its own: commands start its slots and stop it."""
        return self.seconds is None and self.requests is None

    @property
    def seconds(self) -> float | None:
        """Return how long new streams are started; ``None`` where that is not a matter of time."""
        stages = self.stages or self.rates
        return sum(stage.over for stage in stages) if stages else self.duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. ``first_token`` and ``total`` count from the start of the stream, ``idle`` from the last read.

    ``drain`` counts from the protocol's end, or the headers of a refusal, to the end of the body.
    """

    connect: float = 5.0
    first_token: float = 60.0
    idle: float = 30.0
    total: float = 300.0
    drain: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When a cell ends before its time, and the run goes on.

    When of at least ``after`` streams that ended more than the share ``errors`` failed, and, with ``overload``, when
    arrivals are more than are served.
    """

    errors: float | None = None
    after: int = 50
    overload: bool = True


AUTO: Final = "auto"  # the model that the server has
# With a limit: a server may be asked not to end by itself.
EXAMPLE: Final = Prompt("Why is the sky blue?", output_tokens=32)
MODEL: Final = "qwen3:1.7b"  # what requests name where that cannot be known
OF_CLIENT: Final = ("protocol", "stream", "http", "connections")  # fields that a client's option may replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The part of a scenario that one measurement needs. A :class:`Cell` and a :class:`Recording` hold it.

    ``options`` are the protocol's own, such as ``num_predict``; ``body`` is merged into the top level of each request,
    where ``None`` removes a key. ``request`` and ``events`` are those of a protocol that the scenario describes.
    ``stream=False`` requests each answer as a whole. ``max_message`` are the most bytes
    of a line, an event or a whole answer. ``prompts`` may be ``synthetic``, and ``unique``:
    those of no two streams begin alike. ``slo`` is what its streams are judged by. ``connections`` are kept for the
    next stream, or ``new`` for each.
    """

    prompts: tuple[Prompt, ...]
    load: Load
    protocol: str = "ollama-generate"
    model: str = MODEL
    stream: bool = True
    http: HttpVersion = "1.1"  # which every client is held to
    connections: Literal["reuse", "new"] = "reuse"
    options: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    request: Template = field(default_factory=Template)
    events: Events = field(default_factory=Events)
    timeouts: Timeouts = Timeouts()
    stop: Stop = Stop()
    max_message: int = MAX_MESSAGE_BYTES
    synthetic: Synthetic | None = None
    unique: bool = False
    conversations: Conversations | None = None  # prompts are these
    slo: Slo = field(default_factory=Slo)
    calibration: Calibration | None = None  # by which synthetic prompts were made

    def of(self, client: ClientId) -> Self:
        """Return the workload of that client, whose options come first."""
        return replace(self, **{name: client.options[name] for name in OF_CLIENT if name in client.options})

    @property
    def made_tokens(self) -> int | None:
        """Return how many tokens the prompts that are made have, or the first of them; ``None`` where none is made."""
        if self.synthetic is not None:
            return self.synthetic.input_tokens
        return self.load.trace.input_tokens if self.load.trace else None

    @property
    def example(self) -> Prompt:
        """Return a prompt to try the server with: the first, or any where a trace has them."""
        return next(iter(self.prompts), EXAMPLE)

    @property
    def has_tokens(self) -> bool:
        """Return whether answers have tokens; of ``bytes`` only the bytes count."""
        return self.protocol != "bytes"

    @property
    def names_model(self) -> bool:
        """Return whether the scenario or its requests name a model; ``bytes``, ``ndjson`` and ``sse`` may name none."""
        if self.protocol not in ("bytes", "ndjson", "sse") or self.model not in (AUTO, MODEL):
            return True
        of = self.request
        return "{model}" in repr((of.path, of.headers, of.text, of.json))

    @property
    def is_ollama(self) -> bool:
        """Return whether the protocol is Ollama's own, whose servers write a time into every event."""
        return self.protocol.startswith("ollama-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """``[client[@level].]metric op value``, for example ``aiohttp.ttft_p99_ms < 500``."""

    text: str
    metric: str
    op: Literal["<", "<=", ">", ">="]
    value: float
    client: str | None = None  # a client's name or label
    level: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyClaim:
    """A claim that the scenario is to test, and where it was made.

    ``test`` is ``client[@level].metric``, then ``<``, ``>`` or ``within``, and a value; or so many times the metric of
    ``baseline``. ``within`` means between 1 / ``line`` and ``line`` times. Without a level it is tested at the highest
    that was measured.
    """

    claim: str
    test: str
    client: str
    metric: str
    direction: Literal["above", "below", "within"]
    line: float
    source: str = ""
    baseline: str | None = None
    level: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What to measure: the validated YAML, with files read and environment references filled in.

    ``engines`` share each cell, as many as the load is predicted to need where that is ``auto``. ``remeasure`` is how
    often a cell that the machine disturbed is measured again. ``warm_up`` is the number of
    requests before the first cell of a URL target. ``warnings`` are about what
    is valid, and hardly meant. ``secrets`` are the values that came from the environment or a credential header;
    they appear nowhere on disk or screen.
    """

    name: str
    target: Target
    clients: tuple[ClientId, ...]
    levels: tuple[Level, ...]
    workload: Workload
    engines: int | Literal["auto"] = 1
    repeats: int = 1
    remeasure: int = 0
    warm_up: int = 0
    thresholds: tuple[Threshold, ...] = ()
    study: tuple[StudyClaim, ...] = ()
    answers: Literal["article"] | None = None  # the report compares the run with its table
    seed: int = 0
    source: str | None = None
    warnings: tuple[str, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def protocols(self) -> list[str]:
        """Return the protocols that are measured: the workload's, or what clients have in its place."""
        own = self.workload.protocol
        return list(dict.fromkeys(str(each.options.get("protocol", own)) for each in self.clients)) or [own]
