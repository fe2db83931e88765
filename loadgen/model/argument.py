"""Findings of the study of sync against async clients: claims, costs per stream, the article's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from loadgen.model.clients import ClientId, Mode
from loadgen.model.estimate import Estimate
from loadgen.model.findings import Finding, Validity
from loadgen.model.level import Level
from loadgen.model.scenario import StudyClaim

Result = Literal["supports", "contradicts", "undecided"]
ClaimVerdict = Literal["supported", "contradicted", "mixed", "undecided"]
Resource = Literal["memory", "threads", "cpu_per_token", "cpu_per_request", "switches"]
ArticleMetric = Literal["ttft", "total"]
ArticleOwn = Literal["reaches", "smaller", "opposite", "noise", "one_round", "not_measured"]


class Shortfall(StrEnum):
    """Why a run was not made to decide the claims about sync and async clients, or cannot."""

    NO_SYNC_CLIENT = "no_sync_client"
    NO_ASYNC_CLIENT = "no_async_client"
    ONE_LEVEL = "one_level"
    FEW_REPEATS = "few_repeats"
    NOT_VALID = "not_valid"  # all of these are there, but too few of the measurements are valid


@dataclass(frozen=True, slots=True)
class Statement:
    """One atomic statement of a claim: of whom ``measure`` lies where.

    ``of``: each ``sync`` or ``async`` client, or the ratio of each ``pair`` or of the two that are ``alike``. An effect
    supports it when its whole interval lies on the side ``direction`` of ``line`` (``within``: between 1 / ``line`` and
    ``line``). ``decided_by``: whether it must be true of all of them, or of any. ``fallback`` is the measure where the
    first was not measured.
    """

    name: str
    of: Literal["sync", "async", "pair", "alike"]
    measure: str
    direction: Literal["above", "below", "within"]
    line: float
    unit: str = "times"
    min_streams: int = 1
    max_streams: int | None = None
    decided_by: Literal["all", "any"] = "all"
    fallback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEffect:
    """What a run says of a statement about one client, or about its ratio to ``baseline``.

    ``measure`` is the statement's, or what replaces it for this pair. One round gives no interval. ``level`` is
    ``None`` for a slope over several. ``noise`` and ``comparisons`` are set where they are why it is undecided: one
    client differs from itself by up to this share; so many effects share the 5 % error.
    """

    client: ClientId
    baseline: ClientId | None = None
    level: Level | None = None
    measure: str
    estimate: Estimate
    result: Result
    noise: float | None = None
    comparisons: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What a statement lacks.

    With ``measure``: it was not measured for ``clients``. Without: there is no valid measurement of ``clients``, or
    of every client that runs in one of ``modes``, at ``min_streams`` to ``max_streams`` streams (``None``: or more).
    """

    measure: str | None = None
    clients: tuple[ClientId, ...] = ()
    modes: tuple[Mode, ...] = ()
    min_streams: int = 1
    max_streams: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimStatement:
    """A statement with its verdict, an effect for each client or pair, and what is missing."""

    statement: Statement
    verdict: ClaimVerdict
    effects: tuple[ClaimEffect, ...] = ()
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A measurement that is not valid, and so neither supports nor contradicts a claim."""

    client: ClientId
    level: Level
    validity: Validity


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimFinding(Finding):
    """One of the five claims, tested on a run. ``shortfalls`` is empty when the run was made to decide the claims."""

    kind: Literal["claim"] = "claim"
    claim: str
    verdict: ClaimVerdict
    statements: tuple[ClaimStatement, ...]
    excluded: tuple[Excluded, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFinding(Finding):
    """A claim of the scenario's study, tested; without ``effect`` there was no measurement that counts.

    ``unit``: ``times``, or the metric's. ``excluded`` do not count: they are not valid, and not by the client's own
    doing.
    """

    kind: Literal["study"] = "study"
    claim: StudyClaim
    verdict: Literal["supported", "contradicted", "undecided"]
    unit: str
    effect: ClaimEffect | None = None
    excluded: tuple[Excluded, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one resource costs: its growth per stream, token or request, and its fixed part, each in its unit.

    ``separable`` is false, and there is no estimate, where the costs per token and per request cannot be separated.
    """

    resource: Resource
    growth: Estimate
    growth_unit: str
    fixed: Estimate
    fixed_unit: str
    separable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFinding(Finding):
    """What streams, tokens and requests cost one client, measured between two levels or at one."""

    kind: Literal["cost"] = "cost"
    client: ClientId
    lowest: Level
    highest: Level
    costs: tuple[Cost, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtrapolationFinding(Finding):
    """What ``level``, more streams than ``measured``, would cost one client; each stream as busy as at ``pace``."""

    kind: Literal["extrapolation"] = "extrapolation"
    client: ClientId
    level: Level
    measured: Level
    pace: Level
    memory_mib: Estimate
    threads: Estimate
    cores: Estimate


class SourceKind(StrEnum):
    """What makes two single runs differ."""

    CLIENT = "client"
    COLD_MODEL = "cold_model"
    ORDER = "order"
    ANSWER_LENGTH = "answer_length"
    NOISE = "noise"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleTime:
    """One cell of the article's table in seconds, and this run's; ``ours`` is ``None`` where it was not measured."""

    metric: ArticleMetric
    client: ClientId
    article: float
    ours: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleDifference:
    """A client's time as a multiple of ``baseline``'s, the article's fastest, and what explains the article's ratio.

    ``own`` is what this run says of the client itself, the server's time apart: it ``reaches`` the article's ratio,
    is ``smaller`` (then ``own_ratio`` is how large), ``opposite``, within the ``noise``, or unknown after
    ``one_round`` or because it was ``not_measured``. ``largest`` is the largest ratio that any source makes here.
    ``runs_article`` and ``runs_ours``: runs of each client that tell a ratio of that size from 1; ``None``: unknown.
    """

    metric: ArticleMetric
    client: ClientId
    baseline: ClientId
    article: float
    ours: Estimate | None
    source: SourceKind
    own: ArticleOwn
    own_ratio: float | None
    largest: float | None
    runs_article: int | None
    runs_ours: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleSource:
    """How large a ratio between two single runs a source makes in this run."""

    metric: ArticleMetric
    source: SourceKind
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleFinding(Finding):
    """The article's table beside this run's, and what explains each of its differences.

    ``missing``: clients without two rounds at one stream; then the verdict is ``undecided`` and the rest is empty.
    ``orders``: by what share a time changes per place in the order of a round; ``None`` where unknown. ``cold`` of
    ``streams`` waited for the model to load. A load, theirs or the warm-up's, took up to ``load_s`` seconds, and would
    take up to ``load_article_s`` with the article's model; ``None``: as long. ``tokens``: shortest and longest answer,
    ``cap``: the most tokens of one that were asked for. ``simulated``: loads and lengths of answers are the scenario's,
    not a model's.
    """

    kind: Literal["article"] = "article"
    verdict: Literal["answered", "undecided"]
    times: tuple[ArticleTime, ...]
    missing: tuple[ClientId, ...] = ()
    differences: tuple[ArticleDifference, ...] = ()
    sources: tuple[ArticleSource, ...] = ()
    orders: Mapping[ArticleMetric, Estimate | None] = field(default_factory=dict)
    streams: int = 0
    cold: int = 0
    load_s: float | None = None
    load_article_s: float | None = None
    cap: int | None = None
    tokens: tuple[int, int] | None = None
    simulated: bool = False
