"""Whether a cache of prompts answered: the rule, on recordings with known truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loadgen.analysis import prompt_cache
from loadgen.model import Outcome, PromptCacheFinding, Recording, Run, WarmUp
from tests import synthetic

MS = 1_000_000


def recording(
    prompts: int = 4, first_ms: float = 200, later_ms: float = 20, streams: int = 20, concurrency: int = 1
) -> Recording:
    """Streams that send ``prompts`` in turn; the first of each has another prompt time than the later ones."""
    made = synthetic.recording(concurrency=concurrency, streams=streams, tokens=5, ttft_ms=300, gap_ms=1)
    number = np.arange(streams) % prompts
    again = np.arange(streams) >= prompts
    table = replace(
        made.streams, prompt=number, prompt_ns=np.where(again, later_ms * MS, first_ms * MS).astype(np.int64)
    )
    return replace(made, streams=table)


def without_times(made: Recording) -> Recording:
    return replace(made, streams=replace(made.streams, prompt_ns=np.full(len(made.streams), -1)))


def reporting(made: Recording, cached: int) -> Recording:
    return replace(
        made, streams=replace(made.streams, server_cached_tokens=np.full(len(made.streams), cached))
    )


def found(
    *recordings: Recording, warm_up: WarmUp | None = None, unique: bool = False
) -> list[PromptCacheFinding]:
    run: Run = synthetic.run(Path("x"), recordings, warm_up=warm_up)
    scenario = run.info.scenario
    scenario = replace(scenario, workload=replace(scenario.workload, unique=unique))
    run = replace(run, info=replace(run.info, scenario=scenario))
    return prompt_cache.findings(run, [])


def test_a_prompt_time_that_collapses() -> None:
    (finding,) = found(recording())
    assert (finding.verdict, finding.prompts, finding.unique) == ("prompt", 4, False)
    assert (finding.first_ms, finding.later_ms) == (200, 20)


@pytest.mark.parametrize(
    ("first", "later"), [(200, 100), (200, 200), (15, 1)], ids=["by half", "not at all", "from little"]
)
def test_what_is_no_collapse(first: float, later: float) -> None:
    assert found(recording(first_ms=first, later_ms=later)) == []


def test_a_burst_of_first_prompts_is_none() -> None:
    assert found(recording(prompts=10, first_ms=290, streams=100, concurrency=10)) == []


def test_runs_that_lack_the_number_of_the_prompt() -> None:
    assert found(synthetic.recording()) == []


@pytest.mark.parametrize(("cached", "verdicts"), [(8, ["reported"]), (1, []), (0, [])])
def test_what_the_server_reports_counts_before_all_else(cached: int, verdicts: list[str]) -> None:
    assert [each.verdict for each in found(reporting(recording(), cached))] == verdicts  # of 10 tokens


def test_a_template_before_unique_prompts_is_no_cache_of_them() -> None:
    long = recording()
    long = replace(long, streams=replace(long.streams, prompt_tokens=np.full(20, 100)))
    assert [found(reporting(long, cached), unique=True) == [] for cached in (30, 80)] == [True, False]
    assert found(reporting(long, 30))


def test_the_first_time_may_lie_in_the_warm_up() -> None:
    one = recording(prompts=1, first_ms=20, later_ms=20)
    cold = WarmUp(requests=1, outcome=Outcome.OK, prompt_s=0.15, resident=True)
    (finding,) = found(one, warm_up=cold)
    assert (finding.first_ms, finding.later_ms, finding.prompts) == (150, 20, 1)
    assert found(one) == []


def test_a_request_that_loaded_the_model_is_slow_for_that_too() -> None:
    one = recording(prompts=1, first_ms=20, later_ms=20)
    loading = WarmUp(requests=1, outcome=Outcome.OK, prompt_s=0.15, load_s=1.0, resident=False)
    assert found(one, warm_up=loading) == []
    assert found(one, warm_up=replace(loading, prompt_s=0.3))


def test_by_the_ttft_where_the_server_reports_no_times() -> None:
    slow = synthetic.recording(concurrency=1, streams=4, tokens=5, ttft_ms=300, gap_ms=1, index=1)
    fast = synthetic.recording(concurrency=1, streams=8, tokens=5, ttft_ms=30, gap_ms=1, index=2)
    cells = [
        without_times(replace(each, streams=replace(each.streams, prompt=np.arange(len(each.streams)) % 4)))
        for each in (slow, fast)
    ]
    (finding,) = found(*cells)
    assert (finding.verdict, finding.prompts) == ("ttft", 4)
    assert found(cells[1], cells[0]) == []
