"""What a cell says of a server within its objectives, and whose limit it is where they do not hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.analysis.server_side import server_side
from loadgen.capacity.objectives import ServerObjectives, objectives, read, used
from loadgen.capacity.readings import Obstacle, Reading, ServerCore
from loadgen.capacity.search import Rules, Search, search
from loadgen.capacity.server import limited_by
from loadgen.model import (
    PAUSES,
    ClientId,
    Level,
    Limit,
    Load,
    PauseTable,
    Scenario,
    Simulator,
    Slo,
    Target,
    Threshold,
    Workload,
)  # fmt: skip
from loadgen.scenario import ScenarioError
from loadgen.scenario import objectives as parsed
from tests import synthetic

SCENARIO = Scenario(
    name="server",
    target=Target(simulator=Simulator()),
    clients=(ClientId("aiohttp"), ClientId("requests")),
    levels=(Level(streams=1),),
    workload=Workload(prompts=("Why?",), load=Load(requests=1)),
)
FULL = ServerCore(0.99, 0.02)


def within(text: str) -> ServerObjectives:
    return objectives(parsed("--slo", text, SCENARIO), 0.01, Slo())


SLO = within("ttft_p95_ms < 1000, itl_p99_ms < 100")


def cell(**changes: Any) -> Repeat:
    plain: dict[str, Any] = {"concurrency": 10, "streams": 60, "duration_ms": 15_000, "tokens": 20}
    (repeat,) = repeats_of([synthetic.recording(**plain | changes)])
    return repeat


def of(
    slo: ServerObjectives = SLO, *, cut: bool = False, core: ServerCore | None = None, **changes: Any
) -> Reading:
    return read(cell(**changes), slo, core=core, cut=cut)


def test_objectives_hold_with_the_figures_of_the_cell() -> None:
    found = of(ttft_ms=500)
    assert (found.verdict, found.bound, found.limited_by) == ("within", "ttft_p95_ms", None)
    assert found.use == pytest.approx(0.5, rel=0.01)
    assert found.figures["itl_p99_ms"] == pytest.approx(50, rel=0.01)
    assert found.figures["errors"] == 0
    assert (found.figures["tokens_per_s"] or 0) > 0


def test_a_number_of_values_may_be_an_objective() -> None:
    assert of(within("ttft_n >= 60")).verdict == "within"
    assert of(within("ttft_n > 60")).verdict == "over"


def test_a_server_that_lets_wait_is_the_limit() -> None:
    found = of(ttft_ms=1200)
    assert (found.verdict, found.bound, found.limited_by) == ("over", "ttft_p95_ms", Limit.SERVER)
    assert found.server_figures["ttft_p95_ms"] == pytest.approx(1200, rel=0.01)


def test_a_client_that_adds_what_is_too_much_is_the_limit() -> None:
    found = of(ttft_ms=900, lag_us=150_000)
    assert (found.verdict, found.limited_by) == ("over", Limit.CLIENT)
    assert found.figures["ttft_p95_ms"] == pytest.approx(1050, rel=0.01)
    assert found.server_figures["ttft_p95_ms"] == pytest.approx(900, rel=0.01)


def test_a_client_that_adds_something_is_not_the_limit_of_a_server_that_is_over_without_it() -> None:
    assert of(ttft_ms=1010, lag_us=150_000).limited_by is Limit.SERVER


def test_a_search_finds_the_level_that_queue_theory_gives() -> None:
    slots, stream_s, ttft_ms = 4, 0.48, 100.0
    slo = within("ttft_p95_ms < 1000")

    def measure(client: ClientId, streams: float, repeat: int) -> Reading:
        waits_ms = 1000 * stream_s * max(0.0, streams / slots - 1)
        return of(slo, concurrency=int(streams), streams=40, ttft_ms=ttft_ms + waits_ms)

    one = Search(ClientId("aiohttp"), Rules(start=1, highest=1000))
    search([one], 0, measure)
    found = one.result()
    # 100 ms + (n / 4 - 1) * 480 ms is below a second up to 11.5
    assert (found.at_least, found.below) == (11, 12)
    assert limited_by(found, one.readings) is Limit.SERVER


def test_a_send_delay_is_the_clients_as_well() -> None:
    found = of(ttft_ms=1050, send_delay_ms=100)
    assert (found.verdict, found.limited_by) == ("over", Limit.CLIENT)


@pytest.mark.parametrize(
    ("disturbance", "verdict"),
    [
        ({"others_share": 0.3}, "machine"),
        ({"server_late_p99_ms": 80.0}, "simulator"),
        ({"listen_drops": 2}, "machine"),
    ],
)
def test_a_late_client_that_others_disturbed_does_not_count(
    disturbance: dict[str, Any], verdict: str
) -> None:
    found = of(ttft_ms=900, lag_us=150_000, **disturbance)
    assert (found.verdict, found.counts) == (verdict, False)


def test_a_simulator_is_the_limit_where_its_lateness_is_what_is_too_much() -> None:
    assert of(ttft_ms=1005, server_late_p99_ms=20.0).verdict == "simulator"
    assert of(ttft_ms=1500, server_late_p99_ms=20.0).limited_by is Limit.SERVER
    assert of(ttft_ms=1500, core=FULL).limited_by is Limit.SERVER  # a full core that is in time


def test_failures_are_the_servers_unless_the_client_was_full() -> None:
    failing = {"outcomes": {"http_status": 6}}
    assert (of(**failing).bound, of(**failing).limited_by) == ("errors", Limit.SERVER)
    assert of(cpu_us_per_token=40_000.0, **failing).limited_by is Limit.CLIENT


def test_without_stamps_a_full_core_or_loop_names_the_client() -> None:
    plain = {"ttft_ms": 1200.0, "stamped": False, "server_late_p99_ms": None}
    assert of(**plain).limited_by is Limit.SERVER
    assert of(cpu_us_per_token=40_000.0, **plain).limited_by is Limit.CLIENT
    repeat = cell(**plain)
    begin, end = repeat.recording.window
    begins = np.arange(begin, end, 10_000_000)
    turns = PauseTable(
        kind=np.full(len(begins), PAUSES.index("loop_pause"), dtype=np.int8),
        begin=begins,
        end=begins + 9_500_000,
    )
    (busy,) = repeats_of([replace(repeat.recording, pauses=turns)])
    assert read(busy, SLO).limited_by is Limit.CLIENT


def test_a_cell_that_was_cut_is_over() -> None:
    found = of(ttft_ms=500, cut=True, ended="its streams went on for too long, and were ended")
    assert (found.verdict, found.bound, found.limited_by) == ("over", "unfinished", Limit.SERVER)


def test_too_few_streams_for_a_percentile_are_no_verdict_unless_another_objective_breaks() -> None:
    slo = within("ttft_p99_ms < 1000")
    found = of(slo)
    assert (found.verdict, found.obstacle) == ("unmeasured", Obstacle(kind="missing", bound="ttft_p99_ms"))
    assert of(slo, outcomes={"reset": 6}).verdict == "over"


def test_the_view_of_the_server_has_its_own_gaps_and_ends() -> None:
    (plain,) = cell(lag_us=50_000, lag_jitter=1.0, send_delay_ms=20.0).parts
    view = server_side(cell(lag_us=50_000, lag_jitter=1.0, send_delay_ms=20.0))
    assert view is not None
    (server,) = view.parts
    assert np.allclose(server.gaps().values, 50e6, atol=2000)
    assert np.allclose(server.ttft, plain.ttft - plain.first_lag - 20_000_000, atol=2000)
    assert (server.total < plain.total).all()
    assert server_side(cell(stamped=False)) is None


@pytest.mark.parametrize(
    ("text", "value", "share"),
    [
        ("ttft_p95_ms < 1000", 500.0, 0.5),
        ("tokens_per_s > 100", 200.0, 0.5),
        ("tokens_per_s > 100", 50.0, 2.0),
        ("errors < 1%", 0.0, 0.0),
        ("ttft_n >= 60", 30.0, 2.0),
    ],
)
def test_the_use_of_an_objective(text: str, value: float, share: float) -> None:
    (threshold,) = parsed("--slo", text, SCENARIO)
    assert used(threshold, value) == pytest.approx(share)


def test_without_objectives_of_its_own_a_search_is_for_good_streams() -> None:
    slo = Slo(ttft_ms=1000.0, itl_ms=100.0)
    goal = objectives((), 0.01, slo)
    assert ([each.text for each in goal.thresholds], goal.longest_s) == (["good_percent >= 95.0"], 1.0)

    def judged(**changes: Any) -> Reading:
        (made,) = cell(**changes).parts
        load = replace(made.recording.workload, slo=slo)
        return read(repeats_of([replace(made.recording, workload=load)])[0], goal)

    held = judged(ttft_ms=500)
    assert (held.verdict, held.figures["good_percent"], held.use) == ("within", 100, 0)
    assert (held.figures["goodput_per_s"] or 0) > 0
    over = judged(ttft_ms=1200)
    assert (over.verdict, over.bound, over.limited_by) == ("over", "good_percent", Limit.SERVER)
    late = judged(ttft_ms=900, lag_us=150_000)
    assert (late.verdict, late.limited_by, late.server_figures) == (
        "over",
        Limit.CLIENT,
        {"good_percent": 100},
    )


def test_an_objective_that_is_just_not_met_is_over() -> None:
    (threshold,) = parsed("--slo", "ttft_p95_ms < 1000", SCENARIO)
    assert used(threshold, 1000.0) > 1


def test_an_objective_of_one_client_is_not_about_another() -> None:
    slo = within("requests.ttft_p95_ms < 100, ttft_p95_ms < 1000")
    assert [each.value for each in slo.of(SCENARIO.clients[0])] == [1000, 1]
    assert of(slo, ttft_ms=500).verdict == "within"


def test_errors_have_an_objective_of_their_own_unless_one_is_given() -> None:
    assert [each.text for each in within("ttft_p95_ms < 1000").thresholds] == [
        "ttft_p95_ms < 1000",
        "errors < 1%",
    ]
    assert len(within("errors < 5%").thresholds) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ttft_p95 < 1000", "ttft_p95 is not a metric; did you mean ttft_p95_ms?"),
        ("ttft_p95_ms = 1000", "is not a threshold"),
        ("aiohttp@10.ttft_p95_ms < 5", "names a level"),
        ("aiohtp.ttft_p95_ms < 5", "did you mean aiohttp?"),
        ("errors < 5", "errors without %"),
        ("good_percent > 95", "needs slo"),
        ("", "is not a threshold"),
        ("ttft_p95_ms < 1000,", "is not a threshold"),
    ],
)
def test_an_objective_that_cannot_be_is_refused(text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match="--slo: objective: ") as caught:
        parsed("--slo", text, SCENARIO)
    assert words in str(caught.value)


def test_all_wrong_objectives_are_named_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        parsed("--slo", "ttft_p95 < 1000, itl < 5", SCENARIO)
    assert len(caught.value.problems) == 2


def test_the_threshold_is_kept_as_written() -> None:
    assert parsed("--slo", " errors < 1% ", SCENARIO) == (
        Threshold(text="errors < 1%", metric="errors", op="<", value=1.0),
    )
