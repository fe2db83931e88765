"""A common cause is reported once, with the range of its figures."""

from __future__ import annotations

from typing import Any

from loadgen.analysis import common, summarise
from loadgen.model import ClientId, Group, Level, Summary, reasons
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
    found = common.causes(
        measured(
            *rounds(client="requests", mode="tasks", others_share=0.66, **WAITS),
            *rounds(client="aiohttp", others_share=0.87, **WAITS),
        )
    )
    (others,) = (each for each in found if isinstance(each.record, OtherPrograms))
    assert (round(others.record.low, 2), round(others.record.high, 2)) == (0.66, 0.87)
    level = Level(streams=100)
    assert set(others.cells) == {(ClientId("requests"), level), (ClientId("aiohttp"), level)}
    assert set(others.groups) == {Group.MEDIAN, Group.TAIL}
    assert found[0] is others
    assert others.record.effect == others.ranges["effect"][1]


def test_causes_of_different_things_stay_apart() -> None:
    made = [
        {"ttft_ms": ttft, "rss_per_stream_kib": kib, "streams": 400}
        for ttft, kib in ((200, 20), (300, 30), (400, 40))
    ]
    found = common.causes(measured(*({**how, "repeat": n} for n, how in enumerate(made))))
    metrics = {each.record.metric for each in found if isinstance(each.record, RoundsDiffer)}
    assert len(metrics) == len([each for each in found if isinstance(each.record, RoundsDiffer)]) >= 2
    late = common.causes(measured(*rounds(server_late_p99_ms=100.0)))
    assert {each.record.percentile for each in late if isinstance(each.record, LateSimulator)} == {50, 99}


def test_a_lack_of_rounds_is_no_effect() -> None:
    found = common.causes(measured({"streams": 400}))
    assert isinstance(found[0].record, FewRounds)
    assert set(found[0].groups) == set(Group)


def test_reasons_are_grouped_over_repeats_and_clients() -> None:
    found = common.reasons(
        measured(
            {"listen_drops": 2},
            {"listen_drops": 7, "repeat": 1},
            {"client": "requests", "listen_drops": 4, "clock_step_ns": 50_000_000},
        )
    )
    assert [type(each.record) for each in found] == [reasons.ListenQueue, reasons.ClockStepped]
    assert found[0].ranges["number"] == (2, 7)
    assert len(found[0].cells) == 2


def test_nothing_in_common() -> None:
    assert common.causes([]) == common.reasons([]) == []
    assert common.reasons(measured({})) == []
