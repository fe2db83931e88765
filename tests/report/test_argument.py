"""Claims, costs per stream and the article's answer in the report: plots, terminal, sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadgen.argument.claims import CLAIMS
from loadgen.model import (
    ClaimEffect,
    ClaimFinding,
    ClaimStatement,
    ClientId,
    CostFinding,
    Estimate,
    Level,
    Missing,
    Shortfall,
    Statement,
    Validity,
)
from loadgen.model.argument import Excluded
from loadgen.report.sections.article import Article
from loadgen.report.sections.claims import Claims
from loadgen.report.sections.claims import _plot as plot_of
from loadgen.report.sections.claims import _row as row_of
from loadgen.report.sections.costs import Costs
from loadgen.report.sentences import claims as english
from loadgen.report.sentences import costs as costs_english
from loadgen.report.sentences import sentences
from tests.report.runs import repeated_run, run_of, section, view

ONE, OTHER, HUNDRED = ClientId("requests"), ClientId("aiohttp"), Level(streams=100)


def effect(client, value, result, **more):
    estimate = Estimate(value, value * 0.9, value * 1.1, 3)
    common = {"client": client, "measure": "voluntary_switches_per_token", "level": HUNDRED, "result": result}
    return ClaimEffect(**{**common, "estimate": estimate, **more})


def statement(*effects, verdict="undecided", missing=(), name="thread_waits", of="sync", **more):
    common = {
        "measure": "voluntary_switches_per_token",
        "unit": "per token",
        "line": 0.5,
        "direction": "above",
    }
    about = Statement(name, of, **{**common, **more})
    return ClaimStatement(statement=about, verdict=verdict, effects=effects, missing=missing)


def claim(*statements, **more):
    return ClaimFinding(claim="sync-blocks", verdict="undecided", statements=statements, **more)


@pytest.fixture(scope="module")
def repeated():
    return view(repeated_run("/nowhere"))


def test_a_run_that_was_made_for_the_claims_shows_each_with_its_verdict(repeated):
    text = section(repeated, Claims(), 200)
    for finding in repeated.of(ClaimFinding):
        assert f"{finding.verdict}" in text
        assert english.CLAIMS[finding.claim] in text


def test_a_run_that_was_not_made_for_the_claims_names_the_scenario_in_one_line():
    alone = view(run_of("/nowhere", (5,)))
    (line,) = section(alone, Claims(), 300).splitlines()
    assert english.SCENARIO in line
    assert english.SHORTFALLS[Shortfall.ONE_LEVEL] in line


def test_a_run_of_one_client_does_not_mention_the_claims():
    run = run_of("/nowhere", (1, 5), repeats=3)
    alone = view(replace(run, recordings=[r for r in run.recordings if r.client == run.recordings[0].client]))
    assert alone.alone
    assert not section(alone, Claims(), 300)
    assert not view(run).alone


def test_the_effect_that_contradicts_stands_for_its_part_and_the_others_are_named():
    both = effect(ONE, 2.0, "supports"), effect(OTHER, 0.2, "contradicts")
    word, value, criterion, who = row_of(statement(*both, verdict="mixed"))
    assert (word.text, value, criterion) == ("mixed", "0.200 (0.180 to 0.220)", "> 0.5")
    assert "aiohttp" in who
    assert "also requests" in who


def test_the_effect_that_supports_stands_for_a_statement_of_which_one_is_enough():
    decided = statement(effect(ONE, 2.0, "supports"), effect(OTHER, 0.2, "contradicts"), decided_by="any")
    assert row_of(decided)[1] == "2.00 (1.80 to 2.20)"


def test_shares_are_plotted_as_percentages_and_a_common_level_is_in_the_title():
    shares = {"measure": "open_share", "unit": "share", "line": 0.95}
    made = plot_of(statement(*(effect(client, 0.5, "contradicts") for client in (ONE, OTHER)), **shares))
    assert made.title.endswith("at 100 streams")
    assert made.unit == "%"
    assert [(row.point.label, row.point.value) for row in made.rows] == [
        ("requests", 50.0),
        ("aiohttp", 50.0),
    ]
    assert "95 %" in made.criterion


def test_levels_that_differ_stand_beside_each_client():
    ten = effect(OTHER, 2.0, "supports", level=Level(streams=10))
    made = plot_of(statement(effect(ONE, 2.0, "supports"), ten))
    assert [row.point.label for row in made.rows] == ["requests at 100 streams", "aiohttp at 10 streams"]


def test_effects_are_called_what_was_compared():
    per_token = effect(OTHER, 0.2, "contradicts", measure="tpot_p50_ms", baseline=ONE)
    total = effect(OTHER, 2.0, "supports", measure="total_p50_ms", baseline=OTHER)
    tested = statement(per_token, total, measure="total_p50_ms")
    assert "TPOT p50: aiohttp ÷ requests" in row_of(tested)[-1]
    assert "TPOT p50, median total time at 100 streams" in plot_of(tested).title


def test_noise_and_comparisons_are_notes():
    noisy = effect(ONE, 0.9, "undecided", noise=0.1)
    assert "10.0 %" in english.note(noisy)
    assert english.note(noisy) in row_of(statement(noisy))[-1]
    assert "4" in english.note(replace(noisy, noise=None, comparisons=4))


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (Missing(measure="ttft_p99_ms", clients=(ONE, OTHER)), "TTFT p99 was not measured for requests and aiohttp"),
        (Missing(modes=("threads", "tasks"), min_streams=1, max_streams=1), "both sync and async clients at 1 stream"),
        (Missing(modes=("tasks",), min_streams=100), "an async client at 100 streams or more"),
        (Missing(clients=(ONE,)), "no valid measurement of requests"),
    ],
)  # fmt: skip
def test_what_is_missing_is_reported(missing, words):
    _, line = sentences(claim(statement(missing=(missing,)))).details
    assert line.startswith("Undecided: ")
    assert words in line


def test_a_mixed_statement_names_of_whom_it_is_true_and_excluded_measurements_are_named():
    both = effect(ONE, 2.0, "supports"), effect(OTHER, 0.2, "contradicts")
    finding = claim(
        statement(*both, verdict="mixed"),
        excluded=(Excluded(client=OTHER, level=HUNDRED, validity=Validity.SUSPECT),),
    )
    mixed, excluded = sentences(finding).details
    assert mixed == f"Mixed: {english.STATEMENTS['thread_waits']}: true of requests; not of aiohttp"
    assert "aiohttp at 100 streams (suspect)" in excluded


def test_pairs_are_named_where_one_client_s_pairs_differ():
    pairs = [("aiohttp", "requests", "supports"), ("aiohttp", "httpx-sync", "contradicts")]
    pairs += [("httpx-async", other, "contradicts") for other in ("requests", "httpx-sync")]
    found = (effect(ClientId(c), 0.5, result, baseline=ClientId(b)) for c, b, result in pairs)
    text = english.statement(statement(*found, name="lower_memory", verdict="mixed"))
    assert text.endswith(": true of aiohttp ÷ requests; not of aiohttp ÷ httpx-sync and httpx-async")


def test_every_statement_and_measure_has_words():
    row = [statement for of in CLAIMS.values() for statement in of]
    assert {one.name for one in row} == english.STATEMENTS.keys()
    assert {name for one in row for name in (one.measure, one.fallback) if name} == english.MEASURES.keys()
    assert CLAIMS.keys() == english.CLAIMS.keys()


def test_costs_that_cannot_be_told_apart_are_reported(repeated):
    found = repeated.of(CostFinding)[0]
    costs = tuple(
        replace(cost, growth=Estimate(), separable=False) if cost.resource.startswith("cpu") else cost
        for cost in found.costs
    )
    text = sentences(replace(found, costs=costs)).statement
    assert text.endswith(costs_english.INSEPARABLE)
    assert "µs" not in text


def test_costs_have_a_row_per_client_and_a_sentence(repeated):
    rows = section(repeated, Costs(), 200).splitlines()
    found = repeated.of(CostFinding)
    assert [row.split()[0] for row in rows[2:]] == [str(finding.client) for finding in found]
    assert "1 stream to 100 streams" in sentences(found[0]).statement


def test_the_article_s_differences_are_explained_one_by_one(repeated):
    text = section(repeated, Article(), 200)
    assert text.count("÷") == 6
    assert "×4.56, here" in text
