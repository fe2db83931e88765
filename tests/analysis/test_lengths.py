"""Totals of answers of different length are compared per token."""

import pytest

from loadgen.analysis import compare, rounds, summarise
from loadgen.analysis.lengths import comparable
from loadgen.argument.claims import Measurements
from tests.synthetic import recording, run


def summaries(tokens, client="aiohttp", mode="tasks", **how):
    made = [
        recording(client=client, mode=mode, tokens=tokens, streams=20, concurrency=how.get("concurrency", 20),
                  repeat=n, index=n, jitter=0.02, seed=n)
        for n in range(3)
    ]  # fmt: skip
    return made


def summary(*recordings):
    return summarise(run(".", [each for of in recordings for each in of]))


@pytest.mark.parametrize(("other", "column"), [
    (60, "total_p50_ms"), (62, "total_p50_ms"), (66, "tpot_p50_ms"), (20, "tpot_p50_ms"),
])  # fmt: skip
def test_of_answers_of_another_length_the_time_per_token_is_compared(other, column):
    (base,), (head,) = summary(summaries(60)), summary(summaries(other))
    assert comparable("total_p50_ms", base, head) == column
    assert comparable("ttft_p50_ms", base, head) == "ttft_p50_ms"
    found = compare.runs([base], [head], paired=False)
    totals = [
        change.column for change in found.changes if change.column.name in ("total_p50_ms", "tpot_p50_ms")
    ]
    assert [each.name for each in totals] == [column]
    assert totals[0].primary
    assert totals[0] in found.columns


def test_longer_answers_make_no_server_slower_or_faster():
    (base,), (head,) = summary(summaries(60)), summary(summaries(80))
    found = compare.runs([base], [head], paired=False)
    called = {change.column.name for verdict in ("worse", "better") for change in found.called(verdict)}
    assert not called & {"total_p50_ms", "tpot_p50_ms"}


def test_claims_compare_answers_of_different_length_per_token():
    one = summaries(60, "aiohttp", concurrency=1)
    other = summaries(90, "requests", "threads", concurrency=1)
    measured = run(".", [*one, *other])
    found = summarise(measured)
    assert rounds.contrast(found[:1], found[1:], "total_p50_ms")[0] < -0.3
    from loadgen.argument.claims import CLAIMS

    (statement, _) = CLAIMS["single-stream"]
    (effect,) = Measurements(measured, found).test(statement).effects
    assert effect.estimate.value == pytest.approx(1.0, abs=0.15)
