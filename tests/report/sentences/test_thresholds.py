from __future__ import annotations

from typing import Literal

from loadgen.model import ClientId, Level, ThresholdFinding, ThresholdResult
from loadgen.report.sentences import sentences
from loadgen.report.sentences.thresholds import worst


def result(
    streams: int, value: float | None, reason: Literal["not_measured", "invalid"] | None = None
) -> ThresholdResult:
    return ThresholdResult(
        client=ClientId("aiohttp"),
        level=Level(streams=streams),
        value=value,
        held=reason is None and value is not None and value < 1,
        reason=reason,
    )


def finding(*results: ThresholdResult) -> ThresholdFinding:
    failed = not results or any(not each.held for each in results)
    return ThresholdFinding(
        verdict="failed" if failed else "held",
        text="errors < 1 %",
        metric="errors",
        unit="%",
        op="<",
        value=1.0,
        results=results,
    )


def test_failed_results_come_first_with_why() -> None:
    found = sentences(
        finding(
            result(1, 0.5), result(10, 2.0), result(100, None, "not_measured"), result(200, 0.0, "invalid")
        )
    )
    assert found.statement == "errors < 1 %"
    assert found.details == (
        "aiohttp at 10 streams: errors is 2 %: failed",
        "aiohttp at 100 streams: errors was not measured",
        "aiohttp at 200 streams: errors is 0 %, but the measurement is invalid",
        "aiohttp at 1 stream: errors is 0.5 %: held",
    )


def test_many_that_held_are_counted() -> None:
    assert sentences(finding(*(result(n, 0.5) for n in range(1, 6)))).details == (
        "held in 5 of 5 measurements",
    )


def test_nothing_matches() -> None:
    assert sentences(finding()).details == ("no measurement matches it",)


def test_the_worst_value_is_told_with_where_it_is_or_that_others_were_not_measured() -> None:
    assert worst(finding(result(1, 0.5), result(10, 2.0))) == "worst 2 %, aiohttp, 10 streams; held in 1 of 2"
    assert worst(finding(result(10, 2.0))) == "worst 2 %, aiohttp; held in 0 of 1"
    assert worst(finding(result(1, 0.5))) == "worst 0.5 %; held in 1 of 1"
    assert worst(finding(result(1, None), result(10, 0.5))) == "not measured in 1 of 2; worst 0.5 %"
