"""What a run answers: a finding for each sentence that heads the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from loadgen.model.clients import ClientId
from loadgen.model.estimate import NOT_MEASURED, Estimate
from loadgen.model.findings import Finding
from loadgen.model.level import Level
from loadgen.model.limit import Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Finding):
    """One thing that a run answers; each kind is a class of its own, made by one rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How ``streams`` streams failed: ``outcome``, HTTP ``status`` where that is it; ``text``: the commonest error."""

    outcome: str
    status: int | None
    streams: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures(Answer):
    """``failed`` of ``streams`` failed, the most frequent cause first; ``raced`` of them lost a keep-alive race.

    ``silent`` of those that completed carried no output.
    """

    kind: str = "failures"
    failed: int
    streams: int
    causes: tuple[Failure, ...]
    raced: int = 0
    silent: int = 0
    waited_s: float = 0.0  # in all, of the slots after failures, before they started another stream


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedEarly(Answer):
    """At ``level``, ``stopped`` of all ``cells``, those of ``clients``, were ended by a rule of the scenario.

    The first of them was at ``at_s`` after its start, and in one the overload began at ``since_s``.
    """

    kind: str = "stopped_early"
    why: Literal["errors", "overload"]
    level: Level
    clients: tuple[ClientId, ...]
    stopped: int
    cells: int
    since_s: float
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOpen(Answer):
    """Of the ``streams`` that completed, the server kept the body of ``kept`` open for ``bound_s`` or longer."""

    kind: str = "kept_open"
    kept: int
    streams: int
    bound_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads(Answer):
    """``waited`` of ``streams`` waited for the model to load. ``kept``: the server then keeps it; ``None``: unknown."""

    kind: str = "loads"
    waited: int
    streams: int
    shortest_s: float
    longest_s: float
    kept: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Answer):
    """The main figures of the only client at the only level; keyed by column."""

    kind: str = "measured"
    client: ClientId
    level: Level
    values: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCores(Answer):
    """The client carries the level on so many ``engines``, each with a core: ``lag_ms`` is its p99 of delivery lag."""

    kind: str = "on_cores"
    client: ClientId
    level: Level
    engines: int
    lag_ms: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Carries(Answer):
    """Up to the rate ``holds`` the server keeps up with the arrivals, and ``latency`` (ms, of ``metric``) is the
    longest.

    ``fails``: the first rate at which it does not; there ``completed`` streams per second are, the backlog grows by
    ``growth`` per second, and ``limit`` is whose limit that is; or so large a share of the streams ``failed`` there,
    and the backlog does not grow. ``lowest``: the lowest rate that was measured.
    ``stages``: the rate changed, up to these. ``unclear``: at ``fails`` so few arrivals cannot tell.
    """

    kind: str = "carries"
    client: ClientId
    lowest: Level
    holds: Level | None
    metric: str
    latency: Estimate
    fails: Level | None
    limit: Limit | None
    completed: Estimate
    growth: Estimate
    failed: float = 0.0
    stages: bool = False
    unclear: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack(Answer):
    """At ``level`` the shares ``held`` of the arrivals waited while ``max_streams`` were open (``wait``: this
    ``percentile``, ms), and ``never`` had not started at the end.
    """

    kind: str = "held_back"
    client: ClientId
    level: Level
    held: float
    never: float
    percentile: int
    wait: Estimate
    max_streams: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike(Answer):
    """``clients`` are the same in ``metrics`` (columns): every pair of them differs by less than ``within``, a share.

    ``levels`` are those at which that holds; ``all_clients``: no other client was measured.
    """

    kind: str = "alike"
    clients: tuple[ClientId, ...]
    all_clients: bool
    levels: tuple[Level, ...]
    all_levels: bool
    metrics: tuple[str, ...]
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """``metric`` (a column) of two clients; ``ratio`` is the second's share of the first's."""

    metric: str
    best: Estimate
    worst: Estimate
    ratio: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs(Answer):
    """``best`` is better than ``worst`` at ``level``, in what it costs (``cost``) or in what its user sees."""

    kind: str = "differs"
    level: Level
    cost: bool
    best: ClientId
    worst: ClientId
    contrasts: tuple[Contrast, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What each further stream costs one client: KiB of memory, threads."""

    client: ClientId
    memory_kib: Estimate
    threads: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Grows(Answer):
    """What each further stream costs the cheapest and the dearest client, over all levels."""

    kind: str = "grows"
    least: Growth
    most: Growth


