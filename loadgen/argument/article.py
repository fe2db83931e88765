"""The article, answered: its table beside ours, and what each of its differences is by our data.

The article timed one stream of each client, once, one after the other. A difference between two such runs can
be the client's; or come from the place in the order, a model that had to be loaded, a longer answer, or be what
one client differs by from run to run. Each source is measured here by how large a difference it makes between
two single runs; the article's is put down to the first that makes one as large.

Times are compared as logarithms of ratios. Streams that waited for the model to load are told apart and left out
of everything else.

Runs needed: Guenther (1981), "Sample size formulas for normal theory t tests", paired, at 5 % and 80 % power.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

from loadgen.analysis import effects, rounds
from loadgen.analysis.measures import Measured
from loadgen.analysis.noise import NoiseThresholds
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.model import Effect, Level, Run, Summary, TextFinding, Validity

CLIENTS = ("requests", "httpx-sync", "httpx-async", "aiohttp")  # in the article's order
FIRST, TOTAL = "time to first chunk", "total"
TOLD: Mapping[str, Mapping[str, float]] = {  # seconds
    FIRST: {"requests": 2.2818, "httpx-sync": 2.6894, "httpx-async": 0.9680, "aiohttp": 0.5000},
    TOTAL: {"requests": 36.6709, "httpx-sync": 38.6338, "httpx-async": 44.3120, "aiohttp": 41.5470},
}
COLUMNS = {FIRST: "ttft_p50", TOTAL: "total_p50"}
COLD = 0.1  # a load that takes this share of the time to the first token, and
COLD_TIMES = 3.0  # so many times what loads usually take: a model that is there tells of a short one too
_TWO_SIDED, _POWER = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)

ONE = Level(streams=1)

_Key = tuple[str, int, int]  # client, repeat, and which of those


@dataclass(frozen=True, slots=True, eq=False)
class _Single:
    """One stream. Seconds; ``server`` is the same time by the server's own clock."""

    client: str
    repeat: int
    place: int  # of its cell among those at one stream in the block
    seconds: Mapping[str, float]
    server: Mapping[str, float]
    tokens: int
    load: float


@dataclass(frozen=True, slots=True)
class _Source:
    """Something that makes two single runs differ, by up to ``reach`` in the logarithm of their ratio."""

    kind: str
    reach: float
    why: str


def findings(run: Run, summaries: Sequence[Summary]) -> list[TextFinding]:
    """One, where the scenario asks for it: ``answered``, or ``open`` where one of the four clients was not measured
    at one stream in two repeats or more.

    Effects: for each figure and client the article's value and ours (``note`` says whose), in seconds; then each
    of the article's differences, its client as a multiple of the fastest: our ratio, with the article's as the line,
    and in ``note`` what the article's is, a colon, and why; then in ``runs`` how many of each client tell it, and one
    of our size, from none (``None``: no number does); then how large a difference each source makes here.
    """
    if run.info.scenario.answers != "article":
        return []
    at_one = {s.client.label: s for s in summaries if s.level == ONE and s.validity is not Validity.INVALID}
    told = [effect for figure in COLUMNS for effect in _values(figure, at_one)]
    missing = [client for client in CLIENTS if client not in at_one or len(at_one[client].rounds) < 2]
    if missing:
        who = f"{', '.join(missing)} {'was' if len(missing) == 1 else 'were'}"
        return [
            TextFinding(
                kind="article",
                id="article",
                verdict="open",
                statement="What the article's differences are cannot be told from this run",
                evidence=(f"Undecided: {who} not measured at one stream in several repeats",),
                effects=tuple(told),
            )
        ]
    answer = _Answer(list(_singles(run, set(at_one))), at_one, NoiseThresholds(summaries))
    differences = [answer.difference(figure, client) for figure in COLUMNS for client in _slower(figure)]
    runs = [
        effect for figure in COLUMNS for client in _slower(figure) for effect in answer.runs(figure, client)
    ]
    reach = [effect for figure in COLUMNS for effect in answer.sources(figure)]
    kinds = [effect.note.partition(":")[0] for effect in differences]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return [
        TextFinding(
            kind="article",
            id="article",
            verdict="answered",
            statement=f"What the article's {len(differences)} differences are, by this run: {counted}",
            evidence=(*answer.evidence(), *_simulated(run)),
            effects=(*told, *differences, *runs, *reach),
        )
    ]


