from __future__ import annotations

import statistics
from collections import Counter

import pytest
from scipy import stats

from loadgen.model import Simulator
from loadgen.model.scenario import FAULTS
from loadgen.simulator.plan import MERGE, SPLIT, Planner


@pytest.mark.parametrize("distribution", ["uniform", "lognormal", "gamma"])
@pytest.mark.parametrize("cv", [0.1, 0.5])
def test_gaps_and_first_tokens_have_the_configured_mean_and_variation(distribution: str, cv: float) -> None:
    planner = Planner(Simulator(ttft=0.3, gap=0.05, jitter=cv, distribution=distribution))
    first = [planner.plan(n).ttft_ns for n in range(4000)]
    for values, mean, tolerance in ((planner.gaps, 0.05, 0.02), (first, 0.3, 0.06)):
        assert min(values) >= 0
        assert statistics.fmean(values) / 1e9 == pytest.approx(mean, rel=tolerance)
        assert statistics.stdev(values) / statistics.fmean(values) == pytest.approx(cv, rel=tolerance)


def test_shapes_differ() -> None:
    def skew(distribution: str) -> float:
        gaps = Planner(Simulator(jitter=0.5, distribution=distribution)).gaps
        mean, deviation = statistics.fmean(gaps), statistics.stdev(gaps)
        return statistics.fmean(((gap - mean) / deviation) ** 3 for gap in gaps)

    # By theory: 0, 2 cv, and 3 cv + cv^3.
    assert skew("uniform") == pytest.approx(0, abs=0.1)
    assert skew("gamma") == pytest.approx(1.0, abs=0.15)
    assert skew("lognormal") == pytest.approx(1.625, abs=0.3)


def test_exponential_times_have_the_exponential_distribution_whatever_the_jitter() -> None:
    planner = Planner(Simulator(ttft=0.1, distribution="exponential", seed=1))
    drawn = [planner.plan(n).ttft_ns / 1e8 for n in range(4000)]
    assert stats.kstest(drawn, "expon").pvalue > 0.01
    assert stats.kstest([gap / 5e7 for gap in planner.gaps[:4000]], "expon").pvalue > 0.01


@pytest.mark.parametrize("spec", [Simulator(distribution="constant", jitter=0.5), Simulator(jitter=0)])
def test_constant(spec: Simulator) -> None:
    planner = Planner(spec)
    assert set(planner.gaps) == {50_000_000}
    assert {planner.plan(n).ttft_ns for n in range(10)} == {300_000_000}


def test_a_plan_depends_on_the_seed_and_the_number_alone() -> None:
    spec = Simulator(jitter=0.5, faults={"reset": 0.5}, seed=3)
    one, other = Planner(spec), Planner(spec)
    forwards = [one.plan(n) for n in range(50)]
    backwards = [other.plan(n) for n in reversed(range(50))]
    assert forwards == backwards[::-1]
    assert one.gaps == other.gaps
    assert len({plan.ttft_ns for plan in forwards}) == 50
    unlike = Planner(Simulator(jitter=0.5, faults={"reset": 0.5}, seed=4))
    assert forwards != [unlike.plan(n) for n in range(50)]


def test_a_text_seed_decides_the_text_and_nothing_else() -> None:
    planner = Planner(Simulator(jitter=0.5))
    plain, seeded = planner.plan(7), planner.plan(7, text_seed=42)
    assert seeded.text == planner.plan(8, text_seed=42).text
    assert (seeded.ttft_ns, seeded.at, seeded.fault) == (plain.ttft_ns, plain.at, plain.fault)


def test_faults_and_frames_come_by_their_fractions() -> None:
    planner = Planner(Simulator(faults={"reset": 0.2, "stall": 0.1}, split=0.3, merge=0.2))
    faults = Counter(planner.plan(n).fault for n in range(4000))
    assert faults["reset"] == pytest.approx(800, rel=0.15)
    assert faults["stall"] == pytest.approx(400, rel=0.2)
    assert set(faults) == {"reset", "stall", None}
    frames = Counter(planner.frames)
    assert frames[SPLIT] / len(planner.frames) == pytest.approx(0.3, rel=0.05)
    assert frames[MERGE] / len(planner.frames) == pytest.approx(0.2, rel=0.05)


def test_a_fault_leaves_some_tokens_before_it_and_some_behind() -> None:
    planner = Planner(Simulator(faults={"reset": 1}))
    for n in range(300):
        plan = planner.plan(n)
        assert [plan.tokens_before_fault(tokens) for tokens in (0, 1, 2)] == [0, 1, 1]
        assert 1 <= plan.tokens_before_fault(60) < 60


def test_every_fault_has_a_fraction_of_its_own() -> None:
    planner = Planner(Simulator(faults=dict.fromkeys(FAULTS, 1 / len(FAULTS))))
    assert {planner.plan(n).fault for n in range(500)} == set(FAULTS)
