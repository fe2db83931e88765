"""The table of metrics: what is in it, and that everything is read from it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from loadgen.analysis import compare, intervals, summarise
from loadgen.analysis import summary as summaries_of
from loadgen.analysis.metrics import (
    VALUE,
    Metric,
    PerStream,
    PerToken,
    Scalar,
    added,
    column,
    columns,
    compared,
    metrics,
    short,
)
from loadgen.findings import findings
from loadgen.model import Run, Threshold, ThresholdFinding
from loadgen.report import renderers
from loadgen.report.view import View
from loadgen.scenario import schema
from tests.scenario.conftest import scenario_text
from tests.synthetic import recording, run


def plain(**changes: object) -> Metric:
    told: dict[str, object] = {
        "key": "waited",
        "label": "waited",
        "description": "A metric of a test.",
        "formula": Scalar(lambda repeats: 1.0),
        "topic": "cost",
        "unit": "ms" if changes.get("percentiles") else "",
    }
    return Metric(**{**told, **changes})


# ---------------------------------------------------------------------------------------- the table


def test_a_column_is_a_metric_and_a_percentile() -> None:
    found = column("ttft_p99_ms")
    assert (found.metric.key, found.rank, found.part, found.label, found.unit) == (
        "ttft",
        99,
        "value",
        "TTFT p99",
        "ms",
    )
    assert (column("ttft_n").part, column("ttft_n").whole, column("ttft_n").unit) == ("n", True, "")
    assert (column("ttft_p99_low_ms").part, column("ttft_p99_high_ms").part) == ("low", "high")
    assert (column("threads_peak").rank, column("threads_peak").whole) == (None, True)
    with pytest.raises(KeyError):
        column("ttft_p98_ms")


def test_every_metric_says_what_it_is() -> None:
    for metric in metrics():
        assert metric.label, metric.key
        assert metric.description.endswith("."), metric.key
        assert metric.heading or len(metric.label) < 40, metric.key


def test_compared_columns_that_decide_come_first() -> None:
    found = [each.name for each in compared()]
    assert found[:4] == ["ttft_p50_ms", "total_p50_ms", "rss_per_stream_kib", "cpu_us_per_token"]
    assert {"lag_p99_ms", "tokens_per_s", "errors_share", "switches_per_token", "threads_peak"} <= set(found)


def test_columns_of_the_terminal_have_priorities_of_their_own() -> None:
    priorities = [priority for _, priority in short()]
    assert len(set(priorities)) == len(priorities)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "two words"},
        {"key": "Upper"},
        {"topic": "costs"},
        {"kind": "latencies"},
        {"better": "more"},
        {"formula": PerStream(lambda m: m.ttft), "percentiles": (50,), "unit": "s"},
        {"percentiles": (50,)},
        {"formula": PerStream(lambda m: m.ttft)},
        {"formula": PerToken(lambda m: m.lags()), "percentiles": (42,)},
        {"formula": PerStream(lambda m: m.ttft), "percentiles": (50,), "compared": (99,)},
        {"formula": PerStream(lambda m: m.ttft), "percentiles": (50,), "drawn": VALUE},
        {"formula": PerStream(lambda m: m.ttft), "percentiles": (50,), "live": (42,)},
        {"formula": PerStream(lambda m: m.ttft, lambda m: m.ok), "percentiles": (50,), "intervals": (50,)},
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"waited|two words|Upper"):
        plain(**changes)


def test_no_two_metrics_share_a_column() -> None:
    before = metrics()
    for name in ("ttft_p50_ms", "ttft_n", "reasons"):
        with pytest.raises(ValueError, match=name), added(plain(key=name)):
            pass
    assert metrics() == before
    with added(plain()):
        assert "waited" in columns()
    assert "waited" not in columns()


# -------------------------------------------------------------------------- what is made from it


def test_switches_per_token_are_both_kinds_or_nothing() -> None:
    def found(**how: float | None) -> float | None:
        (summary,) = summarise(run(".", [recording(voluntary_per_token=0.5, **how)]))
        assert summary.rounds[0].values["switches_per_token"] == summary.value("switches_per_token")
        return summary.value("switches_per_token")

    assert found(involuntary_per_token=0.25) == pytest.approx(0.75)
    assert found(involuntary_per_token=None) is None


def test_tokens_are_the_server_s_count_or_text_events() -> None:
    def found(per_event: float | None) -> list[float | None]:
        made = recording(streams=10, concurrency=10, tokens=8, server_tokens_per_event=per_event)
        (summary,) = summarise(run(".", [made]))
        return [summary.value(name) for name in ("tokens", "text_events", "server_tokens")]

    assert found(2.0) == [160, 80, 160]
    assert found(None) == [80, 80, None]


def test_thinking_and_answer_are_counted_apart() -> None:
    def found(**columns: object) -> list[float | None]:
        made = recording(streams=10, concurrency=10, tokens=8, server_tokens_per_event=2.0)
        columns = {name: np.full(10, value) for name, value in columns.items()}
        (summary,) = summarise(run(".", [replace(made, streams=replace(made.streams, **columns))]))
        return [summary.value(name) for name in ("thinking_tokens", "answer_tokens")]

    assert found() == [None, None]
    assert found(thinking_events=0) == [0, 160]
    assert found(thinking_events=2) == [40, 120]  # a quarter of the events
    assert found(thinking_events=2, server_thinking_tokens=7) == [70, 90]


def test_normalised_latency_is_the_total_by_the_length_of_the_answer() -> None:
    made = recording(
        streams=10, concurrency=10, tokens=8, ttft_ms=300, gap_ms=50, server_tokens_per_event=2.0
    )
    (summary,) = summarise(run(".", [made]))
    total = summary.value("total_p50_ms")
    assert total
    names = ("normalized_latency_p50_ms", "normalized_latency_mean_ms")
    assert [summary.value(name) for name in names] == pytest.approx([total / 16] * 2, rel=1e-3)


def test_the_servers_words_for_why_answers_ended_are_counted() -> None:
    made = recording(streams=10, concurrency=10, outcomes={"reset": 1})
    words = np.array(["stop"] * 6 + ["length"] * 2 + ["", "stop"], dtype=object)  # the last failed
    (summary,) = summarise(run(".", [replace(made, streams=replace(made.streams, finish_reason=words))]))
    assert summary.finish_reasons == {"length": 2, "stop": 6}


def test_the_servers_speed_is_the_median_of_its_own_figures() -> None:
    made = recording(streams=4, concurrency=4, tokens=11, ttft_ms=100, gap_ms=50, lag_us=0)
    (summary,) = summarise(run(".", [made]))
    assert summary.value("prompt_tokens_per_s") == pytest.approx(100)
    assert summary.value("decode_tokens_per_s") == pytest.approx(22)


def test_rounds_have_every_metric() -> None:
    made = [recording(repeat=i, index=i, outcomes={"reset": 2 * i}) for i in range(2)]
    (summary,) = summarise(run(".", made))
    values = {name for name, each in columns().items() if each.part == "value"}
    assert all(each.values.keys() == values for each in summary.rounds)
    assert [each.values["errors_share"] for each in summary.rounds] == [0, 0.01]
    assert summary.value("errors_share") == 0.005


def test_draws_are_made_only_where_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three repeats tell by what they differ; the seeded draws of a bootstrap would be thrown away."""
    drawn = []

    class Counting(intervals.Resampler):
        def intervals(self, times, ranks, bits):
            drawn.append(ranks)
            return super().intervals(times, ranks, bits)

    def counting(*arguments: object) -> Counting:
        drawn.append("weights")
        return Counting(*arguments)

    monkeypatch.setattr(summaries_of, "Resampler", counting)
    made = [recording(repeat=i, index=i, streams=20, concurrency=20, jitter=0.5) for i in range(3)]
    (three,) = summarise(run(".", made))
    assert drawn == []
    assert three["ttft_p50_ms"].low is not None
    (two,) = summarise(run(".", made[:2]))
    assert two["ttft_p50_ms"].low is not None
    assert drawn.count("weights") == 1
    # of TTFT, ITL, total, queue and lag, TTFT and total from the schedule, TTFB and gaps of reads: those with intervals
    assert len([ranks for ranks in drawn if ranks]) == 1 + 9