def _values(figure: str, at_one: Mapping[str, Summary]) -> Iterable[Effect]:
    for client in CLIENTS:
        yield Effect(name=figure, unit="s", value=TOLD[figure][client], client=client, note="the article")
    for client in CLIENTS:
        if client in at_one:
            found = at_one[client][f"{COLUMNS[figure]}_ms"]
            bounds = (found.value, found.low, found.high)
            value, low, high = (None if bound is None else bound / 1000 for bound in bounds)
            yield Effect(
                name=figure, unit="s", value=value, low=low, high=high, client=client, note="this run"
            )


def _fastest(figure: str) -> str:
    return min(CLIENTS, key=TOLD[figure].__getitem__)


def _slower(figure: str) -> list[str]:
    return [client for client in CLIENTS if client != _fastest(figure)]


def _singles(run: Run, clients: set[str]) -> Iterable[_Single]:
    """Every stream that counts, alone in its cell."""
    order: dict[int, list[Repeat]] = defaultdict(list)
    for repeat in sorted(repeats_of(run.recordings), key=lambda repeat: repeat.recording.index):
        if repeat.recording.level == ONE:
            order[repeat.recording.repeat].append(repeat)
    for block in order.values():
        for place, repeat in enumerate(block):
            if repeat.recording.client.label in clients:
                for m in repeat.parts:
                    yield from _of_cell(m, place)


def _of_cell(m: Measured, place: int) -> Iterable[_Single]:
    names = ("total_ns", "end_stamp_ns", "first_stamp_ns", "load_ns")
    told, first, end, load = (m.recording.streams.get(name) for name in names)
    for row in m.included.nonzero()[0].tolist():
        seconds = {FIRST: float(m.ttft[row]) / 1e9, TOTAL: float(m.total[row]) / 1e9}
        server = {}
        if told is not None and told[row] > 0:
            server[TOTAL] = float(told[row]) / 1e9
            if first is not None and end is not None and first[row] >= 0 and end[row] >= 0:
                server[FIRST] = float(told[row] - (end[row] - first[row])) / 1e9
        yield _Single(
            client=m.recording.client.label,
            repeat=m.recording.repeat,
            place=place,
            seconds=seconds,
            server={figure: value for figure, value in server.items() if value > 0},
            tokens=int(m.tokens[row]),
            load=max(0.0, float(load[row]) / 1e9) if load is not None else 0.0,
        )


