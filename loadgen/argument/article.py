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
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import NormalDist, fmean
from typing import NamedTuple

from loadgen.analysis import effects, rounds
from loadgen.analysis.measures import Ints
from loadgen.analysis.noise import NoiseThresholds
from loadgen.analysis.repeats import repeats_of
from loadgen.model import (
    ArticleDifference,
    ArticleFinding,
    ArticleMetric,
    ArticleOwn,
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

CLIENTS = tuple(map(ClientId, ("requests", "httpx-sync", "httpx-async", "aiohttp")))  # in the article's order
SECONDS: Mapping[ArticleMetric, Mapping[ClientId, float]] = {  # the article's table
    "ttft": dict(zip(CLIENTS, (2.2818, 2.6894, 0.9680, 0.5000), strict=True)),
    "total": dict(zip(CLIENTS, (36.6709, 38.6338, 44.3120, 41.5470), strict=True)),
}
METRICS: tuple[ArticleMetric, ...] = ("ttft", "total")
COMPARISONS = len(METRICS) * (len(CLIENTS) - 1)
# Of the article's model, qwen3:1.7b. A load takes at most as many times as long as a model has more.
PARAMETERS = 2.0e9
# The longest answer to one prompt over the shortest, without a cap: measured with Ollama.
UNCAPPED = 1488 / 85
_CAPS = ("num_predict", "max_tokens", "max_completion_tokens")
_TWO_SIDED, _POWER = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)

ONE = Level(streams=1)

_Key = tuple[ClientId, int, int]  # client, repeat, and which of those


class _Single(NamedTuple):
    """One stream. Seconds; ``server`` is the same time by the server's own clock."""

    client: ClientId
    repeat: int
    place: int  # of its cell among those at one stream in the round
    seconds: Mapping[ArticleMetric, float]
    server: Mapping[ArticleMetric, float]
    tokens: int
    load: float
    waited: bool  # for the model to load


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
    answer = _Answer(run, list(_singles(run, set(at_one))), at_one, NoiseThresholds(summaries))
    tokens = sorted(single.tokens for single in answer.ours)
    return [
        ArticleFinding(
            verdict="answered",
            times=times,
            differences=tuple(answer.difference(m, client) for m in METRICS for client in _slower(m)),
            sources=tuple(source for metric in METRICS for source in answer.sources(metric)),
            orders={metric: answer.order(metric) for metric in METRICS},
            streams=answer.all,
            cold=answer.cold,
            load_s=answer.load or None,
            load_article_s=answer.load_article if answer.load_article != answer.load else None,
            cap=answer.cap,
            tokens=(tokens[0], tokens[-1]) if tokens else None,
            simulated=run.info.scenario.target.simulator is not None,
        )
    ]


def _time(metric: ArticleMetric, client: ClientId, summary: Summary | None) -> ArticleTime:
    ours = None
    if summary is not None:
        found = summary[f"{metric}_p50_ms"]
        value, low, high = (None if ms is None else ms / 1000 for ms in (found.value, found.low, found.high))
        ours = Estimate(value, low, high, found.n)
    return ArticleTime(metric=metric, client=client, article=SECONDS[metric][client], ours=ours)


def _fastest(metric: ArticleMetric) -> ClientId:
    return min(CLIENTS, key=SECONDS[metric].__getitem__)


def _slower(metric: ArticleMetric) -> list[ClientId]:
    return [client for client in CLIENTS if client != _fastest(metric)]


def _singles(run: Run, clients: set[ClientId]) -> Iterator[_Single]:
    """Yield every stream after warm-up that was alone in its cell."""
    places: Counter[int] = Counter()  # by round
    for repeat in sorted(repeats_of(run.recordings), key=lambda repeat: repeat.recording.index):
        cell = repeat.recording
        if cell.level != ONE:
            continue
        place = places[cell.repeat]
        places[cell.repeat] += 1
        for m in repeat.parts if cell.client in clients else ():
            own: Mapping[ArticleMetric, Ints] = {"ttft": m.server_ttft, "total": m.reported.total_ns}
            for row in m.included.nonzero()[0].tolist():
                yield _Single(
                    client=cell.client,
                    repeat=cell.repeat,
                    place=place,
                    seconds={"ttft": float(m.ttft[row]) / 1e9, "total": float(m.total[row]) / 1e9},
                    server={metric: ns[row] / 1e9 for metric, ns in own.items() if ns[row] > 0},
                    tokens=int(m.tokens[row]),
                    load=max(0.0, float(m.reported.load_ns[row]) / 1e9),
                    waited=bool(m.waited_for_load[row]),
                )


