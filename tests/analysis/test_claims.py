"""Every claim with runs in which it is true, false and undecidable."""

from __future__ import annotations

import pytest

from loadgen.analysis import findings, summarise
from loadgen.analysis.claims import CLAIMS
from tests.synthetic import recording, run

SYNC, ASYNC = ("requests", "httpx-sync"), ("httpx-async", "aiohttp")
BLOCKS, NOT_BLOCKED, SINGLE, COSTS, SCALES = (claim.id for claim in CLAIMS)


def ladder(levels=(1, 100), clients=SYNC + ASYNC, *, sync=None, asyncs=None, **more):
    """Cells in which every claim holds, but for the changes given for sync and async clients."""
    made = []
    for client in clients:
        for n in levels:
            how = {
                "client": client,
                "concurrency": n,
                "streams": max(40, 2 * n),
                "index": len(made),
                "jitter": 0.1,
            }
            how |= {"mode": "threads", "voluntary_per_token": 1.5, "rss_per_stream_kib": 120, "lag_us": 400}
            own = sync
            if client in ASYNC:
                how |= {"mode": "tasks", "voluntary_per_token": 0.5, "rss_per_stream_kib": 20, "lag_us": 100}
                own = asyncs
            made.append(recording(**how | more | (own or {})))
    return made


def verdicts(made):
    held = run(".", made)
    return {f.id: f for f in findings(held, summarise(held)) if f.kind == "claim"}


CASES = [
    # what the run shows, the claim, its verdict
    ("all hold", {}, BLOCKS, "for"),
    ("all hold", {}, NOT_BLOCKED, "for"),
    ("all hold", {}, SINGLE, "for"),
    ("all hold", {}, COSTS, "for"),
    ("all hold", {}, SCALES, "for"),
    (
        "sync on one thread, never asleep",
        {"sync": {"threads": 1, "voluntary_per_token": 0.1}},
        BLOCKS,
        "against",
    ),
    ("one stream only", {"levels": (1,)}, BLOCKS, "open"),
    ("no sync client", {"clients": ASYNC}, BLOCKS, "open"),
    ("httpx-sync missing", {"clients": ("requests", "aiohttp")}, BLOCKS, "open"),
    (
        "switches unknown",
        {"voluntary_per_token": None, "sync": {"voluntary_per_token": None}},
        BLOCKS,
        "open",
    ),
    ("async with a thread each", {"asyncs": {"threads": 101}, "levels": (100,)}, NOT_BLOCKED, "against"),
    ("async late by whole streams", {"asyncs": {"lag_us": 2_000_000}}, NOT_BLOCKED, "against"),
    ("no stamps, still side by side", {"stamped": False}, NOT_BLOCKED, "for"),
    ("one stream only", {"levels": (1,)}, NOT_BLOCKED, "open"),
    ("no async client", {"clients": SYNC}, NOT_BLOCKED, "open"),
    ("async clearly faster alone", {"sync": {"gap_ms": 100}}, SINGLE, "against"),
    ("async slower among many", {"asyncs": {"lag_us": 4000}}, SINGLE, "against"),
    ("the same lag", {"lag_us": 300, "sync": {"lag_us": 300}, "asyncs": {"lag_us": 300}}, SINGLE, "open"),
    ("no single stream", {"levels": (100,)}, SINGLE, "open"),
    ("too noisy to tell", {"jitter": 9.0, "levels": (1, 100), "tokens": 2, "gap_ms": 1.0}, SINGLE, "open"),
    ("lean threads", {"sync": {"rss_per_stream_kib": 1, "voluntary_per_token": 0.1}}, COSTS, "against"),
    ("memory but no switches", {"sync": {"voluntary_per_token": 0.1}}, COSTS, "open"),
    ("few streams", {"levels": (1, 10)}, COSTS, "open"),
    ("no sync client", {"clients": ASYNC}, COSTS, "open"),
    (
        "async fatter, more switches",
        {"asyncs": {"rss_per_stream_kib": 500, "voluntary_per_token": 4}},
        SCALES,
        "against",
    ),
    ("async fatter", {"asyncs": {"rss_per_stream_kib": 500}}, SCALES, "open"),
    ("memory alike within the noise", {"asyncs": {"rss_per_stream_kib": 125}}, SCALES, "open"),
    ("few streams", {"levels": (1, 10)}, SCALES, "open"),
    ("memory unknown", {"base_rss_kib": None}, SCALES, "open"),
    ("no async client", {"clients": SYNC}, SCALES, "open"),
    ("all invalid", {"ended": "interrupted"}, SCALES, "open"),
    ("all invalid", {"ended": "interrupted"}, BLOCKS, "open"),
    ("the yardstick alone is no witness", {"clients": ("floor", "requests")}, SCALES, "open"),
]


