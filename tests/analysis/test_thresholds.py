from __future__ import annotations

import pytest

from loadgen.analysis import exit_verdict, summarise
from loadgen.analysis.thresholds import findings
from loadgen.model import ClientId, Level, Threshold, ThresholdFinding, ThresholdResult
from tests.synthetic import recording, run


def threshold(metric, op, value, client=None, concurrency=None):
    return Threshold(
        text=f"{metric} {op} {value}",
        metric=metric,
        op=op,
        value=value,
        client=client,
        level=None if concurrency is None else Level(streams=concurrency),
    )


def result(client, streams, value, *, held=True, reason=None):
    return ThresholdResult(
        client=ClientId(client), level=Level(streams=streams), value=value, held=held, reason=reason
    )


def judged(*thresholds, made=None):
    made = made or [
        recording(concurrency=n, streams=200, index=i, client=client, mode=mode, outcomes={"reset": 4})
        for i, (client, mode, n) in enumerate(
            [("requests", "threads", 10), ("requests", "threads", 100), ("aiohttp", "tasks", 100)]
        )
    ]
    held = run(".", made, thresholds=thresholds)
    summaries = summarise(held)
    found = findings(held, summaries)
    return [f for f in found if isinstance(f, ThresholdFinding)], exit_verdict(summaries, found)


@pytest.mark.parametrize(
    ("op", "value", "held"),
    [
        ("<", 300.2, False),
        ("<=", 300.2, True),
        (">", 300.2, False),
        (">=", 300.2, True),
        ("<", 301, True),
        (">", 300, True),
    ],
)
def test_operators(op, value, held):
    (found,), code = judged(threshold("ttft_p50_ms", op, value))
    assert found.verdict == ("held" if held else "failed")
    assert code == (0 if held else 1)
    assert [result.value for result in found.results] == [300.2] * 3


def test_errors_are_a_percentage_of_the_streams():
    (low, high), code = judged(threshold("errors", "<", 2), threshold("errors", "<", 2.1))
    assert (low.verdict, high.verdict, code) == ("failed", "held", 1)
    assert (low.unit, low.results[0]) == ("%", result("requests", 10, 2.0, held=False))


def test_it_is_narrowed_by_client_and_concurrency():
    (all_of, one, nobody), _ = judged(
        threshold("threads_peak", "<", 50, client="requests"),
        threshold("threads_peak", "<", 50, client="requests", concurrency=10),
        threshold("threads_peak", "<", 50, client="httpx-sync"),
    )
    assert (all_of.verdict, len(all_of.results)) == ("failed", 2)
    assert (one.verdict, one.results) == ("held", (result("requests", 10, 11),))
    assert (nobody.verdict, nobody.results) == ("failed", ())


def test_a_client_s_name_speaks_for_its_variants():
    made = [recording(client="requests session=shared", mode="threads")]
    for name in ("requests", "requests session=shared"):
        (found,), _ = judged(threshold("threads_peak", "<", 500, client=name), made=made)
        assert found.verdict == "held"


def test_what_was_not_measured_is_not_held():
    (found,), code = judged(threshold("lag_p99_ms", "<", 1000), made=[recording(stamped=False)])
    assert (found.verdict, code) == ("failed", 1)
    assert found.results == (result("aiohttp", 100, None, held=False, reason="not_measured"),)


def test_an_invalid_measurement_holds_nothing():
    made = [recording(server_late_p99_ms=99), recording(client="requests", mode="threads", index=1)]
    (found,), code = judged(threshold("ttft_p50_ms", "<", 1000), made=made)
    assert (found.verdict, code) == ("failed", 1)
    assert found.results[0] == result("aiohttp", 100, 300.2, held=False, reason="invalid")


def test_exit_verdicts_without_thresholds():
    assert judged()[1] == 0
    assert judged(made=[recording(ended="killed")])[1] == 3
    assert judged(threshold("errors", "<", 1), made=[recording(outcomes={"refused": 200})])[1] == 3
    assert exit_verdict([], []) == 3


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ({"refused": 200}, 3),  # it died before this client, which measured nothing
        ({"refused": 100}, 3),  # in the middle
        ({"unresolved": 200}, 3),
        ({"refused": 96}, 0),  # others went on
        ({"refused": 3}, 0),
        ({"http_status": 200}, 0),  # it answered
        ({"connect_timeout": 200}, 0),  # or was overloaded
    ],
)
def test_a_run_whose_target_died_is_not_measured(outcomes, code):
    made = [recording(client="requests", mode="threads"), recording(outcomes=outcomes, index=1)]
    assert judged(made=made)[1] == code
    if outcomes == {"refused": 200}:  # one repeat of several
        again = [recording(repeat=0), recording(outcomes=outcomes, repeat=1, index=1)]
        assert judged(made=again)[1] == code
