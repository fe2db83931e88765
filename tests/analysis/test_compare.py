"""Comparisons of synthetic runs whose truth is known."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from loadgen.analysis import compare, summarise
from loadgen.analysis.changes import Change
from loadgen.analysis.compare import Comparison
from loadgen.model import ClientId, DelayFinding, Estimate, Level, Round, Summary, Validity
from tests import synthetic
from tests.analysis.binomial import at_least, at_most
from tests.synthetic import client_id

TEN = Level(streams=10)
AIOHTTP, REQUESTS = ClientId("aiohttp"), ClientId("requests")
CLIENTS = ("requests", "aiohttp", "httpx-async", "requests (A/A)")
# figure -> its level, and the standard deviation of its logarithm from block to block
FIGURES: Mapping[str, tuple[float, float]] = {
    "ttft_p50_ms": (300.0, 0.01),
    "total_p50_ms": (3000.0, 0.005),
    "lag_p50_ms": (2.0, 0.1),
    "lag_p99_ms": (20.0, 0.3),
    "tokens_per_s": (1000.0, 0.01),
    "rss_per_stream_kib": (60.0, 0.02),
    "cpu_us_per_token": (150.0, 0.04),
    "switches_per_token": (1.5, 0.06),
}
PLAIN: Summary = summarise(synthetic.run("/nowhere", [synthetic.recording(streams=100, tokens=4)]))[0]


def with_values(summary: Summary, **values: float | None) -> Summary:
    """Return the summary with these values of its metrics."""
    return replace(summary, metrics={**summary.metrics, **{name: Estimate(v) for name, v in values.items()}})


def with_figure(of: Summary, name: str, value: float) -> tuple[Round, ...]:
    """Return the rounds, each with this value."""
    return tuple(replace(each, values={**each.values, name: value}) for each in of.rounds)


def summary(
    client: str, concurrency: int, values: Mapping[str, NDArray[np.float64]], **pooled: float | None
) -> Summary:
    """Return one whose rounds have these values."""
    repeats = len(next(iter(values.values())))
    rounds = tuple(
        Round(
            repeat,
            {
                "threads_peak": concurrency + 1,
                "errors_share": 0.0,
                **{name: float(of[repeat]) for name, of in values.items()},
            },
        )
        for repeat in range(repeats)
    )
    made = replace(PLAIN, client=client_id(client), level=Level(streams=concurrency), rounds=rounds)
    return with_values(made, **pooled)


def drawn(
    rng: np.random.Generator,
    *,
    levels: tuple[int, ...] = (10,),
    repeats: int = 3,
    spread: float = 0.3,
    heavy: bool = False,
    truth: Mapping[tuple[str, str], float] | None = None,
) -> list[Summary]:
    """A run: lognormal noise, a third of whose variance is shared by all clients of a block, and a half of the rest
    by all figures of a cell's block. ``spread`` is by how much clients differ in how noisy they are, ``truth`` a
    factor on a client's figure."""

    def noise(shape: tuple[int, ...]) -> NDArray[np.float64]:
        return rng.standard_t(3, shape) / math.sqrt(3) if heavy else rng.standard_normal(shape)

    names = list(FIGURES)
    made = []
    for n in levels:
        block = noise((len(names), repeats))
        for client in CLIENTS:
            cell, own = noise((1, repeats)), noise((len(names), repeats))
            size = np.exp(spread * rng.standard_normal())
            mixed = size * (math.sqrt(0.3) * block + math.sqrt(0.35) * (cell + own))
            made.append(
                summary(
                    client,
                    n,
                    {
                        name: level * (truth or {}).get((client, name), 1.0) * np.exp(sigma * mixed[place])
                        for place, (name, (level, sigma)) in enumerate(FIGURES.items())
                    },
                )
            )
    return made


def change_of(comparison: Comparison, client: str, figure: str, concurrency: int = 10) -> Change:
    (change,) = (
        c
        for c in comparison.changes
        if (c.client, c.column.name, c.level) == (client_id(client), figure, Level(streams=concurrency))
    )
    return change


# ---------------------------------------------------------------------------------------- known truth


# Intervals of 95 % cover 94 to 98 %, as loadgen.analysis.changes says; the rest is what so few draws may be off by.


@pytest.mark.parametrize("paired", [True, False])
def test_runs_that_do_not_differ_are_worse_in_under_one_of_twenty_and_intervals_cover_the_truth(
    paired: bool, draws: int
) -> None:
    rng = np.random.default_rng([7, paired])
    worse, inside = 0, Counter[str]()
    for _ in range(draws):
        made = compare.runs(drawn(rng), drawn(rng), paired=paired)
        worse += made.verdict == "worse"
        for c in made.changes:
            if c.client == AIOHTTP and c.low is not None and c.high is not None:
                inside[c.column.name] += c.low <= 0 <= c.high
    assert worse <= at_most(0.05, draws)
    covered = [inside[key] for key in FIGURES if key in inside]
    assert len(covered) >= 7
    assert all(at_least(0.94, draws) <= hits <= at_most(0.98, draws) for hits in covered), covered