@pytest.mark.parametrize(("shown", "how", "claim", "verdict"), CASES, ids=[f"{c[2]}: {c[0]}" for c in CASES])
def test_verdicts(shown, how, claim, verdict):
    found = verdicts(ladder(**how))[claim]
    assert found.verdict == verdict, found.evidence


def test_one_per_claim_in_the_article_s_order_even_of_an_empty_run():
    found = verdicts([])
    assert list(found) == [claim.id for claim in CLAIMS]
    assert {f.verdict for f in found.values()} == {"open"}
    assert all(f.evidence for f in found.values())


def test_evidence_has_the_figures_of_this_run():
    found = verdicts(ladder())
    memory = "aiohttp against requests, memory per stream: 20 KiB against 120 KiB, 0.17 times"
    assert f"For: at 100 streams, {memory}" in found[SCALES].evidence
    assert (
        "For: at 100 streams, aiohttp against requests, threads: 1 against 101, 0.0099 times"
        in found[SCALES].evidence
    )
    assert (
        "For: requests at 100 streams used 100 threads beyond its own, 1.00 per stream"
        in found[BLOCKS].evidence
    )
    assert any(
        text.startswith("For: requests at 100 streams made 1.51 context switches per token")
        for text in found[COSTS].evidence
    )
    assert any("0.10 ms after it was sent" in text for text in found[NOT_BLOCKED].evidence)


def test_for_and_against_are_counted_apart():
    found = verdicts(ladder(asyncs={"rss_per_stream_kib": 500}))[SCALES]
    kinds = [text.split(":")[0] for text in found.evidence]
    assert kinds == ["For"] * 4 + ["Against"] * 4 + ["For"] * 4


def test_pairs_meet_at_the_highest_concurrency_that_both_have():
    made = ladder(levels=(100,), clients=("requests",)) + ladder(levels=(100, 200), clients=("aiohttp",))
    found = verdicts(made)[SCALES]
    assert found.evidence
    assert all("at 100 streams" in text for text in found.evidence)


def test_invalid_measurements_do_not_testify_and_are_named():
    made = ladder(levels=(100,), clients=("requests", "aiohttp"))
    made += ladder(
        levels=(200,),
        clients=("requests", "aiohttp"),
        server_late_p99_ms=90,
        asyncs={"rss_per_stream_kib": 900},
    )
    found = verdicts(made)[SCALES]
    assert found.verdict == "for"
    assert "Not counted: aiohttp at 200 streams is invalid" in found.evidence


def test_suspect_measurements_testify_and_are_marked():
    found = verdicts(ladder(levels=(100,), clients=("requests", "aiohttp"), listen_drops=1))[BLOCKS]
    assert "For: requests at 100 streams (suspect) used 100 threads" in found.evidence[0]


def test_threads_of_an_async_client_are_judged_by_their_growth():
    grows = ladder(levels=(10,), clients=("aiohttp",), threads=2) + ladder(
        levels=(100,), clients=("aiohttp",), threads=60
    )
    assert verdicts(grows)[NOT_BLOCKED].verdict == "against"
    constant = ladder(levels=(10, 100), clients=("aiohttp",), threads=8)
    assert verdicts(constant)[NOT_BLOCKED].verdict == "for"