class _Answer:
    """What the streams of a run say about the article's differences."""

    def __init__(
        self, run: Run, singles: Sequence[_Single], at_one: Mapping[ClientId, Summary], noise: NoiseThresholds
    ) -> None:
        warm_up = run.info.warm_up
        before = (warm_up.load_s or 0.0) if warm_up and warm_up.resident is False else 0.0
        self.load = max([before, *(s.load for s in singles if s.waited)])
        self.load_article = self.load * _larger(run)
        self.cap = _cap(run)
        self.warm = [single for single in singles if not single.waited]
        self.cold, self.all = len(singles) - len(self.warm), len(singles)
        self.ours = [single for single in self.warm if single.client in CLIENTS]
        self.at_one, self.noise = at_one, noise

    def difference(self, metric: ArticleMetric, client: ClientId) -> ArticleDifference:
        """Return what explains one of the article's differences, a multiple of its fastest client."""
        fastest = _fastest(metric)
        size = math.log(SECONDS[metric][client] / SECONDS[metric][fastest])
        ratios = self._ratios(metric, client)
        sources = self._sources(metric, client, fastest)
        own, own_ratio = self._own_part(metric, client, size) if ratios else ("not_measured", None)
        reaching = [source for source, reach in sources.items() if reach >= size] if ratios else []
        reaching = [SourceKind.CLIENT] if own == "reaches" else reaching
        return ArticleDifference(
            metric=metric,
            client=client,
            baseline=fastest,
            article=math.exp(size),
            ours=effects.times(ratios, COMPARISONS),
            source=next(iter(reaching), SourceKind.UNEXPLAINED),
            own=own,
            own_ratio=own_ratio,
            largest=math.exp(max(sources.values(), default=0.0)),
            runs_article=_runs(size, self._spread(metric)),
            runs_ours=_runs(abs(fmean(ratios or [0.0])), self._spread(metric)),
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
        if (found := self._order(metric)) is None:
            return None
        value, low, high = (math.expm1(found[0] + side * found[1]) for side in (0, -1, 1))
        return Estimate(value, low, high)

    def _own_part(
        self, metric: ArticleMetric, client: ClientId, size: float
    ) -> tuple[ArticleOwn, float | None]:
        """Return how far the client itself explains a difference of that size, and its ratio where it is smaller."""
        own = effects.mean(self._ratios(metric, client, own=True), COMPARISONS)
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
        if metric == "total" and self.cap:
            found[SourceKind.ANSWER_LENGTH] = math.log(UNCAPPED)
        if self.load:
            found[SourceKind.COLD_MODEL] = math.log1p(self.load_article / SECONDS[metric][other])
        each, half = self._order(metric) or (0.0, 0.0)
        drift = each if abs(each) > half else 0.0
        if drift:
            apart = CLIENTS.index(client) - CLIENTS.index(other)
            found[SourceKind.ORDER] = each * apart + half * abs(apart)
        if metric == "total" and not self.cap and (longer := self._longer()):
            found[SourceKind.ANSWER_LENGTH] = longer
        logs = enumerate(math.log(s.seconds[metric]) - drift * s.place for s in self.ours)
        rest = _centred({(self.ours[n].client, self.ours[n].repeat, n): value for n, value in logs}, 0)
        df = len(rest) - len({client for client, *_ in rest})
        if df > 0:
            found[SourceKind.NOISE] = _two_runs(math.sqrt(math.fsum(v * v for v in rest.values()) / df), df)
        return found

    def _longer(self) -> float:
        """Return the logarithm by which two answers differ in length, in the server's own time."""
        known = [s for s in self.ours if s.tokens > 0 and "total" in s.server]
        tokens, times = [math.log(s.tokens) for s in known], [math.log(s.server["total"]) for s in known]
        line = effects.slope(tokens, times) if len(known) > 2 else None
        return (
            _two_runs(math.sqrt(effects.variance(tokens)), len(known) - 1) * max(line[1], 0.0)
            if line
            else 0.0
        )

    def _own(self, metric: ArticleMetric) -> Callable[[_Single], float]:
        """Return the time that the article's server would have led to: its fastest, and what is not the server's here.

        What a client takes does not depend on the model. Without the server's own time it is the time itself.
        """
        base = SECONDS[metric][_fastest(metric)]
        if all(metric in single.server for single in self.warm):
            return lambda single: max(base + single.seconds[metric] - single.server[metric], base / 2)
        return lambda single: single.seconds[metric]

    def _cells(self, value: Callable[[_Single], float]) -> dict[_Key, float]:
        """Return the mean logarithm over the streams of each cell, by client, repeat and place."""
        cells: dict[_Key, list[float]] = defaultdict(list)
        for s in self.warm:
            cells[s.client, s.repeat, s.place].append(math.log(value(s)))
        return {cell: fmean(of) for cell, of in cells.items()}

    def _quantity(self, value: Callable[[_Single], float]) -> rounds.Quantity:
        """Return the geometric mean over the streams of a cell."""
        means = {cell[:2]: math.exp(mean) for cell, mean in self._cells(value).items()}
        return lambda summary, one: means.get((summary.client, one.repeat))

    def _ratios(self, metric: ArticleMetric, client: ClientId, *, own: bool = False) -> list[float]:
        """Return per round the logarithm of the client's time over the fastest's."""
        value = self._own(metric) if own else lambda single: single.seconds[metric]
        return rounds.contrast([self.at_one[client]], [self.at_one[_fastest(metric)]], self._quantity(value))

    def _spread(self, metric: ArticleMetric) -> float:
        """Return the standard deviation of the ratio from round to round, over all of the metric's differences."""
        found = [ratios for client in _slower(metric) if len(ratios := self._ratios(metric, client)) > 1]
        return math.sqrt(fmean(map(effects.variance, found))) if found else math.inf

    def _order(self, metric: ArticleMetric) -> tuple[float, float] | None:
        """Return the slope of the logarithm per place in the round, clients and rounds apart, and half its interval."""
        cells = self._cells(lambda single: single.seconds[metric])
        rest, places = (
            _centred(_centred(of, 0), 1) for of in (cells, {cell: float(cell[2]) for cell in cells})
        )
        across = math.fsum(place * place for place in places.values())
        df = len(cells) - len({client for client, *_ in cells}) - len({repeat for _, repeat, _ in cells})
        if df < 1 or not across:
            return None
        each = math.fsum(place * rest[cell] for cell, place in places.items()) / across
        left = math.fsum((rest[cell] - each * place) ** 2 for cell, place in places.items())
        return each, effects.quantile(0.975, df) * math.sqrt(left / df / across)


def _larger(run: Run) -> float:
    """Return how many times as many parameters the article's model has; 1 where that is not known, or is not more."""
    reported = run.info.server.parameters if run.info.server else None
    match = re.fullmatch(r"([0-9.]+)\s*([MB])", reported or "")
    if not match or run.info.scenario.target.simulator is not None:
        return 1.0
    ours = float(match[1]) * {"M": 1e6, "B": 1e9}[match[2]]
    return max(1.0, PARAMETERS / ours) if ours else 1.0


def _cap(run: Run) -> int | None:
    """Return the most tokens of an answer that the scenario asks for."""
    workload = run.info.scenario.workload
    caps = [value for of in (workload.options, workload.body) for key in _CAPS if (value := of.get(key))]
    return next((cap for cap in caps if isinstance(cap, int) and cap > 0), None)


def _centred(values: Mapping[_Key, float], by: int) -> dict[_Key, float]:
    """Return the values less the mean of each client (0) or of each round (1)."""
    groups: dict[object, list[float]] = defaultdict(list)
    for key, value in values.items():
        groups[key[by]].append(value)
    return {key: value - fmean(groups[key[by]]) for key, value in values.items()}


def _two_runs(spread: float, df: int) -> float:
    """Return by how much two values of that standard deviation differ in 95 % of cases."""
    return math.sqrt(2) * effects.quantile(0.975, df) * spread


def _runs(size: float, spread: float) -> int | None:
    if not size or not math.isfinite(spread):
        return None
    return max(2, math.ceil(((_TWO_SIDED + _POWER) * spread / size) ** 2 + _TWO_SIDED**2 / 2))