class _Answer:
    """What the streams of a run say of the article's differences."""

    def __init__(
        self, singles: Sequence[_Single], at_one: Mapping[str, Summary], floors: NoiseThresholds
    ) -> None:
        usual = median(single.load for single in singles)
        cold = [s for s in singles if s.load > COLD * s.seconds[FIRST] and s.load > COLD_TIMES * usual]
        self.load = max((single.load for single in cold), default=0.0)
        self.cold = len(cold)
        self.all = len(singles)
        self.warm = [single for single in singles if single not in cold]
        self.ours = [single for single in self.warm if single.client in CLIENTS]
        self.at_one, self.floors = at_one, floors

    def difference(self, figure: str, client: str) -> Effect:
        """One of the article's, as a multiple of its fastest client."""
        fastest = _fastest(figure)
        size = math.log(TOLD[figure][client] / TOLD[figure][fastest])
        found = effects.mean(self._ratios(figure, client), self._comparisons)
        kind, why = "unexplained", "no block has both clients with the model loaded"
        if found is not None:
            kind, why = self._kind(figure, client, size)
        bounds = (None, None) if found is None or found.low is None else (found.low, found.high)
        low, high = (None if bound is None else math.exp(min(bound, 700)) for bound in bounds)
        return Effect(
            name=f"{figure}, {client} as a multiple of {fastest}",
            unit="times",
            value=None if found is None else math.exp(found.value),
            low=low,
            high=high,
            line=math.exp(size),
            holds={1: True, -1: False}.get(found.side(size)) if found else None,
            client=client,
            note=f"{kind}: {why}",
        )

    def runs(self, figure: str, client: str) -> Iterable[Effect]:
        """Runs of each client, in pairs, that tell a difference of that size from none."""
        ratios = self._ratios(figure, client)
        told = math.log(TOLD[figure][client] / TOLD[figure][_fastest(figure)])
        ours = abs(math.fsum(ratios) / len(ratios)) if ratios else 0.0
        for whose, size in (("the article's", told), ("our", ours)):
            name = f"{figure}, runs to know a difference of {whose} size"
            yield Effect(name=name, unit="runs", value=_runs(size, self._spread(figure)), client=client)

    def sources(self, figure: str) -> list[Effect]:
        """How large a difference of two single runs each makes here, as far as it was seen."""
        ends = (CLIENTS[-1], CLIENTS[0])
        told = [*self._sources(figure, *ends), *self._sources(figure, *reversed(ends))]
        return [
            Effect(
                name=f"{figure}: {kind}",
                unit="times",
                value=math.exp(max(s.reach for s in told if s.kind == kind)),
            )
            for kind in dict.fromkeys(source.kind for source in told)
        ]

    def evidence(self) -> list[str]:
        """What was seen of load, order and answers."""
        tokens = sorted(single.tokens for single in self.ours)
        length = f"{tokens[0]:,}" if tokens[0] == tokens[-1] else f"{tokens[0]:,} to {tokens[-1]:,}"
        cold = (
            f"{self.cold} of {self.all} streams waited for the model to load, the longest {self.load:.3g} s"
        )
        return [
            f"Model: {cold}; left out of the rest" if self.cold else "Model: no stream waited for it to load",
            *(self._order_told(figure) for figure in COLUMNS),
            f"Answers: {length} tokens long",
        ]

    # ------------------------------------------------------------------------------------------------- kinds

    def _kind(self, figure: str, client: str, size: float) -> tuple[str, str]:
        fastest = _fastest(figure)
        own = effects.mean(self._ratios(figure, client, own=True), self._comparisons)
        floor = self.floors.threshold(ONE, self._figure(self._own(figure))) or 0.0
        here = "one block alone tells nothing of the noise"
        if own is not None and own.low is not None and own.high is not None:
            if own.low > 0 and own.value > floor:
                if own.high >= size:
                    return (
                        "the client's",
                        "here too, the server's own time apart, and the interval reaches as far",
                    )
                here = (
                    f"the client's part is {math.exp(own.value):.3g} times here, beyond the noise and smaller"
                )
            elif own.high < 0 and -own.value > floor:
                here = f"here {client} takes less of its own than {fastest}"
            else:
                here = "the two clients do not differ here beyond the noise"
        sources = self._sources(figure, client, fastest)
        for source in sources:
            if source.reach >= size:
                return source.kind, f"{source.why}; {here}"
        most = max((source.reach for source in sources), default=0.0)
        return "unexplained", f"nothing seen here makes more than {math.exp(most):.3g} times; {here}"

    def _sources(self, figure: str, client: str, other: str) -> list[_Source]:
        """All but the client, those with the plainest evidence first."""
        found = []
        logs = {single: math.log(single.seconds[figure]) for single in self.ours}
        if self.cold:
            why = f"a stream that waits {self.load:.3g} s for the model to load is as much later"
            found.append(_Source("a cold model", math.log1p(self.load / TOLD[figure][other]), why))
        each, half = self._order(figure) or (0.0, 0.0)
        if abs(each) > half:
            apart = CLIENTS.index(client) - CLIENTS.index(other)
            why = "a run's place in the order makes one as large"
            found.append(_Source("order", each * apart + half * abs(apart), why))
        if figure == TOTAL and (longer := self._longer()):
            why = "the answers' own lengths, as the server counts them, make one as large"
            found.append(_Source("a longer answer", longer, why))
        drift = each if abs(each) > half else 0.0
        rest = _centred(
            {(s.client, s.repeat, n): logs[s] - drift * s.place for n, s in enumerate(self.ours)}, 0
        )
        df = len(rest) - len({client for client, *_ in rest})
        if df > 0:
            spread = math.sqrt(math.fsum(value * value for value in rest.values()) / df)
            why = "two runs of one client differ by as much"
            found.append(_Source("noise", math.sqrt(2) * effects.quantile(0.975, df) * spread, why))
        return found

    def _longer(self) -> float:
        """By how much two answers differ in length, in the server's own time."""
        told = [s for s in self.ours if s.tokens > 0 and TOTAL in s.server]
        tokens, times = [math.log(s.tokens) for s in told], [math.log(s.server[TOTAL]) for s in told]
        line = effects.slope(tokens, times) if len(told) > 2 else None
        if line is None:
            return 0.0
        spread = math.sqrt(effects.variance(tokens))
        return math.sqrt(2) * effects.quantile(0.975, len(told) - 1) * spread * max(line[1], 0.0)

    # ----------------------------------------------------------------------------------------------- figures

    @property
    def _comparisons(self) -> int:
        return len(COLUMNS) * (len(CLIENTS) - 1)

    def _own(self, figure: str) -> Callable[[_Single], float | None]:
        """The time as a multiple of the server's own; the time itself where the server does not tell its own."""
        if all(figure in single.server for single in self.warm):
            return lambda single: single.seconds[figure] / single.server[figure]
        return lambda single: single.seconds[figure]

    def _figure(self, value: Callable[[_Single], float | None]) -> rounds.Figure:
        """Geometric mean of the streams of a cell."""
        cells: dict[tuple[str, int], list[float]] = defaultdict(list)
        for single in self.warm:
            if found := value(single):
                cells[single.client, single.repeat].append(math.log(found))
        means = {cell: math.exp(math.fsum(of) / len(of)) for cell, of in cells.items()}
        return lambda summary, block: means.get((summary.client.label, int(block["repeat"] or 0)))

    def _ratios(self, figure: str, client: str, *, own: bool = False) -> list[float]:
        """Per block: the logarithm of the client's time over the fastest's."""
        value = self._own(figure) if own else lambda single: single.seconds[figure]
        return rounds.contrast([self.at_one[client]], [self.at_one[_fastest(figure)]], self._figure(value))

    def _spread(self, figure: str) -> float:
        """Standard deviation of the ratio from block to block, over all of the figure's differences."""
        found = [ratios for client in _slower(figure) if len(ratios := self._ratios(figure, client)) > 1]
        return math.sqrt(math.fsum(map(effects.variance, found)) / len(found)) if found else math.inf

    def _order(self, figure: str) -> tuple[float, float] | None:
        """Growth of the logarithm per place within the block, clients and blocks apart, and half its interval."""
        cells: dict[_Key, list[float]] = defaultdict(list)
        for s in self.warm:
            cells[s.client, s.repeat, s.place].append(math.log(s.seconds[figure]))
        rest = _centred(_centred({cell: math.fsum(of) / len(of) for cell, of in cells.items()}, 0), 1)
        places = _centred(_centred({cell: float(cell[2]) for cell in cells}, 0), 1)
        across = math.fsum(place * place for place in places.values())
        df = len(cells) - len({client for client, *_ in cells}) - len({repeat for _, repeat, _ in cells})
        if df < 1 or not across:
            return None
        each = math.fsum(place * rest[cell] for cell, place in places.items()) / across
        left = math.fsum((rest[cell] - each * place) ** 2 for cell, place in places.items())
        return each, effects.quantile(0.975, df) * math.sqrt(left / df / across)

    def _order_told(self, figure: str) -> str:
        order = self._order(figure)
        if order is None:
            return f"Order: what the place in it does to the {figure} cannot be told"
        each, half = order
        low, high = (math.expm1(each + side * half) for side in (-1, 1))
        told = f"{math.expm1(each):+.1%} per place within a block ({low:+.1%} to {high:+.1%})"
        return f"Order: {figure} changes by {told}" + ("" if abs(each) > half else ", which may be nothing")


def _centred(values: Mapping[_Key, float], by: int) -> dict[_Key, float]:
    """Less the mean of each client (0) or of each block (1)."""
    groups: dict[object, list[float]] = defaultdict(list)
    for key, value in values.items():
        groups[key[by]].append(value)
    means = {group: math.fsum(of) / len(of) for group, of in groups.items()}
    return {key: value - means[key[by]] for key, value in values.items()}


def _runs(size: float, spread: float) -> int | None:
    if not size or not math.isfinite(spread):
        return None
    return max(2, math.ceil(((_TWO_SIDED + _POWER) * spread / size) ** 2 + _TWO_SIDED**2 / 2))


def _simulated(run: Run) -> list[str]:
    simulated = run.info.scenario.target.simulator is not None
    return (
        ["Simulated: loads and lengths of answers are the scenario's, not a real model's"]
        if simulated
        else []
    )
