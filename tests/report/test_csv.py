import csv as reader
import io
import json

import pytest

from loadgen.report.renderers import csv
from loadgen.report.renderers import json as json_files
from tests.report.runs import FORMULA, failed_run, hostile_run, run_of, view

CONTRACT = """
client, mode, concurrency, repeats, streams, ok, errors, live_peak, tokens, tokens_per_s,
ttft_p50_ms, ttft_p90_ms, ttft_p95_ms, ttft_p99_ms, itl_p50_ms, itl_p90_ms, itl_p95_ms, itl_p99_ms,
total_p50_ms, total_p90_ms, total_p95_ms, total_p99_ms, lag_p50_ms, lag_p99_ms,
rss_base_mib, rss_peak_mib, rss_per_stream_kib, threads_peak, cpu_s, cpu_us_per_token,
voluntary_switches_per_token, involuntary_switches_per_token, validity, reasons
"""


def rows(text):
    return list(reader.DictReader(io.StringIO(text)))


def test_summary_columns_are_those_of_the_contract():
    shown = view(run_of("/nowhere", (1, 10)))
    text, summaries = csv.summary(shown), shown.summaries
    names = [name.strip() for name in CONTRACT.replace("\n", " ").split(",")]
    assert text.splitlines()[0].split(",")[: len(names)] == names
    assert [(row["client"], int(row["concurrency"])) for row in rows(text)] == [
        (s.client.label, s.level.streams) for s in summaries
    ]
    assert float(rows(text)[0]["ttft_p50_ms"]) == pytest.approx(summaries[0].value("ttft_p50_ms"), abs=1e-6)


def test_what_was_not_measured_is_empty():
    shown = view(failed_run("/nowhere"))
    (row,) = rows(csv.summary(shown))
    assert [row[name] for name in ("ttft_p50_ms", "lag_p99_ms", "rss_base_mib", "cpu_us_per_token")] == [
        ""
    ] * 4
    assert row["errors"] == "4"
    assert {row["ttft_ms"] for row in rows(csv.streams(shown))} == {""}
    assert {row["rss_kib"] for row in rows(csv.samples(shown))} == {""}


def test_a_run_always_gives_the_same_bytes():
    def texts():
        shown = view(run_of("/nowhere", (1, 10), repeats=2))
        return [csv.summary(shown), csv.streams(shown), csv.samples(shown), json_files.summary(shown)]

    first = texts()
    assert first == texts()
    assert not any("\r" in text for text in first)
    assert all(text.endswith("\n") for text in first)


def test_text_from_a_server_is_neither_formula_nor_control():
    text = csv.streams(view(hostile_run("/nowhere")))
    assert all(character.isprintable() or character == "\n" for character in text)
    assert rows(text)[-1]["error"] == "'" + FORMULA
    assert len(rows(text)) == 12


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1"])
def test_formulas_get_an_apostrophe(text):
    assert csv._text(text) == "'" + text


def test_text_that_is_no_formula_stays():
    assert csv._text("a=1") == "a=1"


def test_json_holds_summaries_and_findings():
    shown = view(run_of("/nowhere", (10,)))
    document = json.loads(json_files.summary(shown))
    assert document["name"] == "sweep"
    first = document["summaries"][0]
    assert first["client"] == {
        "name": "requests",
        "label": "requests",
        "options": {},
        "control": False,
        "python": None,
    }
    assert first["level"] == {"streams": 10, "rate": None, "label": "10 streams"}
    assert [s["metrics"]["ttft_p50_ms"]["value"] for s in document["summaries"]] == [
        s.value("ttft_p50_ms") for s in shown.summaries
    ]
    assert first["metrics"]["load_max_ms"]["value"] is None
    assert [f["kind"] for f in document["findings"]] == [f.kind for f in shown.findings]
    assert json.loads(json_files.findings(shown))["findings"] == document["findings"]