@dataclass(frozen=True, slots=True, kw_only=True)
class Connects(Answer):
    """Opening its connection takes a stream ``connecting`` of the ``first``, its TTFT or TTFB: a large part.

    Medians, in ms.
    """

    kind: str = "connects"
    client: ClientId
    level: Level
    metric: Literal["ttft", "ttfb"]
    connecting: Estimate
    first: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsBack(Answer):
    """Starts (``start_delay``, of an open load), requests (``send_delay``) or tokens (``lag``) of a client are late by
    ``delay`` ms at p99, beyond its budget.

    ``shown``: the client is known to be why.
    """

    kind: str = "holds_back"
    client: ClientId
    level: Level
    metric: Literal["start_delay", "send_delay", "lag"]
    delay: Estimate
    shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturates(Answer):
    """From ``below`` to ``level``, tokens per second grew ``ratio`` times only; ``limit`` is whose limit that is.

    ``client`` is ``None`` where it is the server's, and all clients show it; about ``served`` are then served at once
    at ``level``, and ``queue`` of the ``ttft`` (ms, p50) is waiting. ``waits``: from ``below`` to ``level``, the
    highest, more streams only wait. ``verdict`` is ``undecided`` where the rounds are too few or too
    different to be sure. ``speedup`` is its effective parallelism: how many times the tokens per second of one stream
    it sends.
    """

    kind: str = "saturates"
    level: Level
    below: Level
    limit: Limit
    tokens_per_s: Estimate
    ratio: Estimate
    waits: bool = False
    served: Estimate = NOT_MEASURED
    speedup: Estimate = NOT_MEASURED
    queue: Estimate = NOT_MEASURED
    ttft: Estimate = NOT_MEASURED


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Answer):
    """The server's own metrics had so many requests ``running`` and ``waiting`` at ``level``, in the mean.

    By the times that it reports, it ``served`` so many at once. ``verdict`` is whether that ``agrees``, or
    ``contradicts``; empty where one of them is not known.
    """

    kind: str = "waiting"
    verdict: Literal["", "agrees", "contradicts"] = ""
    level: Level
    running: float | None
    waiting: float
    served: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales(Answer):
    """The only client reached no limit up to ``level``: tokens per second grew ``ratio`` times from ``below``."""

    kind: str = "scales"
    level: Level
    below: Level
    ratio: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective(Answer):
    """Up to which level a threshold holds with a client, its whole interval on the right side.

    ``holds``: the highest level up to which it does, ``None`` for none; ``fails``: the lowest at which the whole
    interval is on the wrong side, ``None`` for none. ``all_levels``: it holds at each.
    """

    kind: str = "objective"
    metric: str
    op: str
    value: float
    client: ClientId
    holds: Level | None
    fails: Level | None
    all_levels: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Good(Answer):
    """How many streams of ``client`` at ``level`` are good: they completed, and held the ``limits``, ms by objective.

    ``missed``: how many completed streams missed each; ``single_gaps`` of them ITL only, while their mean gap is within
    it. ``failed`` and ``never_started`` are not good either; ``not_judged`` and ``cut`` are left out.
    """

    kind: str = "good"
    client: ClientId
    level: Level
    limits: Mapping[str, float]
    percent: Estimate
    goodput: Estimate
    missed: Mapping[str, int]
    single_gaps: int
    failed: int
    never_started: int
    not_judged: int
    cut: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided(Answer):
    """Whether these clients differ from the others in ``metrics`` (columns) is not clear from ``rounds``.

    No ``clients``: it is all of them. ``low`` and ``high`` (shares) bound the widest difference; ``None`` after one
    round. ``more_rounds`` like these would decide; ``None``: too many. ``disturbed``: the machine is a cause of low
    confidence.
    """

    kind: str = "undecided"
    level: Level
    clients: tuple[ClientId, ...]
    metrics: tuple[str, ...]
    rounds: int
    low: float | None
    high: float | None
    more_rounds: int | None
    disturbed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldUp(Answer):
    """The machine held up these clients at ``level``, so their latency and CPU are not known."""

    kind: str = "held_up"
    level: Level
    clients: tuple[ClientId, ...]