def test_intervals_cover_a_difference_that_is_there(draws: int) -> None:
    rng = np.random.default_rng(8)
    truth = {("aiohttp", name): 1.3 for name in FIGURES}
    inside = Counter[str]()
    for _ in range(draws):
        for c in compare.runs(drawn(rng), drawn(rng, truth=truth), paired=True).changes:
            if c.client == AIOHTTP and c.low is not None and c.high is not None:
                inside[c.column.name] += c.low <= 0.3 <= c.high
    covered = [inside[key] for key in FIGURES if key in inside]
    assert len(covered) >= 7
    assert all(at_least(0.94, draws) <= hits <= at_most(0.98, draws) for hits in covered), covered


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("heavy", "spread"), [(True, 0.3), (False, 0.8)], ids=["heavy", "unsteady"])
def test_neither_heavy_tails_nor_an_unsteady_client_make_a_run_worse(
    paired: bool, heavy: bool, spread: float, draws: int
) -> None:
    rng = np.random.default_rng([9, paired])
    some = draws // 3
    worse = sum(
        compare.runs(
            drawn(rng, heavy=heavy, spread=spread), drawn(rng, heavy=heavy, spread=spread), paired=paired
        ).verdict
        == "worse"
        for _ in range(some)
    )
    assert worse <= at_most(0.05, some)


@pytest.mark.parametrize("paired", [True, False])
def test_a_client_that_became_worse_is_found(paired: bool, draws: int) -> None:
    rng = np.random.default_rng([10, paired])
    truth = {("aiohttp", "total_p50_ms"): 1.3, ("aiohttp", "ttft_p50_ms"): 1.3}
    found_both, some = 0, draws // 3
    for _ in range(some):
        made = compare.runs(drawn(rng), drawn(rng, truth=truth), paired=paired)
        found_both += {(c.client.label, c.column.name) for c in made.called("worse")} >= truth.keys()
        assert (made.verdict == "worse") == bool(made.called("worse"))
    assert found_both >= 0.95 * some


def test_less_throughput_is_worse_and_more_is_better() -> None:
    rng = np.random.default_rng(11)
    slower, base = drawn(rng, truth={("aiohttp", "tokens_per_s"): 0.6}), drawn(rng)
    assert change_of(compare.runs(base, slower, paired=True), "aiohttp", "tokens_per_s").verdict == "worse"
    back = compare.runs(slower, base, paired=True)
    assert change_of(back, "aiohttp", "tokens_per_s").verdict == "better"
    assert back.verdict == "not worse"


# ---------------------------------------------------------------------------------------- the rules


def steady(client: str = "aiohttp", concurrency: int = 10, repeats: int = 3, **figures: float) -> Summary:
    """Each block tells the same, but for a hundredth of a percent."""
    values = {
        name: figures.get(name, level) * (1 + 1e-4 * np.arange(repeats))
        for name, (level, _) in FIGURES.items()
    }
    return summary(client, concurrency, values)


def test_small_changes_are_never_called_however_sure() -> None:
    base = [steady(lag_p50_ms=0.2, cpu_us_per_token=100.0, ttft_p50_ms=300.0)]
    head = [steady(lag_p50_ms=0.29, cpu_us_per_token=101.9, ttft_p50_ms=305.9)]
    made = compare.runs(base, head, paired=True)
    assert [c for c in made.changes if c.verdict != "same"] == []
    head = [steady(lag_p50_ms=0.31, cpu_us_per_token=102.2, ttft_p50_ms=306.2)]
    made = compare.runs(base, head, paired=True)
    assert {c.column.name for c in made.called("worse")} == {"lag_p50_ms", "cpu_us_per_token", "ttft_p50_ms"}


def test_a_difference_within_the_noise_floor_is_not_called() -> None:
    control = steady("aiohttp (A/A)", ttft_p50_ms=390.0)
    base, head = [steady(), control], [steady(ttft_p50_ms=360.0), control]
    assert compare.runs(base[:1], head[:1], paired=True).verdict == "worse"
    made = compare.runs(base, head, paired=True)
    assert change_of(made, "aiohttp", "ttft_p50_ms").verdict == "same"
    assert {c.client for c in made.changes} == {AIOHTTP}


