"""The ± of each group of figures: by the rounds, by the A/A control, and by what shifts them all alike."""

from __future__ import annotations

from typing import Any

import pytest

from loadgen.analysis import machine, summarise
from loadgen.analysis.confidence import DECIDING, plus_minus
from loadgen.analysis.metrics import column
from loadgen.model import Confidence, Grade, Group, Summary
from loadgen.model.confidence import (
    ControlDiffers,
    FewRounds,
    FewValues,
    Hypervisor,
    LateSimulator,
    OtherPrograms,
    RoundsDiffer,
)
from tests.synthetic import recording, run

MEDIAN, TAIL, CPU, MEMORY = Group


def measured(*rounds: dict[str, Any], control: list[dict[str, Any]] | None = None, **how: Any) -> Summary:
    """Return the summary of one client; each of ``rounds`` changes one."""
    how = {"streams": 400, **how}
    made = [recording(repeat=n, index=n, **{**how, **each}) for n, each in enumerate(rounds)]
    for n, each in enumerate(control or ()):
        made.append(recording(client="aiohttp (A/A)", repeat=n, index=100 + n, **{**how, **each}))
    return summarise(run(".", made))[0]


def of(group: Group, *rounds: dict[str, Any], **how: Any) -> Confidence:
    return measured(*(rounds or ({}, {}, {})), **how).confidence[group]


def kinds(found: Confidence) -> list[type]:
    return [type(cause) for cause in found.causes]


def test_the_deciding_figures_are_of_their_group() -> None:
    assert {group: {column(name).group for name in of} for group, of in DECIDING.items()} == {
        group: {group} for group in Group
    }


def test_every_column_that_is_compared_between_clients_has_a_group() -> None:
    assert column("tokens_per_s").group is column("lag_p50_ms").group is MEDIAN
    assert column("ttft_p95_ms").group is column("itl_p99_high_ms").group is TAIL
    assert column("switches_per_token").group is column("cpu_s").group is CPU
    assert column("threads_added").group is column("rss_peak_mib").group is MEMORY
    assert column("ttft_n").group is column("errors").group is column("cpu_share").group is None


def test_equal_rounds_are_believed() -> None:
    found = measured({}, {}, {}).confidence
    assert {of.grade for of in found.values()} == {Grade.HIGH}
    assert [of.causes for of in found.values()] == [()] * 4


@pytest.mark.parametrize(
    ("ttft", "grade"),
    [((300, 303, 297), Grade.HIGH), ((300, 315, 285), Grade.MEDIUM), ((300, 390, 210), Grade.LOW)],
)
def test_rounds_that_differ_widen_the_median(ttft: tuple[int, ...], grade: Grade) -> None:
    found = of(MEDIAN, *({"ttft_ms": each} for each in ttft))
    spread = (ttft[1] - ttft[0]) / ttft[0] * 4.303 / 3**0.5  # Student's t with two degrees of freedom
    assert found.grade is grade
    assert found.plus_minus == pytest.approx(spread, rel=0.01, abs=0.002)
    assert kinds(found) == [RoundsDiffer] * (grade is not Grade.HIGH)


def test_the_control_widens_what_the_rounds_do_not() -> None:
    cost = 100.0
    control = [{"cpu_us_per_token": cost * factor} for factor in (1.2, 1.2, 1.2)]
    found = of(CPU, *[{"cpu_us_per_token": cost}] * 3, control=control)
    assert kinds(found) == [ControlDiffers]
    assert found.grade is Grade.LOW
    assert found.plus_minus == pytest.approx(1.2 ** (3.182 / 3**0.5) - 1, rel=0.01)


def test_below_the_floor_a_wide_interval_is_harmless() -> None:
    tiny = [{"ttft_ms": ttft, "gap_ms": 0.0, "tokens": 2} for ttft in (0.3, 0.5, 0.7)]
    assert of(MEDIAN, *tiny).grade is Grade.HIGH
    assert of(MEMORY, *({"rss_per_stream_kib": kib} for kib in (0.1, 0.3, 0.5))).grade is Grade.HIGH
    few_pages = [{"rss_per_stream_kib": kib} for kib in (80, 96, 112)]
    assert of(MEMORY, *few_pages, concurrency=1, streams=20).grade is Grade.HIGH
    assert of(MEMORY, *few_pages).grade is not Grade.HIGH


@pytest.mark.parametrize("rounds", [1, 2])
def test_without_an_interval_the_tail_is_low_and_nothing_is_high(rounds: int) -> None:
    found = measured(*[{}] * rounds).confidence
    assert {group: each.grade for group, each in found.items()} == {
        group: Grade.LOW if group is TAIL else Grade.MEDIUM for group in Group
    }
    assert all(each.plus_minus is None for each in found.values())
    assert found[CPU].causes == (FewRounds(rounds=rounds, needed=3),)


def test_a_tail_of_few_values_is_low() -> None:
    found = of(TAIL, streams=100)
    assert (found.grade, found.causes[0]) == (Grade.LOW, FewValues(metric="ttft_p99_ms", n=300, needed=1000))
    none = of(TAIL, streams=10, concurrency=10)
    assert none.causes[0] == FewValues(metric="ttft_p99_ms", n=30, needed=1000)
    assert none.grade is Grade.LOW


