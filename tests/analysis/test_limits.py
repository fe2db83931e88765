"""Whose limit a client reached: each rule true, false and undecidable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadgen.analysis import limits, summarise
from loadgen.model import CpuSampleTable, Limit, LimitFinding, Pause, Recording, Summary, Validity
from loadgen.model.limit import BusyCore, HaltedEngine, LateStarts, LongDelay, Queueing, Starved
from loadgen.store import table_of_pauses
from tests.synthetic import MS, ZERO, recording, run


def measured(*made: Recording) -> list[Summary]:
    return summarise(run(".", made))


def limited(**how: Any) -> Limit | None:
    (summary,) = measured(recording(**how))
    return summary.limited_by


def evidence(**how: Any) -> LimitFinding:
    held = run(".", [recording(**how)])
    (found,) = limits.findings(held, summarise(held))
    return found


def with_cpu(made: Recording, *percents: float) -> Recording:
    """Return the recording with so much of a core used in each tenth of a second, sampled as engines are."""
    at = ZERO + np.arange(10 * len(percents) + 1) * 10 * MS
    used = np.repeat(percents, 10) / 100 * 10 * MS
    cpu = np.concatenate([[0], np.cumsum(used)]).astype(np.int64)
    return replace(made, cpu_samples=CpuSampleTable(at=at, cpu_ns=cpu, run_wait_ns=np.full_like(at, -1)))


def test_nobody_is_at_a_limit() -> None:
    assert limited() is None
    assert limits.findings(run(".", []), measured(recording())) == []


# the streams last 6.5 s: 65 tenths
@pytest.mark.parametrize(
    ("percents", "busiest"),
    [
        ([30] * 20 + [100] * 10 + [30] * 40, 100),  # one full second
        ([30] * 20 + [100] * 5 + [30] * 45, 65),  # half a second
        ([50] * 70, 50),
    ],
)
def test_one_full_second_is_the_clients_limit_whatever_the_mean(percents: list[int], busiest: int) -> None:
    (summary,) = measured(with_cpu(recording(), *percents))
    assert summary.value("cpu_busiest_second_percent") == pytest.approx(busiest, abs=0.5)
    assert summary.value("cpu_percent") < 60
    assert summary.limited_by is (Limit.CLIENT if busiest >= 90 else None)


def test_a_chart_at_100_percent_is_never_beside_not_at_its_limit() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        percents = rng.uniform(0, 101, 70).clip(0, 100)
        begin = rng.integers(0, 50)
        percents[begin : begin + 10] = 100  # the chart has a second at 100 %
        (summary,) = measured(with_cpu(recording(streams=100, tokens=120), *percents))
        assert summary.limited_by is Limit.CLIENT


def test_only_the_time_with_open_streams_counts() -> None:
    made = recording(streams=20, concurrency=20, tokens=30)  # 1.75 s
    (summary,) = measured(with_cpu(made, *[20] * 18, *[100] * 20))
    assert summary.value("cpu_busiest_second_percent") < 30
    short = recording(streams=20, concurrency=20, tokens=2)
    assert measured(with_cpu(short, *[100] * 30))[0].value("cpu_busiest_second_percent") is None


def test_without_cpu_samples_the_others_are_read() -> None:
    (summary,) = measured(recording(cpu_us_per_token=500))
    assert summary.value("cpu_busiest_second_percent") == pytest.approx(100, abs=5)  # while tokens come
    (summary,) = measured(recording(cpu_us_per_token=None))
    assert summary.value("cpu_busiest_second_percent") is None


def test_a_busy_core_comes_with_its_figures() -> None:
    found = evidence(cpu_us_per_token=600)
    assert found.verdict is Limit.CLIENT
    (busy,) = (each for each in found.evidence if isinstance(each, BusyCore))
    assert busy.busiest_second_percent >= 90
    assert busy.cpu_percent == pytest.approx(110, abs=10)


def test_a_handshake_is_no_delay_of_the_client() -> None:
    slow = {"send_delay_ms": 120, "sent_ms": 120, "cpu_us_per_token": 380}
    assert limited(**slow) is Limit.CLIENT
    assert limited(**slow, opening_ms=(-1, 10, 100)) is None


@pytest.mark.parametrize("how", [{"lag_us": 60_000}, {"send_delay_ms": 120, "sent_ms": 120}])
@pytest.mark.parametrize(("cost", "limit"), [(380, Limit.CLIENT), (100, None), (None, None)])
def test_a_client_that_is_late_while_its_core_is_mostly_used(
    how: dict[str, float], cost: float | None, limit: Limit | None
) -> None:
    assert limited(**how, cpu_us_per_token=cost) is limit


def test_a_delay_is_compared_with_the_ttft_of_its_percentile() -> None:
    for fine in ({"lag_us": 20_000}, {"lag_us": 4_000, "ttft_ms": 1}, {"send_delay_ms": 20, "sent_ms": 20}):
        assert limited(**fine, cpu_us_per_token=380) is None
    (delay,) = evidence(lag_us=60_000, cpu_us_per_token=380).evidence
    assert isinstance(delay, LongDelay)
    assert (delay.metric, delay.percentile, delay.delay_ms) == ("lag", 99, 60.0)
    assert delay.cpu_percent == pytest.approx(69, abs=5)


@pytest.mark.parametrize("sent_ms", [None, 5])
def test_a_request_that_was_sent_in_time_or_nobody_knows_when_is_not_the_clients(
    sent_ms: float | None,
) -> None:
    assert limited(send_delay_ms=120, sent_ms=sent_ms, cpu_us_per_token=380) is None


@pytest.mark.parametrize(("late_ms", "limit"), [(3000, Limit.CLIENT), (80, None)])
def test_a_client_that_starts_streams_seconds_late(late_ms: float, limit: Limit | None) -> None:
    assert limited(late_start_ms=late_ms) is limit
    if limit:
        (late,) = evidence(late_start_ms=late_ms).evidence
        assert late == LateStarts(percentile=99, late_ms=late_ms, cpu_percent=late.cpu_percent)


def test_a_late_simulator_is_the_limit_before_anything_else() -> None:
    assert limited(server_late_p99_ms=31, cpu_us_per_token=600) is Limit.SIMULATOR
    assert limited(server_late_p99_ms=29) is None  # 10 % of TTFT p99
    assert limited(server_late_p99_ms=51, ttft_ms=1000) is Limit.SIMULATOR
    assert limited(server_late_p99_ms=None) is None


@pytest.mark.parametrize(
    ("wait", "cost", "limit"),
    [
        (0.9, 60, Limit.MACHINE),
        (0.7, 60, None),  # it had time to spare
        (0.4, 370, None),  # it used most of its core itself
        (None, 60, None),
    ],
)
def test_a_machine_that_starves_the_client(wait: float | None, cost: float, limit: Limit | None) -> None:
    how = {"others_share": 0.7, "run_wait_share": wait, "cpu_us_per_token": cost, "voluntary_per_token": 10.0}
    assert limited(**how) is limit
    if limit:
        (found,) = evidence(**how).evidence
        assert isinstance(found, Starved)
        assert found.wanted_percent == pytest.approx(100, abs=3)
        assert found.cpu_percent == pytest.approx(11, abs=3)
        # threads wait for each other, which starves nobody
        assert limited(**how, mode="threads") is None


@pytest.mark.parametrize(("wait", "limit"), [(2.0, Limit.MACHINE), (0.01, None), (None, None)])
def test_a_machine_that_makes_the_client_wait(wait: float | None, limit: Limit | None) -> None:
    assert limited(others_share=0.5, run_wait_share=wait) is limit


def test_what_others_used_is_no_limit_by_itself() -> None:
    assert limited(others_share=0.9, run_wait_share=0.0) is None


def sweep(tokens: tuple[int, ...] = (60, 60), **how: Any) -> list[Summary]:
    """Return a client at 10 and 100 streams, two rounds each; ``ttft_ms`` are those of the levels."""
    ttft = how.pop("ttft_ms", (300.0, 300.0))
    gap = how.pop("gap_ms", (50.0, 50.0))
    return measured(
        *(
            recording(
                concurrency=level, streams=2 * level, ttft_ms=ttft[n], gap_ms=gap[n], repeat=repeat,
                index=2 * repeat + n, **how,
            )
            for n, level in enumerate((10, 100))
            for repeat in range(2)
        )
    )  # fmt: skip


def test_a_server_at_which_more_streams_only_wait() -> None:
    below, above = sweep(ttft_ms=(300, 25_000), cpu_us_per_token=1)
    assert (below.limited_by, above.limited_by) == (None, Limit.SERVER)
    (found,) = limits.findings(run(".", []), [below, above])
    (shown,) = found.evidence
    assert isinstance(shown, Queueing)
    assert (shown.below, shown.ttft_ms, shown.below_ttft_ms) == (below.level, 25_000, 300)
    assert shown.tokens_per_s < 2 * shown.below_tokens_per_s


@pytest.mark.parametrize(
    "how",
    [
        {},  # ten times the tokens
        {"ttft_ms": (300, 400), "gap_ms": (50, 400)},  # slower, but nobody waits for the first token
        {"ttft_ms": (300, 2000)},  # waits, but most of the tokens came
    ],
)
def test_a_server_that_carries_more_streams(how: dict[str, Any]) -> None:
    assert [each.limited_by for each in sweep(**how, cpu_us_per_token=1)] == [None, None]


def test_a_client_that_is_late_itself_does_not_blame_the_server() -> None:
    _, above = sweep(ttft_ms=(300, 25_000), cpu_us_per_token=30_000)
    assert above.limited_by is Limit.CLIENT
    # all of the TTFT is send delay
    _, above = sweep(ttft_ms=(300, 25_000), send_delay_ms=24_900, cpu_us_per_token=1)
    assert above.limited_by is not Limit.SERVER


def test_one_level_cannot_tell() -> None:
    assert limited(ttft_ms=25_000, cpu_us_per_token=1) is None


def test_controls_have_a_limit_and_no_finding() -> None:
    held = run(".", [recording(client="aiohttp (A/A)", cpu_us_per_token=600)])
    (summary,) = summarise(held)
    assert summary.limited_by is Limit.CLIENT
    assert limits.findings(held, [summary]) == []


@pytest.mark.parametrize("streams", [9, 40, 99, 200])
def test_a_long_lag_is_judged_however_few_the_streams(streams: int) -> None:
    how = {"streams": streams, "concurrency": 9, "lag_us": 60_000, "cpu_us_per_token": 5300, "tokens": 20}
    assert limited(**how) is Limit.CLIENT


@pytest.mark.parametrize(
    ("kind", "ms", "limit"),
    [("stopped", 500, Limit.MACHINE), ("throttled", 500, Limit.MACHINE), ("stopped", 50, None)],
)
def test_an_engine_that_was_not_let_run_is_the_machines_doing(
    kind: str, ms: int, limit: Limit | None
) -> None:
    busy = with_cpu(recording(), *[10] * 20, *[100 if limit else 10] * 15, *[10] * 35)  # it catches up
    made = replace(busy, pauses=table_of_pauses([Pause(kind, ZERO, ZERO + ms * MS)]))  # type: ignore[arg-type]
    (summary,) = measured(made)
    assert summary.limited_by is limit
    assert summary.validity is (Validity.SUSPECT if limit else Validity.VALID)
    if limit:
        (found,) = limits.findings(run(".", [made]), [summary])
        assert found.evidence[0] == HaltedEngine(how=kind, percent=pytest.approx(ms / 65, rel=0.05))  # type: ignore[arg-type]
