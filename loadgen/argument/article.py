"""Answer the article: put its table beside this run's, and say what explains each of its differences.

The article "Exploring streaming HTTP responses ..." (2025) timed one stream of each client, once, one after the other.
A difference between two such runs can come from the client; or from the place in the order, a model that had to be
loaded, a longer answer, or from what one client differs by from run to run. Each source is measured here by how large
a difference it makes between two single runs; the article's difference is explained by the first source that makes one
as large.

Times are compared as logarithms of ratios. Streams that waited for the model to load are reported apart and excluded
from everything else.

Runs needed: Guenther (1981), "Sample size formulas for normal theory t tests", paired, at 5 % and 80 % power.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import Literal

from loadgen.analysis import effects, rounds
from loadgen.analysis.measures import Measured
from loadgen.analysis.noise import NoiseThresholds
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.model import (
    ArticleDifference,
    ArticleFinding,
    ArticleMetric,
    ArticleSource,
    ArticleTime,
    ClientId,
    Estimate,
    Level,
    Run,
    SourceKind,
    Summary,
    Validity,
)

Own = Literal["reaches", "smaller", "opposite", "noise", "one_round", "not_measured"]

CLIENTS = tuple(map(ClientId, ("requests", "httpx-sync", "httpx-async", "aiohttp")))  # in the article's order
SECONDS: Mapping[ArticleMetric, Mapping[ClientId, float]] = {  # the article's table
    "ttft": dict(zip(CLIENTS, (2.2818, 2.6894, 0.9680, 0.5000), strict=True)),
    "total": dict(zip(CLIENTS, (36.6709, 38.6338, 44.3120, 41.5470), strict=True)),
}
METRICS: tuple[ArticleMetric, ...] = ("ttft", "total")
COLD = 0.1  # a load that takes this share of the time to the first token, and
COLD_TIMES = 3.0  # so many times what loads usually take: a loaded model reports a short one too
_TWO_SIDED, _POWER = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)

ONE = Level(streams=1)

_Key = tuple[ClientId, int, int]  # client, repeat, and which of those


@dataclass(frozen=True, slots=True, eq=False)
class _Single:
    """One stream. Seconds; ``server`` is the same time by the server's own clock."""

    client: ClientId
    repeat: int
    place: int  # of its cell among those at one stream in the round
    seconds: Mapping[ArticleMetric, float]
    server: Mapping[ArticleMetric, float]
    tokens: int
    load: float


def findings(run: Run, summaries: Sequence[Summary]) -> list[ArticleFinding]:
    """Return one finding where the scenario asks for it: ``answered``, or ``undecided`` where one of the four clients
    was not measured at one stream in two rounds or more.
    """
    if run.info.scenario.answers != "article":
        return []
    at_one = {s.client: s for s in summaries if s.level == ONE and s.validity is not Validity.INVALID}
    times = tuple(_time(metric, client, at_one.get(client)) for metric in METRICS for client in CLIENTS)
    missing = tuple(client for client in CLIENTS if client not in at_one or len(at_one[client].rounds) < 2)
    if missing:
        return [ArticleFinding(verdict="undecided", times=times, missing=missing)]
    answer = _Answer(list(_singles(run, set(at_one))), at_one, NoiseThresholds(summaries))
    tokens = sorted(single.tokens for single in answer.ours)
    return [
        ArticleFinding(
            verdict="answered",
            times=times,
            differences=tuple(
                answer.difference(metric, client) for metric in METRICS for client in _slower(metric)
            ),
            sources=tuple(source for metric in METRICS for source in answer.sources(metric)),
            orders={metric: answer.order(metric) for metric in METRICS},
            streams=answer.all,
            cold=answer.cold,
            load_s=answer.load if answer.cold else None,
            tokens=(tokens[0], tokens[-1]) if tokens else None,
            simulated=run.info.scenario.target.simulator is not None,
        )
    ]


def _time(metric: ArticleMetric, client: ClientId, summary: Summary | None) -> ArticleTime:
    ours = None
    if summary is not None:
        found = summary[f"{metric}_p50_ms"]
        value, low, high = (
            None if bound is None else bound / 1000 for bound in (found.value, found.low, found.high)
        )
        ours = Estimate(value, low, high, found.n)
    return ArticleTime(metric=metric, client=client, article=SECONDS[metric][client], ours=ours)


def _fastest(metric: ArticleMetric) -> ClientId:
    return min(CLIENTS, key=SECONDS[metric].__getitem__)


def _slower(metric: ArticleMetric) -> list[ClientId]:
    return [client for client in CLIENTS if client != _fastest(metric)]


def _singles(run: Run, clients: set[ClientId]) -> Iterable[_Single]:
    """Yield every stream after warm-up that was alone in its cell."""
    order: dict[int, list[Repeat]] = defaultdict(list)
    for repeat in sorted(repeats_of(run.recordings), key=lambda repeat: repeat.recording.index):
        if repeat.recording.level == ONE:
            order[repeat.recording.repeat].append(repeat)
    for of_round in order.values():
        for place, repeat in enumerate(of_round):
            if repeat.recording.client in clients:
                for m in repeat.parts:
                    yield from _of_cell(m, place)