# ------------------------------------------------------------------- a metric of another package


def _generation() -> Metric:
    """Return the metric of docs/metrics.md, as the page's own code makes it."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code
    made: dict[str, Metric] = {}
    exec(code[1], made)
    return made["generation"]


def _runs(folder: Path) -> tuple[Run, Run]:
    def one(gap_ms: float) -> Run:
        made = [
            recording(client=client, mode="tasks", repeat=i, index=2 * i + n, streams=40, concurrency=20,
                      jitter=0.2, gap_ms=gap_ms)
            for i in range(3)
            for n, client in enumerate(("aiohttp", "httpx-async"))
        ]  # fmt: skip
        limit = Threshold(text="generation_p99_ms < 1", metric="generation_p99_ms", op="<", value=1.0)
        return run(folder, made, thresholds=[limit])

    return one(50.0), one(80.0)


def test_a_metric_of_another_package_is_everywhere(tmp_path: Path) -> None:
    with added(_generation()):
        before, after = _runs(tmp_path)
        base, head = summarise(before), summarise(after)
        wanted = [59 * 50 for _ in base]
        assert [s.value("generation_p50_ms") for s in base] == pytest.approx(wanted, rel=0.1)

        found = findings(before, base)
        (threshold,) = (f for f in found if isinstance(f, ThresholdFinding))
        assert (threshold.unit, threshold.verdict) == ("ms", "failed")
        assert [result.value for result in threshold.results] == [s.value("generation_p99_ms") for s in base]

        view = View(before, base, found)
        files = {name: renderers.render(name, view) for name in renderers.FILES}
        (row, *_) = csv.DictReader(io.StringIO(files["summary.csv"]))
        assert float(row["generation_p50_ms"]) == pytest.approx(base[0].value("generation_p50_ms"), abs=1e-6)
        assert json.loads(files["summary.json"])["summaries"][0]["metrics"]["generation_p50_ms"]["value"]
        assert files["report.html"].count("generation") > 2  # a table and a chart

        changes = compare.runs(base, head, paired=True).changes
        worse = [c.verdict for c in changes if c.column.name == "generation_p50_ms"]
        assert worse == ["worse", "worse"]

        def mistakes(metric: str) -> list[str]:
            from ruamel.yaml import YAML

            text = scenario_text(thresholds=f'["{metric} < 5"]')
            made = YAML(typ="safe", pure=True).load(text)
            return [error.message for error in Draft202012Validator(schema()).iter_errors(made)]

        assert mistakes("generation_p99_ms") == []
    assert mistakes("generation_p99_ms")
