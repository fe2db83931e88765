"""The article's differences, explained by what is known to be true of a run."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.argument import article
from loadgen.model import (
    ArticleFinding,
    ClientId,
    Outcome,
    Recording,
    Run,
    ServerInfo,
    SourceKind,
    Target,
    WarmUp,
)
from tests.synthetic import MS, recording, run

MODES = {
    "requests": "threads",
    "httpx-sync": "threads",
    "httpx-async": "tasks",
    "aiohttp": "tasks",
    "requests (A/A)": "threads",
}
SYNC = [client for client, mode in MODES.items() if mode == "threads"]


def made(vary=lambda client, place, rng: {}, repeats=5, clients=tuple(MODES), cold_ms=0) -> Run:
    """Rounds in random order; ``vary`` gives each cell its truth."""
    cells: list[Recording] = []
    for repeat in range(repeats):
        for place, client in enumerate(random.Random(repeat).sample(clients, len(clients))):
            how = {"jitter": 0.02, "ttft_ms": 500.0, "gap_ms": 40.0, "tokens": 60}
            how |= vary(client, place, np.random.default_rng(len(cells)))
            where = {"client": client, "mode": MODES[client], "repeat": repeat, "index": len(cells) + 1}
            cells.append(recording(concurrency=1, streams=2, **where, **how))
    if cold_ms:
        cells[0] = cold(cells[0], cold_ms)
    return answering(cells)


def answering(cells) -> Run:
    made = run(".", cells)
    return replace(made, info=replace(made.info, scenario=replace(made.info.scenario, answers="article")))


def cold(cell: Recording, load_ms: float) -> Recording:
    """Its first stream waits so much longer, for the model to load; all that follows comes later."""
    late, table = round(load_ms * MS), cell.streams
    streams = replace(
        table,
        load_ns=np.array([late, -1]),
        total_ns=table.total_ns + np.array([late, 0]),
        **{name: table.columns[name] + late for name in ("headers", "end", "first_stamp_ns", "end_stamp_ns")},
        **{name: table.columns[name] + np.array([0, late]) for name in ("due", "start")},
    )
    return replace(cell, streams=streams, arrivals=replace(cell.arrivals, at=cell.arrivals.at + late))


def answer(held: Run) -> ArticleFinding:
    (found,) = article.findings(held, summarise(held))
    return found


def sources(held: Run) -> dict[tuple[str, str], SourceKind]:
    return {(one.metric, one.client.name): one.source for one in answer(held).differences}


def test_a_client_that_is_slower_by_its_own_doing_is_the_source():
    def vary(client, place, rng):
        return {"ttft_ms": 3000.0, "send_delay_ms": 2500.0} if client in SYNC else {}

    found = sources(made(vary))
    assert found["ttft", "requests"] == found["ttft", "httpx-sync"] == SourceKind.CLIENT
    assert {source for key, source in found.items() if key[1] not in SYNC} == {SourceKind.UNEXPLAINED}


@pytest.mark.parametrize("ttft_ms", [3000.0, 9000.0])
def test_a_server_that_is_slower_to_one_client_is_no_difference_of_the_client(ttft_ms):
    held = made(lambda client, place, rng: {"ttft_ms": ttft_ms} if client in SYNC else {})
    assert SourceKind.CLIENT not in sources(held).values()
    assert all((one.own_ratio or 1) < 1.01 for one in answer(held).differences)


def test_what_one_client_differs_by_from_itself_is_noise():
    def vary(client, place, rng):
        first, gap = np.exp(rng.normal(0, [1, 0.15]))
        return {"ttft_ms": 500 * float(first), "gap_ms": 40 * float(gap)}

    assert set(sources(made(vary)).values()) == {SourceKind.NOISE}


def test_a_cold_first_stream_is_reported_and_spoils_nothing_else():
    cold_run, warm_run = answer(made(cold_ms=2500)), answer(made())
    assert (cold_run.cold, cold_run.streams, cold_run.load_s) == (1, 50, 2.5)
    assert (warm_run.cold, warm_run.load_s) == (0, None)
    found = {(one.metric, one.client.name): one for one in cold_run.differences}
    assert {one.source for one in found.values() if one.metric == "ttft"} == {SourceKind.COLD_MODEL}
    assert found["total", "httpx-async"].source == SourceKind.UNEXPLAINED  # 7.6 s is more than such a load
    assert all(one.ours.low < 1.05 and one.ours.high < 1.15 for one in found.values())


def test_the_short_load_that_a_loaded_model_reports_is_none():
    cells = [
        replace(cell, streams=replace(cell.streams, load_ns=np.full(2, 60 * MS)))
        for cell in made().recordings
    ]
    assert answer(answering(cells)).cold == 0


def test_an_effect_of_the_order_is_distinguished_from_one_of_the_client():
    def vary(client, place, rng):
        return {"ttft_ms": 500 * float(np.exp(-0.8 * place)), "gap_ms": 40 * float(np.exp(0.12 * place))}

    found = sources(made(vary))
    assert {found["ttft", "requests"], found["total", "aiohttp"]} == {SourceKind.ORDER}
    assert SourceKind.CLIENT not in found.values()
    order = answer(made(vary)).orders["ttft"]
    assert order.value == pytest.approx(np.expm1(-0.8), abs=0.01)
    assert order.low < order.value < order.high < 0


def test_answers_of_different_length_explain_totals_and_nothing_else():
    found = sources(made(lambda client, place, rng: {"tokens": int(60 * np.exp(rng.normal(0, 0.2)))}))
    assert {source for key, source in found.items() if key[0] == "total"} == {SourceKind.ANSWER_LENGTH}
    assert {source for key, source in found.items() if key[0] == "ttft"} == {SourceKind.UNEXPLAINED}


def test_the_article_s_table_stands_beside_ours():
    times = {(one.metric, one.client.name): one for one in answer(made()).times}
    assert len(times) == 8
    assert times["ttft", "aiohttp"].article == 0.5
    assert all(one.ours.low <= one.ours.value <= one.ours.high for one in times.values())
    assert times["total", "requests"].ours.value == pytest.approx(2.86, rel=0.02)


def test_more_noise_takes_more_runs_to_see_through():
    def needed(spread):
        found = answer(made(lambda client, place, rng: {"gap_ms": 40 * float(np.exp(rng.normal(0, spread)))}))
        return {one.client.name: one.runs_article for one in found.differences if one.metric == "total"}

    quiet, loud = needed(0.01), needed(0.1)
    assert quiet["httpx-async"] == 2 < loud["httpx-async"] < loud["httpx-sync"]
    # 0.0521 apart at a standard deviation of about 0.14 of the pairs' differences: ((1.96 + 0.84) 0.14 / 0.0521)^2
    assert 20 < loud["httpx-sync"] < 130


@pytest.mark.parametrize(("repeats", "clients"), [(1, tuple(MODES)), (3, ("requests", "aiohttp"))])
def test_a_run_that_cannot_answer_says_what_is_missing(repeats, clients):
    found = answer(made(repeats=repeats, clients=clients))
    assert found.verdict == "undecided"
    assert ClientId("httpx-sync") in found.missing


def test_only_a_scenario_that_asks_for_it_is_answered():
    held = run(".", made().recordings)
    assert article.findings(held, summarise(held)) == []


def with_model(held: Run, parameters: str | None, load_s: float | None, resident: bool = False) -> Run:
    """The same run, on a real server with such a model, whose load the warm-up has measured."""
    seen = WarmUp(requests=1, outcome=Outcome.OK, load_s=load_s, resident=resident)
    wanted = held.info.scenario
    target = Target(url="http://127.0.0.1:11434")
    workload = replace(wanted.workload, options={"num_predict": 60})
    info = replace(
        held.info, warm_up=seen, scenario=replace(wanted, target=target, workload=workload),
        server=ServerInfo(name="Ollama", parameters=parameters),
    )  # fmt: skip
    return replace(held, info=info)


SMALL = {  # parameters, seconds of a load, ms to the first token and between two
    "smollm2:135m": ("134.52M", 0.4, 40.0, 8.0),
    "gemma3:270m": ("268.10M", 1.3, 83.0, 15.0),
    "qwen2.5:0.5b": ("494.03M", 0.9, 150.0, 30.0),
    "qwen3:1.7b": ("2.0B", 2.4, 500.0, 90.0),
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("noise", [0.02, 0.3])
def test_the_verdicts_do_not_depend_on_the_model_at_hand(name: str, noise: float) -> None:
    parameters, load_s, ttft_ms, gap_ms = SMALL[name]

    def vary(client: str, place: int, rng: np.random.Generator) -> dict[str, float]:
        # httpx-async sends its first request late by 30 ms, whatever the model
        late = 30.0 if client == "httpx-async" else 0.5
        first = ttft_ms * float(np.exp(rng.normal(0, noise)))
        return {"ttft_ms": first + late, "gap_ms": gap_ms, "send_delay_ms": late}

    found = answer(with_model(made(vary), parameters, load_s))
    assert {(one.metric, one.source) for one in found.differences} == {
        ("ttft", SourceKind.COLD_MODEL),
        ("total", SourceKind.ANSWER_LENGTH),
    }
    assert (found.cold, found.load_s, found.cap) == (0, load_s, 60)
    assert (found.load_article_s or load_s) == pytest.approx(load_s * {"smollm2:135m": 14.9, "gemma3:270m": 7.46,
        "qwen2.5:0.5b": 4.05, "qwen3:1.7b": 1.0}[name], rel=0.01)  # fmt: skip


def test_a_client_that_is_slower_by_as_much_is_named_whatever_the_model() -> None:
    def vary(client: str, place: int, rng: np.random.Generator) -> dict[str, float]:
        return {"ttft_ms": 2400.0, "send_delay_ms": 2330.0} if client in SYNC else {"ttft_ms": 70.0}

    found = answer(with_model(made(vary), "134.52M", 0.5))
    own = {one.client.name: one.source for one in found.differences if one.metric == "ttft"}
    assert own["requests"] is own["httpx-sync"] is SourceKind.CLIENT


def test_a_model_that_was_in_memory_says_nothing_of_a_load() -> None:
    found = answer(with_model(made(), "134.52M", 0.07, resident=True))
    assert (found.load_s, found.load_article_s) == (None, None)
