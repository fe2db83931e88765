"""Which client: who is alike, who differs, who holds back, whose cost grows, what is undecided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadgen import store
from loadgen.analysis.answer.alike import alike
from loadgen.analysis.answer.connects import connects
from loadgen.analysis.answer.differs import differs
from loadgen.analysis.answer.grows import grows
from loadgen.analysis.answer.holds_back import holds_back
from loadgen.analysis.answer.undecided import undecided
from loadgen.model import CpuSample, CpuSampleTable, Level, Limit, Pause, Validity
from loadgen.model.confidence import Confidence, Grade, Group, OtherPrograms
from loadgen.report.sentences.answer import paragraphs
from tests import synthetic
from tests.analysis.answer.made import answers, made

FOUR = ("requests", "httpx-sync", "httpx-async", "aiohttp")
SCATTERED = (200.0, 300.0, 450.0)


def names(clients):
    return [str(client) for client in clients]


# ------------------------------------------------------------------------------------------------- alike


def test_clients_are_alike_where_every_pair_is():
    (one,) = answers(alike, *map(made, FOUR))
    assert names(one.clients) == list(FOUR)
    assert (one.all_clients, one.metrics) == (True, ("ttft_p50_ms", "tokens_per_s"))


def test_the_third_metric_stands_in_for_one_that_is_not_alike():
    odd = made("aiohttp", tokens_per_s=(500.0, 502.0, 501.0))
    (one,) = answers(alike, made("requests"), odd)
    assert one.metrics == ("ttft_p50_ms", "total_p50_ms")


@pytest.mark.parametrize("ttft", [(400.0, 402.0, 401.0), SCATTERED])
def test_one_that_differs_or_cannot_be_told_is_not_among_the_alike(ttft):
    odd = made("httpx-async", ttft_p50_ms=ttft, total_p50_ms=ttft, tokens_per_s=ttft)
    (one,) = answers(alike, made("requests"), odd, made("httpx-sync"), made("aiohttp"))
    assert names(one.clients) == ["requests", "httpx-sync", "aiohttp"]
    assert not one.all_clients


def test_half_of_the_clients_are_not_enough():
    low = [made(client, factor=1.0) for client in FOUR[:2]]
    assert not answers(alike, *low, *(made(client, factor=1.5) for client in FOUR[2:]))


def test_what_was_not_measured_is_not_alike():
    lost = made("aiohttp", validity=Validity.INVALID)
    (one,) = answers(alike, made("requests"), made("httpx-sync"), lost)
    assert not one.all_clients
    assert not answers(alike, made("requests"), lost)
    assert not answers(alike, made("requests"))
    assert not answers(alike)


@pytest.mark.parametrize("rounds", [1, 2])
def test_one_round_tells_nothing(rounds):
    assert bool(answers(alike, *(made(client, rounds=rounds) for client in FOUR))) is (rounds > 1)


def test_a_yardstick_and_a_control_are_no_clients():
    (one,) = answers(
        alike, *map(made, FOUR[:2]), made("floor", factor=0.5), made("requests (A/A)", factor=2.0)
    )
    assert names(one.clients) == list(FOUR[:2])
    assert one.all_clients


def test_levels_are_those_at_which_all_of_it_holds():
    sweep = [made(client, n) for n in (1, 10, 100) for client in FOUR]
    (one,) = answers(alike, *sweep)
    assert one.all_levels
    sweep[0] = made("requests", 1, ttft_p50_ms=SCATTERED)
    (one,) = answers(alike, *sweep)
    assert [level.streams for level in one.levels] == [10, 100]


def test_a_difference_below_a_millisecond_is_none():
    tiny = made("aiohttp", 1, ttft_p50_ms=(0.5, 0.6, 0.4))
    (one,) = answers(alike, made("requests", 1, ttft_p50_ms=(0.9, 0.8, 0.7)), tiny)
    assert "ttft_p50_ms" in one.metrics


# ----------------------------------------------------------------------------------------------- differs


def test_costs_are_told_of_the_pair_that_differs_most():
    lean = made("aiohttp", rss_per_stream_kib=(14.0, 14.5, 14.2), threads_peak=1)
    fat = made("httpx-sync", rss_per_stream_kib=(107.0, 108.0, 107.5))
    (one,) = answers(differs, made("requests"), fat, lean)
    assert (one.cost, str(one.best), str(one.worst)) == (True, "aiohttp", "httpx-sync")
    of = {each.metric: each for each in one.contrasts}
    assert set(of) == {"rss_per_stream_kib", "threads_peak"}
    assert of["rss_per_stream_kib"].ratio.low < 107.5 / 14.23 < of["rss_per_stream_kib"].ratio.high
    assert of["threads_peak"].best.value == 1


def test_what_another_pair_differs_in_is_told_of_that_pair():
    lean = made("aiohttp", threads_peak=1)
    slow = made("httpx-async", threads_peak=1, cpu_us_per_token=(200.0, 202.0, 201.0))
    found = answers(differs, made("requests"), slow, lean)
    assert {frozenset(names([one.best, one.worst])): {c.metric for c in one.contrasts} for one in found} == {
        frozenset({"aiohttp", "requests"}): {"threads_peak"},
        frozenset({"aiohttp", "httpx-async"}): {"cpu_us_per_token"},
    }


def test_latencies_are_apart_from_costs_and_told_once():
    slow = made("aiohttp", factor=1.5, tokens_per_s=(600.0, 601.0, 602.0), threads_peak=101)
    user, cost = answers(differs, made("requests"), slow)
    assert {c.metric for c in user.contrasts} == {"ttft_p50_ms", "ttft_p99_ms", "tokens_per_s"}
    assert {c.metric for c in cost.contrasts} == {"rss_per_stream_kib", "cpu_us_per_token"} | (
        {"threads_peak"} & {c.metric for c in cost.contrasts}
    )
    rate = next(c for c in user.contrasts if c.metric == "tokens_per_s")
    assert rate.best.value > rate.worst.value
    assert rate.ratio.low <= rate.worst.value / rate.best.value <= rate.ratio.high < 1


def test_what_is_alike_or_scattered_or_measured_once_is_no_difference():
    assert not answers(differs, made("requests"), made("aiohttp", factor=1.05))
    scattered = made("aiohttp", cpu_us_per_token=(100.0, 150.0, 225.0))
    assert not answers(differs, made("requests"), scattered)
    assert not answers(differs, made("requests", rounds=1), made("aiohttp", rounds=1, factor=3.0))
    assert not answers(differs, made("requests"))


def test_a_difference_within_that_of_the_control_is_none():
    other = made("aiohttp", cpu_us_per_token=(130.0, 131.0, 132.0))
    assert answers(differs, made("requests"), other)
    control = made("requests (A/A)", cpu_us_per_token=(120.0, 135.0, 128.0))
    assert not answers(differs, made("requests"), other, control)


def test_clients_are_compared_at_the_highest_level_that_two_of_them_have():
    sweep = [made(client, n, factor=1.0 + (client == "requests")) for n in (10, 100) for client in FOUR[::3]]
    lost = made("requests", 1000, validity=Validity.INVALID)
    found = answers(differs, *sweep, made("aiohttp", 1000), lost)
    assert {one.level for one in found} == {Level(streams=100)}


def test_what_the_machine_did_to_a_client_is_none_of_its_differences_but_for_memory():
    slow = made("aiohttp", factor=3.0, limited_by=Limit.MACHINE)
    (one,) = answers(differs, made("requests"), slow)
    assert {c.metric for c in one.contrasts} == {"rss_per_stream_kib", "threads_peak"}
    (one,) = answers(undecided, made("requests"), slow)
    assert (one.kind, names(one.clients)) == ("held_up", ["aiohttp"])


# -------------------------------------------------------------------------------------------- holds back


@pytest.mark.parametrize(
    ("delays", "limit", "said"),
    [
        ((220.0, 223.0, 226.0), None, True),
        ((220.0, 223.0, 226.0), Limit.CLIENT, True),
        ((220.0, 223.0, 226.0), Limit.MACHINE, False),  # the machine's doing
        ((30.0, 31.0, 32.0), None, False),  # within a tenth of the TTFT
        ((20.0, 223.0, 426.0), None, False),  # undecided
        ((223.0,), None, False),
    ],
)
@pytest.mark.parametrize("metric", ["send_delay", "lag"])
def test_a_client_holds_back_what_its_delay_surely_exceeds_its_budget_by(metric, delays, limit, said):
    late = made("aiohttp", rounds=len(delays), limited_by=limit, **{f"{metric}_p99_ms": delays})
    found = answers(holds_back, late)
    assert [one.metric for one in found] == ([metric] if said else [])
    assert not any(one.shown for one in found)  # no recording has a cause
    assert all(one.delay.low > 70 for one in found)


@pytest.mark.parametrize(
    ("sent_ms", "tls_ms", "shown"),
    [(125, -1, [True]), (5, -1, [False]), (None, -1, [False]), (125, 10, [True]), (125, 110, [])],
)
def test_a_client_holds_back_requests_where_it_is_known_that_it_sent_them_late(sent_ms, tls_ms, shown):
    idle = [CpuSample(synthetic.ZERO + n * 10**7, n * 10**5, 0) for n in range(1000)]
    recordings = [
        replace(
            synthetic.recording(
                send_delay_ms=120, sent_ms=sent_ms, opening_ms=(-1, 0, tls_ms), repeat=n, index=n
            ),
            cpu_samples=store.table_of(CpuSampleTable, idle),
        )
        for n in range(3)
    ]
    late = made("aiohttp", send_delay_p99_ms=(220.0, 223.0, 226.0))
    assert [one.shown for one in answers(holds_back, late, recordings=recordings)] == shown


@pytest.mark.parametrize(
    ("busy", "kind", "shown"),
    [
        (True, "loop_pause", True),
        (True, "stopped", None),
        (True, "throttled", None),
        (False, "stopped", False),
    ],
)
def test_tokens_are_held_back_by_who_is_seen_to_do_it(busy, kind, shown):
    idle = [CpuSample(synthetic.ZERO + n * 10**7, n * 10**5, 0) for n in range(1000)]
    recordings = [
        replace(
            synthetic.recording(lag_us=120_000, repeat=n, index=n),
            cpu_samples=store.table_of(CpuSampleTable, idle),
            pauses=store.table_of_pauses([Pause(kind, synthetic.ZERO, synthetic.ZERO + busy * 10**10)]),
        )
        for n in range(3)
    ]
    late = made("aiohttp", lag_p99_ms=(220.0, 223.0, 226.0))
    found = answers(holds_back, late, recordings=recordings)
    assert [one.shown for one in found] == ([] if shown is None else [shown])


def test_a_client_is_told_at_the_highest_level_at_which_it_holds_back():
    sweep = [made("aiohttp", n, send_delay_p99_ms=100.0 * (n < 100)) for n in (1, 10, 100)]
    (one,) = answers(holds_back, *sweep)
    assert one.level.streams == 10


# ------------------------------------------------------------------------------------------------- grows


def sweep_of(client, slope_kib, threads, spread=0.0):
    for n in (1, 10, 100):
        rss = [40 + (slope_kib + spread * each) * n / 1024 for each in (-1, 0, 1)]
        yield made(client, n, rss_peak_mib=rss, threads_peak=1 + threads * n)


def test_cost_grows_by_the_slope_over_the_levels():
    (one,) = answers(grows, *sweep_of("requests", 57, 1, 1.0), *sweep_of("aiohttp", 14, 0, 1.0))
    assert (str(one.least.client), str(one.most.client)) == ("aiohttp", "requests")
    assert one.most.memory_kib.value == pytest.approx(57)
    assert one.most.memory_kib.low < 57 < one.most.memory_kib.high
    assert (one.least.threads.value, one.most.threads.value) == pytest.approx((0, 1))


def test_cost_does_not_grow_where_it_is_alike_or_scattered_or_of_one_level():
    assert not answers(grows, *sweep_of("requests", 57, 1, 1.0), *sweep_of("aiohttp", 55, 0, 1.0))
    assert not answers(grows, *sweep_of("requests", 57, 1, 20.0), *sweep_of("aiohttp", 14, 0, 20.0))
    assert not answers(grows, made("requests"), made("aiohttp", factor=0.5))


# --------------------------------------------------------------------------------------------- undecided


def test_what_is_neither_alike_nor_different_cannot_be_told():
    noisy = made("aiohttp", cpu_us_per_token=(94.0, 100.0, 106.0))
    (one,) = answers(undecided, made("requests"), noisy)
    assert (one.metrics, one.clients, one.rounds, one.disturbed) == (("cpu_us_per_token",), (), 3, False)
    assert one.low < -0.1
    assert one.high > 0.1
    assert one.more_rounds > 0


def test_it_names_those_that_are_not_among_the_alike():
    noisy = made("aiohttp", ttft_p50_ms=SCATTERED)
    (one,) = answers(undecided, made("requests"), made("httpx-sync"), noisy)
    assert names(one.clients) == ["aiohttp"]
    assert one.more_rounds is None


def test_it_says_nothing_where_all_is_known():
    assert not answers(undecided, *map(made, FOUR))
    assert not answers(undecided, made("requests"), made("aiohttp", factor=2.0, threads_peak=1))
    assert not answers(undecided, made("requests"))


def test_one_round_needs_two_more():
    (one,) = answers(undecided, made("requests", rounds=1), made("aiohttp", rounds=1))
    assert (one.rounds, one.low, one.high, one.more_rounds) == (1, None, None, 2)


def test_it_is_the_machine_that_could_be_quieter():
    cause = OtherPrograms(low=0.5, high=0.9, effect=0.4)
    confidence = {Group.CPU: Confidence(group=Group.CPU, grade=Grade.LOW, plus_minus=0.4, causes=(cause,))}
    noisy = replace(made("aiohttp", cpu_us_per_token=(60.0, 105.0, 150.0)), confidence=confidence)
    (one,) = answers(undecided, made("requests"), noisy)
    assert one.disturbed


def test_so_many_more_rounds_do_decide():
    values = (94.0, 100.0, 106.0)
    (one,) = answers(undecided, made("requests"), made("aiohttp", cpu_us_per_token=values))
    rounds = 3 + one.more_rounds
    pair = (made("requests", rounds=rounds), made("aiohttp", rounds=rounds, cpu_us_per_token=values))
    assert not answers(undecided, *pair)


@pytest.mark.parametrize(
    ("connecting", "told"),
    [(30.3, True), ((30.3, 29.0, 40.0), False), (29.0, False), (None, False), (250.0, True)],
)
def test_opening_connections_is_told_from_a_tenth_of_the_ttft_on_in_every_round(connecting, told):
    sweep = [made("aiohttp", n, connecting_p50_ms=connecting if n < 100 else 0.0) for n in (1, 10, 100)]
    found = answers(connects, *sweep, made("requests", 10))
    assert [(one.client.label, one.level.streams) for one in found] == [("aiohttp", 10)] * told
    assert ("of 301 ms" in " ".join(paragraphs(found))) == told


def test_of_bytes_opening_connections_is_told_of_the_first_byte():
    late = {"ttft_p50_ms": None, "connecting_p50_ms": 20.0}
    (one,) = answers(connects, made("aiohttp", ttfb_p50_ms=120.0, **late))
    assert (one.metric, one.first.value) == ("ttfb", 120.0)
    assert not answers(connects, made("aiohttp", **late))