def test_pairs_are_used_where_schedules_agree() -> None:
    schedule = {"ttft_p50_ms": np.array([200.0, 300.0, 450.0]), "total_p50_ms": np.array([2e3, 3e3, 4.5e3])}
    slower = {name: 1.2 * values * np.array([1.0, 1.001, 0.999]) for name, values in schedule.items()}
    base, head = [summary("aiohttp", 10, schedule)], [summary("aiohttp", 10, slower)]
    assert {c.column.name for c in compare.runs(base, head, paired=True).called("worse")} == schedule.keys()
    assert compare.runs(base, head, paired=False).called("worse") == []


def test_missing_repeats_do_not_exclude_the_others() -> None:
    values = np.array([290.0, 295.0, 300.0, 305.0, 310.0])
    base = [summary("aiohttp", 10, {"ttft_p50_ms": values})]
    some = tuple(each for each in base[0].rounds if each.repeat in (1, 2, 4))
    change = change_of(
        compare.runs(base, [replace(base[0], rounds=some)], paired=True), "aiohttp", "ttft_p50_ms"
    )
    assert change.base == pytest.approx(np.exp(np.log(values).mean()))
    assert change.head == pytest.approx(np.exp(np.log(values[[1, 2, 4]]).mean()))
    spread = compare.runs(base, [replace(base[0], rounds=some)], paired=False)
    assert change == change_of(spread, "aiohttp", "ttft_p50_ms")


def test_errors_count_as_streams_not_as_blocks_that_happen_to_agree() -> None:
    def failing(share: float) -> list[Summary]:
        rounds = with_figure(steady(), "errors_share", share)
        return [with_values(replace(steady(), rounds=rounds), streams=300)]

    assert compare.runs(failing(0.0), failing(1 / 100), paired=True).verdict == "not worse"
    made = compare.runs(failing(0.0), failing(15 / 100), paired=True)
    (worse,) = made.called("worse")
    assert (worse.column.name, worse.relative, worse.change) == ("errors_share", False, pytest.approx(0.15))


def test_a_thread_more_at_many_is_nothing_and_twice_as_many_are_worse() -> None:
    def with_threads(number: int) -> list[Summary]:
        rounds = with_figure(steady(concurrency=100), "threads_peak", number)
        return [replace(steady(concurrency=100), rounds=rounds)]

    assert compare.runs(with_threads(101), with_threads(102), paired=True).verdict == "not worse"
    made = compare.runs(with_threads(101), with_threads(201), paired=True)
    assert [c.column.name for c in made.called("worse")] == ["threads_peak"]


def test_one_repeat_tells_nothing() -> None:
    made = compare.runs([steady()], [steady(repeats=1, ttft_p50_ms=900.0)], paired=True)
    assert (made.verdict, made.more_repeats, compare.exit_code(made)) == ("cannot tell", 2, 4)
    assert {c.verdict for c in made.changes} == {"unknown"}
    assert change_of(made, "aiohttp", "ttft_p50_ms").head == 900.0


def test_noise_beyond_the_tolerance_cannot_tell_and_says_how_many_repeats_would() -> None:
    rng = np.random.default_rng(12)

    def noisy(repeats: int) -> list[Summary]:
        values = {"cpu_us_per_token": 100 * np.exp(0.2 * rng.standard_normal(repeats))}
        return [summary("aiohttp", 10, values)]

    made = compare.runs(noisy(3), noisy(3), paired=True)
    assert (made.verdict, compare.exit_code(made)) == ("cannot tell", 4)
    assert (made.reason, made.undecided[0].column.name) == ("noise", "cpu_us_per_token")
    more = made.more_repeats
    assert more is not None
    assert 1 <= more < 200
    assert compare.runs(noisy(150), noisy(150), paired=True).verdict == "not worse"
    assert compare.runs(noisy(3), noisy(3), paired=True, tolerance=100.0).verdict == "not worse"


def test_latencies_of_a_client_without_a_core_left_do_not_decide_but_may_be_worse() -> None:
    rng = np.random.default_rng(14)

    def noisy(cpu_share: float | None, level: float = 500.0, sigma: float = 0.5) -> list[Summary]:
        values = {"ttft_p50_ms": level * np.exp(sigma * rng.standard_normal(3))}
        return [summary("httpx-async", 1000, values, cpu_share=cpu_share)]

    for share, verdict in ((None, "cannot tell"), (0.6, "cannot tell"), (0.97, "not worse")):
        assert compare.runs(noisy(share), noisy(0.3), paired=True).verdict == verdict
        assert compare.runs(noisy(0.3), noisy(share), paired=True).verdict == verdict
    assert (
        compare.runs(noisy(0.97, sigma=0.01), noisy(0.97, 900.0, sigma=0.01), paired=True).verdict == "worse"
    )


