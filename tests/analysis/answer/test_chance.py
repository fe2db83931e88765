"""How often the answer is wrong by chance, and how often right: runs drawn with a known truth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest

from loadgen.analysis import answer
from loadgen.analysis.changes import SIGNIFICANCE
from loadgen.model import Alike, Differs, Summary
from tests import synthetic
from tests.analysis.answer.made import made
from tests.analysis.binomial import at_least, at_most

FOUR = ("requests", "httpx-sync", "httpx-async", "aiohttp")
SPREAD = {  # of the logarithm, from round to round
    "ttft_p50_ms": 0.03, "ttft_p99_ms": 0.12, "itl_p99_ms": 0.1, "total_p50_ms": 0.02, "lag_p50_ms": 0.3,
    "lag_p99_ms": 0.5, "send_delay_p99_ms": 0.6, "tokens_per_s": 0.02, "rss_per_stream_kib": 0.05,
    "cpu_us_per_token": 0.08, "switches_per_token": 0.1,
}  # fmt: skip
LEVELS = {
    "ttft_p50_ms": 300.0, "ttft_p99_ms": 700.0, "itl_p99_ms": 250.0, "total_p50_ms": 3000.0, "lag_p50_ms": 2.0,
    "lag_p99_ms": 20.0, "send_delay_p99_ms": 5.0, "tokens_per_s": 1000.0, "rss_per_stream_kib": 60.0,
    "cpu_us_per_token": 150.0, "switches_per_token": 1.5,
}  # fmt: skip


def drawn(
    rng: np.random.Generator,
    clients: tuple[str, ...] = FOUR,
    *,
    noise: float = 1.0,
    rounds: int = 3,
    uneven: float = 0.3,
    truth: Mapping[tuple[str, str], float] | None = None,
) -> list[Summary]:
    """Return a run: lognormal noise, some of it shared by all clients of a round, some by all figures of a cell.

    ``uneven``: by how much clients differ in how noisy they are; ``truth``: a factor on a client's figure.
    """
    common = rng.standard_normal((len(SPREAD), rounds))
    found = []
    for client in clients:
        cell, own = rng.standard_normal((1, rounds)), rng.standard_normal((len(SPREAD), rounds))
        size = noise * np.exp(uneven * rng.standard_normal())
        mixed = size * (math.sqrt(0.3) * common + math.sqrt(0.35) * (cell + own))
        figures = {
            name: tuple(LEVELS[name] * (truth or {}).get((client, name), 1.0) * np.exp(spread * mixed[place]))
            for place, (name, spread) in enumerate(SPREAD.items())
        }
        found.append(made(client, rounds=rounds, **figures))
    return found


def told(draws: int, seed: int, *args: object, **options: object) -> Counter[str]:
    """Return in how many of the drawn runs each kind of sentence, or contrast, was made."""
    rng, run = np.random.default_rng(seed), synthetic.run("/nowhere", [])
    found: Counter[str] = Counter()
    for _ in range(draws):
        answers = answer.findings(run, drawn(rng, *args, **options))  # type: ignore[arg-type]
        found.update({one.kind for one in answers})
        found.update(
            {f"{c.metric} {one.worst}" for one in answers if isinstance(one, Differs) for c in one.contrasts}
        )
        found.update({f"alike {c}" for one in answers if isinstance(one, Alike) for c in one.clients})
    return found


@pytest.mark.parametrize(
    ("clients", "options"),
    [
        (FOUR, {}),
        (FOUR, {"noise": 2.0, "uneven": 1.0}),
        (FOUR, {"noise": 3.0, "rounds": 5}),
        ((*FOUR, "requests (A/A)"), {"noise": 3.0}),
        (FOUR[:2], {"noise": 3.0}),
        ((*FOUR, "one", "two", "three"), {"noise": 2.0}),
    ],
)
def test_equal_clients_differ_in_any_sentence_in_one_of_twenty_runs_at_most(clients, options, draws):
    found = told(draws, 11, clients, **options)
    assert found["differs"] <= at_most(SIGNIFICANCE, draws)
    assert not found["grows"]


def test_equal_clients_are_alike_in_most_runs(draws):
    assert told(draws, 12)["alike"] >= at_least(0.9, draws)


@pytest.mark.parametrize("clients", [FOUR[2:], FOUR])
def test_a_client_that_is_slower_by_more_is_seldom_called_alike(clients, draws):
    truth = {("aiohttp", name): 1.12 for name in ("ttft_p50_ms", "total_p50_ms", "tokens_per_s")}
    found = told(draws, 13, clients, truth=truth)
    assert found["alike aiohttp"] <= at_most(0.05, draws)


def test_clients_that_really_differ_are_told(draws):
    truth = {("requests", "rss_per_stream_kib"): 2.0, ("httpx-async", "cpu_us_per_token"): 2.5}
    found = told(draws, 14, truth=truth)
    assert found["rss_per_stream_kib requests"] >= at_least(0.9, draws)
    assert found["cpu_us_per_token httpx-async"] >= at_least(0.8, draws)