def test_what_was_not_measured_has_no_confidence() -> None:
    assert CPU not in measured({}, {}, {}, cpu_us_per_token=None).confidence


def test_what_others_used_alone_changes_nothing() -> None:
    assert of(MEDIAN, others_share=0.9).grade is of(TAIL, others_share=0.9).grade is Grade.HIGH


def test_waiting_for_others_counts_by_its_effect_and_the_tail_more() -> None:
    how = {
        "others_share": 0.4,
        "run_wait_share": 0.5,
        "voluntary_per_token": 0.1,
        "involuntary_per_token": 0.0,
    }
    row = measured({}, {"others_share": 0.7}, {}, **how)
    wait = row.value("others_wait_ms")
    assert wait is not None
    figure = row.value("ttft_p50_ms")
    late, found = 0.5 / 3, row.confidence[MEDIAN]
    assert found.plus_minus == pytest.approx((wait + late) / figure, rel=0.05)
    tail = row.confidence[TAIL]
    itl = row.value("itl_p99_ms")
    assert itl is not None
    assert tail.plus_minus == pytest.approx((4.605 * wait + 0.5) / itl, rel=0.05)
    assert kinds(tail)[:1] == [OtherPrograms] * (tail.grade is not Grade.HIGH)


def test_others_are_named_with_their_range_where_the_rounds_differ() -> None:
    rounds = [
        {"ttft_ms": 300, "others_share": 0.66},
        {"ttft_ms": 330, "others_share": 0.87},
        {"ttft_ms": 270},
    ]
    (cause,) = of(MEDIAN, *rounds, others_share=0.7).causes
    assert isinstance(cause, OtherPrograms)
    assert (cause.low, cause.high) == pytest.approx((0.66, 0.87))
    # memory does not depend on who else ran
    kib = [{"rss_per_stream_kib": kib, "others_share": 0.8} for kib in (20, 30, 40)]
    assert kinds(of(MEMORY, *kib)) == [RoundsDiffer]


def test_threads_wait_for_each_other_without_anybody_s_fault() -> None:
    how = {"mode": "threads", "run_wait_share": 40.0, "voluntary_per_token": 1.0}
    assert measured({}, {}, {}, **how).value("others_wait_ms") == 0
    half = measured({}, {}, {}, **how, others_share=0.5).value("others_wait_ms")
    whole = measured({}, {}, {}, **{**how, "mode": "tasks"}).value("others_wait_ms")
    assert half is not None
    assert whole is not None
    assert 0 < half < whole


def test_a_late_simulator_shifts_the_median_by_its_p50_and_the_tail_by_its_p99() -> None:
    found = measured({}, {"server_late_p99_ms": 30}, {}, server_late_p99_ms=45.0).confidence
    assert found[MEDIAN].grade is Grade.HIGH  # p50 13 ms of 300
    (cause,) = found[TAIL].causes
    assert isinstance(cause, LateSimulator)
    assert (found[TAIL].grade, cause.percentile, cause.low_ms, cause.high_ms) == (Grade.LOW, 99, 30.0, 45.0)


def test_steal_is_a_share_of_the_cpu_time() -> None:
    found = of(CPU, steal_share=0.05, cpu_us_per_token=100)
    (cause,) = found.causes
    assert isinstance(cause, Hypervisor)
    assert (found.grade, cause.low) == (Grade.MEDIUM, pytest.approx(0.05))
    assert of(CPU, steal_share=0.0005, cpu_us_per_token=100).grade is Grade.HIGH


def test_a_starved_client_has_low_latencies_however_alike_the_rounds_are() -> None:
    found = measured({}, {}, {}, others_share=0.7, run_wait_share=0.95, voluntary_per_token=10.0).confidence
    for group in (MEDIAN, TAIL):
        assert found[group].grade is Grade.LOW
        first = found[group].causes[0]
        assert isinstance(first, OtherPrograms)
        assert (first.low, first.effect) == (pytest.approx(0.7), None)
    assert found[CPU].grade is found[MEMORY].grade is Grade.HIGH


def test_the_largest_effect_comes_first() -> None:
    found = of(TAIL, *[{"gap_ms": gap} for gap in (40, 60, 80)], server_late_p99_ms=10.0)
    assert kinds(found) == [RoundsDiffer, LateSimulator]
    effects = [cause.effect for cause in found.causes]
    assert effects == sorted(effects, key=lambda effect: -(effect or 0.0))


def test_every_figure_has_a_width_of_its_own() -> None:
    row = measured({}, {"ttft_ms": 330}, {"ttft_ms": 270})
    assert plus_minus(row, "ttft_p50_ms") == pytest.approx(0.248, rel=0.01)
    assert plus_minus(row, "threads_peak") == 0
    assert plus_minus(measured({}, {}), "ttft_p50_ms") is None


def test_causes_without_an_effect_come_first() -> None:
    few, differ = FewRounds(rounds=1, needed=3), RoundsDiffer(metric="x", effect=9.0)
    assert machine.by_effect([differ, few]) == (few, differ)