def test_negligible_noise_does_not_hide_other_changes() -> None:
    rng = np.random.default_rng(15)

    def noisy(figure: str, level: float, concurrency: int = 10, **other: float) -> list[Summary]:
        values = {figure: level * np.exp(0.3 * rng.standard_normal(3))}
        return [summary("aiohttp", concurrency, values, **other)]

    def verdict(*cells: object, **other: float) -> str:
        one, two = (noisy(*cells, **other) for _ in range(2))  # type: ignore[arg-type]
        return compare.runs(one, two, paired=True).verdict

    # 150 µs a token and 0.8 % of a core, or 50 %
    assert verdict("cpu_us_per_token", 150.0, cpu_us_per_token=150.0, cpu_percent=0.8) == "not worse"
    assert verdict("cpu_us_per_token", 150.0, cpu_us_per_token=150.0, cpu_percent=50.0) == "cannot tell"
    # 130 KiB of a process of 40 MiB, or 13 MiB
    assert verdict("rss_per_stream_kib", 130.0, 1, rss_peak_mib=40.0) == "not worse"
    assert verdict("rss_per_stream_kib", 130.0, 100, rss_peak_mib=40.0) == "cannot tell"


def test_a_sure_change_of_next_to_nothing_is_called() -> None:
    idle = [with_values(steady(cpu_us_per_token=level), cpu_percent=0.5) for level in (150.0, 180.0)]
    made = compare.runs(idle[:1], idle[1:], paired=True)
    assert [c.column.name for c in made.called("worse")] == ["cpu_us_per_token"]


def test_invalid_cells_are_listed_and_one_that_was_not_so_before_is_no_success() -> None:
    broken = replace(steady("requests"), validity=Validity.INVALID)
    made = compare.runs([steady(), broken], [steady(), broken], paired=True)
    assert (made.verdict, made.invalid, made.lost) == ("not worse", ((REQUESTS, TEN),), ())
    made = compare.runs([steady(), steady("requests")], [steady(), broken], paired=True)
    assert (made.verdict, made.reason, made.lost) == ("cannot tell", "invalid_in_head", ((REQUESTS, TEN),))


def test_unmatched_rows_are_listed_and_suspect_rows_are_marked() -> None:
    base = [steady(), steady(concurrency=100), steady("requests")]
    head = [replace(steady(), validity=Validity.SUSPECT), steady("httpx-sync")]
    made = compare.runs(base, head, paired=True)
    assert made.only_base == ((AIOHTTP, Level(streams=100)), (REQUESTS, TEN))
    assert made.only_head == ((ClientId("httpx-sync"), TEN),)
    assert all(c.suspect and c.client == AIOHTTP for c in made.changes)


def test_nothing_in_common_cannot_tell() -> None:
    made = compare.runs([steady()], [steady("requests")], paired=True)
    assert (made.verdict, made.reason, made.changes) == ("cannot tell", "nothing_valid", ())


def test_two_clients_of_one_run_are_compared_round_by_round(draws: int) -> None:
    rng = np.random.default_rng(13)
    hits, some = 0, draws // 3
    for _ in range(some):
        run = drawn(rng, truth={("aiohttp", "ttft_p50_ms"): 1.3})
        made = compare.clients(run, REQUESTS, AIOHTTP)
        change = change_of(made, "aiohttp", "ttft_p50_ms")
        assert (change.base_client, made.paired) == (REQUESTS, True)
        hits += change.verdict == "worse"
        same = compare.clients(run, REQUESTS, client_id("requests (A/A)"))
        assert same.called("better") == same.called("worse") == []
    assert hits >= 0.95 * some


def test_delays_are_those_of_the_cells_that_became_worse() -> None:
    made = compare.runs(
        [steady(), steady("requests")], [steady(ttft_p50_ms=400.0), steady("requests")], paired=True
    )
    findings = [
        DelayFinding(client=client, level=level, late=1, tokens=2, budget_ms=3.0, delays=())
        for client in (REQUESTS, AIOHTTP)
        for level in (TEN, Level(streams=20))
    ]
    assert [(f.client, f.level) for f in compare.with_delays(made, findings).delays] == [(AIOHTTP, TEN)]
    assert made.worse_everywhere == []


def test_a_regression_of_every_client_is_reported() -> None:
    base = [steady(), steady("requests")]
    head = [steady(ttft_p50_ms=400.0), steady("requests", ttft_p50_ms=500.0)]
    made = compare.runs(base, head, paired=True)
    assert [column.name for column in made.worse_everywhere] == ["ttft_p50_ms"]
