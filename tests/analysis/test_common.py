"""A common cause is reported once, with the range of its figures."""

from __future__ import annotations

from typing import Any

from loadgen.analysis import common, summarise
from loadgen.model import Summary
from loadgen.model.confidence import FewRounds, LateSimulator, OtherPrograms, RoundsDiffer
from tests.synthetic import recording, run

WAITS = {"run_wait_share": 0.7, "voluntary_per_token": 0.001, "streams": 400}


def measured(*made: dict[str, Any]) -> list[Summary]:
    return summarise(
        run(
            ".", [recording(index=n, **{**how, "repeat": how.get("repeat", 0)}) for n, how in enumerate(made)]
        )
    )


def rounds(**how: Any) -> list[dict[str, Any]]:
    return [{**how, "repeat": n} for n in range(3)]


def test_a_cause_of_two_clients_is_one_with_both_ranges() -> None:
    summaries = measured(
        *rounds(client="requests", mode="tasks", others_share=0.66, **WAITS),
        *rounds(client="aiohttp", others_share=0.87, **WAITS),
    )
    found = common.causes(summaries)
    (others,) = (each for each in found if isinstance(each, OtherPrograms))
    assert (round(others.low, 2), round(others.high, 2)) == (0.66, 0.87)
    assert found[0] is others
    every = [why for s in summaries for of in s.confidence.values() for why in of.causes]
    assert others.effect == max(why.effect or 0.0 for why in every if isinstance(why, OtherPrograms))


def test_causes_of_different_things_stay_apart() -> None:
    made = [
        {"ttft_ms": ttft, "rss_per_stream_kib": kib, "streams": 400}
        for ttft, kib in ((200, 20), (300, 30), (400, 40))
    ]
    found = common.causes(measured(*({**how, "repeat": n} for n, how in enumerate(made))))
    metrics = [each.metric for each in found if isinstance(each, RoundsDiffer)]
    assert len(metrics) == len(set(metrics)) >= 2
    late = common.causes(measured(*rounds(server_late_p99_ms=100.0)))
    assert {each.percentile for each in late if isinstance(each, LateSimulator)} == {50, 99}


def test_a_lack_of_rounds_is_no_effect() -> None:
    assert isinstance(common.causes(measured({"streams": 400}))[0], FewRounds)


def test_nothing_in_common() -> None:
    assert common.causes([]) == []
