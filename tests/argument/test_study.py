"""The claims of a study with runs in which they are true, false and undecidable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.argument import study
from loadgen.model import StudyClaim, Validity, reasons
from loadgen.scenario.study import parsed
from tests.synthetic import recording, run


def sweep(*, repeats=3, times=0.5, noise=0.01, levels=(10,), **one):
    """Rounds in which aiohttp takes so many times the memory of requests; ``one`` changes those of aiohttp."""
    made = []
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        for client, factor in (("requests", 1.0), ("aiohttp", times)):
            for n in levels:
                memory = 100 * factor * float(np.exp(rng.normal(0, noise)))
                more = one if client == "aiohttp" else {}
                where = {"client": client, "concurrency": n, "repeat": repeat, "index": len(made) + 1}
                made.append(recording(**where, streams=40, rss_per_stream_kib=memory, **more))
    return made


def finding_of(test: str, made):
    held = run(".", made)
    claim = parsed(test).of("what is claimed", "who")
    scenario = replace(held.info.scenario, study=(claim,))
    held = replace(held, info=replace(held.info, scenario=scenario))
    [finding] = study.findings(held, summarise(held))
    return finding


BELOW = "aiohttp.rss_per_stream_kib < 0.8 x requests"
CASES = [
    (BELOW, {}, "supported"),
    (BELOW, {"times": 1.5}, "contradicted"),
    (BELOW, {"times": 0.8, "noise": 0.1}, "undecided"),
    (BELOW, {"repeats": 1}, "undecided"),
    (BELOW, {"ended": "interrupted"}, "undecided"),
    ("aiohttp.rss_per_stream_kib > 1.2 × requests", {"times": 1.5}, "supported"),
    ("aiohttp.rss_per_stream_kib within 1.2 x requests", {"times": 1.0}, "supported"),
    ("aiohttp.rss_per_stream_kib within 1.2 x requests", {}, "contradicted"),
    ("aiohttp.rss_per_stream_kib < 80", {}, "supported"),
    ("aiohttp.rss_per_stream_kib > 80", {}, "contradicted"),
    ("aiohttp@10.rss_per_stream_kib < 0.8 x requests", {"levels": (10, 20)}, "supported"),
    ("aiohttp@30.rss_per_stream_kib < 0.8 x requests", {"levels": (10, 20)}, "undecided"),
]


@pytest.mark.parametrize(("test", "how", "verdict"), CASES)
def test_a_claim_is_decided_by_its_whole_interval(test: str, how, verdict: str) -> None:
    assert finding_of(test, sweep(**how)).verdict == verdict


def test_a_claim_is_tested_at_the_highest_level_of_both() -> None:
    effect = finding_of(BELOW, sweep(levels=(10, 20))).effect
    assert effect is not None
    assert effect.level is not None
    assert effect.level.streams == 20
    assert effect.estimate.value == pytest.approx(0.5, rel=0.05)


def test_what_may_be_the_clients_own_doing_counts() -> None:
    held = run(".", sweep())
    [summary, *_] = summarise(held)
    own = reasons.ConcurrencyNotReached(validity=Validity.INVALID, peak=5, target=10)
    other = reasons.SimulatorLate(validity=Validity.SUSPECT, late_p99_ms=20.0)
    assert study.counts(replace(summary, validity=Validity.INVALID, reasons=(own,)))
    assert not study.counts(replace(summary, validity=Validity.INVALID, reasons=(own, other)))


def test_a_test_is_read_with_labels_that_have_options() -> None:
    claim = parsed("requests python=3.14@100.cpu_us_per_token < 0.8 x requests lines=native").of("c", "")
    assert claim == StudyClaim(
        claim="c",
        test="requests python=3.14@100.cpu_us_per_token < 0.8 x requests lines=native",
        client="requests python=3.14",
        metric="cpu_us_per_token",
        direction="below",
        line=0.8,
        baseline="requests lines=native",
        level=claim.level,
    )
    assert claim.level is not None
    assert claim.level.streams == 100
