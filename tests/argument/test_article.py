"""The article's differences, put down to what a run knows to be the truth."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.argument import article
from loadgen.findings import findings
from loadgen.model import Recording, Run
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
    """Blocks in random order; ``vary`` gives each cell its truth."""
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
    late, streams = round(load_ms * MS), dict(cell.streams)
    streams["load_ns"] = np.array([late, -1])
    streams["total_ns"] = streams["total_ns"] + np.array([late, 0])
    for name in ("headers", "end", "first_stamp_ns", "end_stamp_ns"):
        streams[name] = streams[name] + late
    for name in ("due", "start"):
        streams[name] = streams[name] + np.array([0, late])
    return replace(cell, streams=streams, arrivals={**cell.arrivals, "at": cell.arrivals["at"] + late})


def answer(held: Run):
    (found,) = (f for f in findings(held, summarise(held)) if f.kind == "article")
    return found


def kinds(held: Run) -> dict[tuple[str, str], str]:
    return {
        (effect.name.partition(",")[0], effect.client): effect.note.partition(":")[0]
        for effect in answer(held).effects
        if effect.line is not None
    }


def test_a_client_that_is_slower_by_its_own_doing_is_the_client_s():
    def vary(client, place, rng):
        return {"ttft_ms": 3000.0, "send_delay_ms": 2500.0} if client in SYNC else {}

    found = kinds(made(vary))
    assert found[article.FIRST, "requests"] == found[article.FIRST, "httpx-sync"] == "the client's"
    assert {kind for key, kind in found.items() if key[1] not in SYNC} == {"unexplained"}


def test_a_server_that_is_slower_to_one_client_is_not_the_client_s():
    found = kinds(made(lambda client, place, rng: {"ttft_ms": 3000.0} if client in SYNC else {}))
    assert "the client's" not in found.values()


def test_what_one_client_differs_by_from_itself_is_noise():
    def vary(client, place, rng):
        first, gap = np.exp(rng.normal(0, [1, 0.15]))
        return {"ttft_ms": 500 * float(first), "gap_ms": 40 * float(gap)}

    assert set(kinds(made(vary)).values()) == {"noise"}


def test_a_cold_first_stream_is_told_and_spoils_nothing_else():
    cold_run, warm_run = answer(made(cold_ms=2500)), answer(made())
    assert any("1 of 50 streams waited" in line and "2.5 s" in line for line in cold_run.evidence)
    assert any("no stream waited" in line for line in warm_run.evidence)
    found = kinds(made(cold_ms=2500))
    assert {kind for (figure, _), kind in found.items() if figure == article.FIRST} == {"a cold model"}
    assert found[article.TOTAL, "httpx-async"] == "unexplained"  # 7.6 s is more than such a load
    effects = [effect for effect in cold_run.effects if effect.line is not None]
    assert all(effect.low < 1.05 and effect.high < 1.15 for effect in effects)


def test_what_a_model_tells_that_is_there_already_is_no_load():
    cells = [
        replace(cell, streams={**cell.streams, "load_ns": np.full(2, 60 * MS)}) for cell in made().recordings
    ]
    assert any("no stream waited" in line for line in answer(answering(cells)).evidence)


def test_a_place_in_the_order_is_told_from_a_client():
    def vary(client, place, rng):
        return {"ttft_ms": 500 * float(np.exp(-0.8 * place)), "gap_ms": 40 * float(np.exp(0.12 * place))}

    found = kinds(made(vary))
    assert {found[article.FIRST, "requests"], found[article.TOTAL, "aiohttp"]} == {"order"}
    assert "the client's" not in found.values()
    (line,) = (line for line in answer(made(vary)).evidence if line.startswith(f"Order: {article.FIRST}"))
    assert "-55" in line
    assert "may be nothing" not in line


def test_answers_of_different_length_explain_totals_and_nothing_else():
    found = kinds(made(lambda client, place, rng: {"tokens": int(60 * np.exp(rng.normal(0, 0.2)))}))
    assert {kind for (figure, _), kind in found.items() if figure == article.TOTAL} == {"a longer answer"}
    assert {kind for (figure, _), kind in found.items() if figure == article.FIRST} == {"unexplained"}


def test_the_article_s_table_stands_beside_ours():
    effects = answer(made()).effects
    told = {(e.name, e.client): e.value for e in effects if e.note == "the article"}
    ours = {(e.name, e.client): e for e in effects if e.note == "this run"}
    assert told[article.FIRST, "aiohttp"] == 0.5
    assert told.keys() == ours.keys()
    assert all(e.low <= e.value <= e.high for e in ours.values())
    assert ours[article.TOTAL, "requests"].value == pytest.approx(2.86, rel=0.02)


def test_more_noise_takes_more_runs_to_see_through():
    def needed(spread):
        found = answer(made(lambda client, place, rng: {"gap_ms": 40 * float(np.exp(rng.normal(0, spread)))}))
        name = f"{article.TOTAL}, runs to know a difference of the article's size"
        return {e.client: e.value for e in found.effects if e.name == name}

    quiet, loud = needed(0.01), needed(0.1)
    assert quiet["httpx-async"] == 2 < loud["httpx-async"] < loud["httpx-sync"]
    # 0.0521 apart at a standard deviation of about 0.14 of the pairs' differences: ((1.96 + 0.84) 0.14 / 0.0521)^2
    assert 20 < loud["httpx-sync"] < 130


@pytest.mark.parametrize(("repeats", "clients"), [(1, tuple(MODES)), (3, ("requests", "aiohttp"))])
def test_a_run_that_cannot_answer_says_what_is_missing(repeats, clients):
    found = answer(made(repeats=repeats, clients=clients))
    assert found.verdict == "open"
    assert "httpx-sync" in found.evidence[0]


def test_only_who_asks_is_answered():
    held = run(".", made().recordings)
    assert not [f for f in findings(held, summarise(held)) if f.kind == "article"]
