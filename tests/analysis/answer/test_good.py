"""How many streams were good, at which level a threshold on it holds, and where none of it appears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadgen import findings
from loadgen.analysis import summarise
from loadgen.analysis.goodput import judged_by
from loadgen.model import Good, Objective, Objectives, Recording, Slo, Threshold, ThresholdFinding
from loadgen.report.sections.objectives import Objectives as Section
from loadgen.report.sentences.answer import paragraphs
from loadgen.report.view import View
from tests.synthetic import recording, run

MOSTLY = Threshold(text="good_percent > 95", metric="good_percent", op=">", value=95)
FAST = Slo(ttft_ms=1000.0, itl_ms=100.0)


def view(recordings: Sequence[Recording], slo: Slo = FAST, **info: Any) -> View:
    made = judged_by(run("/nowhere", recordings, **info), slo)
    summaries = summarise(made)
    return View(made, summaries, findings.findings(made, summaries))


def sweep(*cells: tuple[int, float], client: str = "aiohttp") -> list[Recording]:
    """A cell of 200 streams at each number of streams, with that TTFT."""
    return [
        recording(client=client, concurrency=n, streams=200, tokens=4, ttft_ms=ttft, index=place)
        for place, (n, ttft) in enumerate(cells)
    ]


def test_what_was_missed_is_counted_by_objective() -> None:
    slow = recording(
        concurrency=100, streams=200, tokens=4, ttft_ms=1500, outcomes={"reset": 5, "stopped": 7}
    )
    (one,) = view([slow]).of(Good)
    assert (one.percent.value, one.percent.n, one.goodput.value) == (0, 193, 0)
    assert (one.missed, one.failed, one.cut, one.single_gaps) == ({"ttft": 188, "itl": 0}, 5, 7, 0)
    assert one.limits == {"ttft": 1000, "itl": 100}


def test_single_gaps_are_told_apart() -> None:
    jittery = recording(concurrency=100, streams=200, tokens=20, gap_ms=40, jitter=0.8)
    (one,) = view([jittery], Slo(itl_ms=100.0)).of(Good)
    assert 0 < one.single_gaps <= one.missed["itl"]
    assert str(one.single_gaps) in paragraphs([one])[0]


def test_a_threshold_on_the_share_holds_up_to_a_level_with_the_whole_interval() -> None:
    shown = view(sweep((1, 300), (10, 300), (100, 1500)), thresholds=[MOSTLY])
    (one,) = shown.of(Objective)
    assert (one.holds and one.holds.streams, one.fails and one.fails.streams) == (10, 100)
    (threshold,) = shown.of(ThresholdFinding)
    assert [result.held for result in threshold.results] == [True, True, False]
    # twenty of twenty do not show that more than 95 % are good
    few = [recording(concurrency=n, streams=20, tokens=2, index=n) for n in (1, 10)]
    assert not view(few, thresholds=[MOSTLY]).of(Objective)


def test_only_clients_with_objectives_are_judged() -> None:
    cells = [*sweep((10, 700)), *sweep((10, 700), client="requests")]
    shown = view(cells, Slo(clients={"requests": Objectives(ttft_ms=500.0)}))
    (one,) = shown.of(Good)
    assert (one.client.name, one.percent.value) == ("requests", 0)


def test_answers_without_times_are_told() -> None:
    whole = recording(concurrency=10, streams=20, tokens=1, server_tokens_per_event=30)
    (one,) = view([whole]).of(Good)
    assert (one.percent.value, one.not_judged) == (None, 20)
    assert len(paragraphs([one])) == 1


def test_without_objectives_the_report_has_nothing_of_it() -> None:
    shown = view(sweep((10, 300)), Slo())
    assert not shown.of(Good)
    assert not list(Section().blocks(shown, "html"))