def _of_cell(m: Measured, place: int) -> Iterable[_Single]:
    of = m.streams
    for row in m.included.nonzero()[0].tolist():
        seconds: dict[ArticleMetric, float] = {
            "ttft": float(m.ttft[row]) / 1e9,
            "total": float(m.total[row]) / 1e9,
        }
        server: dict[ArticleMetric, float] = {}
        total, first, end = of.total_ns[row], of.first_stamp_ns[row], of.end_stamp_ns[row]
        if total > 0:
            server["total"] = float(total) / 1e9
            if first >= 0 and end >= 0:
                server["ttft"] = float(total - (end - first)) / 1e9
        yield _Single(
            client=m.recording.client,
            repeat=m.recording.repeat,
            place=place,
            seconds=seconds,
            server={metric: value for metric, value in server.items() if value > 0},
            tokens=int(m.tokens[row]),
            load=max(0.0, float(of.load_ns[row]) / 1e9),
        )


class _Answer:
    """What the streams of a run say about the article's differences."""

    def __init__(
        self, singles: Sequence[_Single], at_one: Mapping[ClientId, Summary], noise: NoiseThresholds
    ) -> None:
        usual = median(single.load for single in singles)
        cold = [s for s in singles if s.load > COLD * s.seconds["ttft"] and s.load > COLD_TIMES * usual]
        self.load = max((single.load for single in cold), default=0.0)
        self.cold = len(cold)
        self.all = len(singles)
        self.warm = [single for single in singles if single not in cold]
        self.ours = [single for single in self.warm if single.client in CLIENTS]
        self.at_one, self.noise = at_one, noise

    def difference(self, metric: ArticleMetric, client: ClientId) -> ArticleDifference:
        """Return what explains one of the article's differences, a multiple of its fastest client."""
        fastest = _fastest(metric)
        size = math.log(SECONDS[metric][client] / SECONDS[metric][fastest])
        ratios = self._ratios(metric, client)
        found = effects.times(ratios, self._comparisons)
        mean = math.fsum(ratios) / len(ratios) if ratios else 0.0
        kind, own_ratio = SourceKind.UNEXPLAINED, None
        own: Own = "not_measured"
        sources = self._sources(metric, client, fastest)
        if found is not None:
            own, own_ratio = self._own_part(metric, client, size)
            reaching = (source for source, reach in sources.items() if reach >= size)
            kind = SourceKind.CLIENT if own == "reaches" else next(reaching, SourceKind.UNEXPLAINED)
        return ArticleDifference(
            metric=metric,
            client=client,
            baseline=fastest,
            article=math.exp(size),
            ours=found,
            source=kind,
            own=own,
            own_ratio=own_ratio,
            largest=math.exp(max(sources.values(), default=0.0)),
            runs_article=_runs(size, self._spread(metric)),
            runs_ours=_runs(abs(mean), self._spread(metric)),
        )

    def sources(self, metric: ArticleMetric) -> list[ArticleSource]:
        """Return how large a ratio of two single runs each source makes here."""
        first, last = CLIENTS[0], CLIENTS[-1]
        one, other = self._sources(metric, last, first), self._sources(metric, first, last)
        return [
            ArticleSource(metric=metric, source=source, ratio=math.exp(max(reach, other[source])))
            for source, reach in one.items()
        ]

    def order(self, metric: ArticleMetric) -> Estimate | None:
        """Return by what share the time changes per place in a round."""
        found = self._order(metric)
        if found is None:
            return None
        each, half = found
        value, low, high = (math.expm1(each + side * half) for side in (0, -1, 1))
        return Estimate(value, low, high)

    # ----------------------------------------------------------------------------------------------- sources

    def _own_part(self, metric: ArticleMetric, client: ClientId, size: float) -> tuple[Own, float | None]:
        """Return how far the client itself explains a difference of that size, and its ratio where it is smaller."""
        own = effects.mean(self._ratios(metric, client, own=True), self._comparisons)
        noise = self.noise.threshold(ONE, self._quantity(self._own(metric))) or 0.0
        if own is None or own.low is None or own.high is None:
            return "one_round", None
        if own.low > 0 and own.value > noise:
            return ("reaches", None) if own.high >= size else ("smaller", math.exp(own.value))
        return ("opposite", None) if own.high < 0 and -own.value > noise else ("noise", None)

    def _sources(self, metric: ArticleMetric, client: ClientId, other: ClientId) -> dict[SourceKind, float]:
        """Return all sources but the client, those with the plainest evidence first: by how much each makes two single
        runs differ at most, as the logarithm of their ratio.
        """
        found: dict[SourceKind, float] = {}
        logs = {single: math.log(single.seconds[metric]) for single in self.ours}
        if self.cold:
            found[SourceKind.COLD_MODEL] = math.log1p(self.load / SECONDS[metric][other])
        each, half = self._order(metric) or (0.0, 0.0)
        if abs(each) > half:
            apart = CLIENTS.index(client) - CLIENTS.index(other)
            found[SourceKind.ORDER] = each * apart + half * abs(apart)
        if metric == "total" and (longer := self._longer()):
            found[SourceKind.ANSWER_LENGTH] = longer
        drift = each if abs(each) > half else 0.0
        rest = _centred(
            {(s.client, s.repeat, n): logs[s] - drift * s.place for n, s in enumerate(self.ours)}, 0
        )
        df = len(rest) - len({client for client, *_ in rest})
        if df > 0:
            spread = math.sqrt(math.fsum(value * value for value in rest.values()) / df)
            found[SourceKind.NOISE] = math.sqrt(2) * effects.quantile(0.975, df) * spread
        return found

    def _longer(self) -> float:
        """Return the logarithm by which two answers differ in length, in the server's own time."""
        known = [s for s in self.ours if s.tokens > 0 and "total" in s.server]
        tokens, times = [math.log(s.tokens) for s in known], [math.log(s.server["total"]) for s in known]
        line = effects.slope(tokens, times) if len(known) > 2 else None
        if line is None:
            return 0.0
        spread = math.sqrt(effects.variance(tokens))
        return math.sqrt(2) * effects.quantile(0.975, len(known) - 1) * spread * max(line[1], 0.0)

    # ----------------------------------------------------------------------------------------------- figures

    @property
    def _comparisons(self) -> int:
        return len(METRICS) * (len(CLIENTS) - 1)

    def _own(self, metric: ArticleMetric) -> Callable[[_Single], float | None]:
        """Return the time as a multiple of the server's own; the time itself where the server does not report one."""
        if all(metric in single.server for single in self.warm):
            return lambda single: single.seconds[metric] / single.server[metric]
        return lambda single: single.seconds[metric]

    def _quantity(self, value: Callable[[_Single], float | None]) -> rounds.Quantity:
        """Return the geometric mean over the streams of a cell."""
        cells: dict[tuple[ClientId, int], list[float]] = defaultdict(list)
        for single in self.warm:
            if found := value(single):
                cells[single.client, single.repeat].append(math.log(found))
        means = {cell: math.exp(math.fsum(of) / len(of)) for cell, of in cells.items()}
        return lambda summary, one: means.get((summary.client, one.repeat))

    def _ratios(self, metric: ArticleMetric, client: ClientId, *, own: bool = False) -> list[float]:
        """Return per round the logarithm of the client's time over the fastest's."""
        value = self._own(metric) if own else lambda single: single.seconds[metric]
        return rounds.contrast([self.at_one[client]], [self.at_one[_fastest(metric)]], self._quantity(value))

    def _spread(self, metric: ArticleMetric) -> float:
        """Return the standard deviation of the ratio from round to round, over all of the metric's differences."""
        found = [ratios for client in _slower(metric) if len(ratios := self._ratios(metric, client)) > 1]
        return math.sqrt(math.fsum(map(effects.variance, found)) / len(found)) if found else math.inf

    def _order(self, metric: ArticleMetric) -> tuple[float, float] | None:
        """Return the slope of the logarithm per place in the round, clients and rounds apart, and half its interval."""
        cells: dict[_Key, list[float]] = defaultdict(list)
        for s in self.warm:
            cells[s.client, s.repeat, s.place].append(math.log(s.seconds[metric]))
        rest = _centred(_centred({cell: math.fsum(of) / len(of) for cell, of in cells.items()}, 0), 1)
        places = _centred(_centred({cell: float(cell[2]) for cell in cells}, 0), 1)
        across = math.fsum(place * place for place in places.values())
        df = len(cells) - len({client for client, *_ in cells}) - len({repeat for _, repeat, _ in cells})
        if df < 1 or not across:
            return None
        each = math.fsum(place * rest[cell] for cell, place in places.items()) / across
        left = math.fsum((rest[cell] - each * place) ** 2 for cell, place in places.items())
        return each, effects.quantile(0.975, df) * math.sqrt(left / df / across)


def _centred(values: Mapping[_Key, float], by: int) -> dict[_Key, float]:
    """Return the values less the mean of each client (0) or of each round (1)."""
    groups: dict[object, list[float]] = defaultdict(list)
    for key, value in values.items():
        groups[key[by]].append(value)
    means = {group: math.fsum(of) / len(of) for group, of in groups.items()}
    return {key: value - means[key[by]] for key, value in values.items()}


def _runs(size: float, spread: float) -> int | None:
    if not size or not math.isfinite(spread):
        return None
    return max(2, math.ceil(((_TWO_SIDED + _POWER) * spread / size) ** 2 + _TWO_SIDED**2 / 2))
