"""Late tokens of which the cause is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadgen import analysis, store
from loadgen.analysis import delivery_lag
from loadgen.analysis.repeats import repeats_of
from loadgen.model import CpuSample, CpuSampleTable, DelayFinding, Level, Pause, Recording
from tests import synthetic
from tests.synthetic import MS, ZERO

STREAM, TOKEN = 3, 7  # the one that comes late
LATE = 30 * MS
TOKENS = 20


def plain(**changes: Any) -> Recording:
    """Return ten streams of twenty tokens, none late."""
    return synthetic.recording(
        **{"streams": 10, "concurrency": 10, "tokens": TOKENS, "lag_us": 0.0} | changes
    )


def one_late(by: int = LATE, **changes: Any) -> tuple[Recording, int, int]:
    """Return a recording in which one token is late, when it was sent and when it arrived."""
    recording = plain(**changes)
    at = recording.arrivals.at.copy()
    row = STREAM * (TOKENS + 1) + TOKEN
    sent = int(at[row])
    at[row] += by
    return replace(recording, arrivals=replace(recording.arrivals, at=at)), sent, sent + by


def causes_of(recording: Recording) -> Counter[str]:
    """Return cause -> late tokens."""
    found: Counter[str] = Counter()
    for delays in delivery_lag.delays_of(repeats_of([recording])[0]):
        found.update(delivery_lag.CAUSES[place] for place in delays.cause.tolist())
        assert delays.late == len(delays.delay)
    return found


def pauses(*of: tuple[str, int, int]) -> Mapping[str, Any]:
    return store.table_of_pauses(Pause(kind, begin, end) for kind, begin, end in of)  # type: ignore[arg-type]


def cpu_samples(
    cpu: float, *waits: tuple[int, int], begin: int = ZERO, samples: int = 300
) -> Mapping[str, Any]:
    """Return a hundred samples a second: the share of a core used, and waits (end, ns), each counted when it ends."""
    ats = [begin + number * 10 * MS for number in range(samples)]
    return store.table_of(
        CpuSampleTable,
        (CpuSample(at, int(cpu * (at - begin)), sum(ns for end, ns in waits if end <= at)) for at in ats),
    )


def test_nothing_late_is_no_finding() -> None:
    recording, *_ = one_late(by=2 * MS)
    assert causes_of(recording) == Counter()
    assert findings(recording) == []


def test_without_evidence_it_stays_unexplained() -> None:
    recording, *_ = one_late()
    assert causes_of(recording) == {"unexplained": 1}  # as of a folder that is older than the evidence
    assert causes_of(replace(recording, pauses=pauses(), cpu_samples=cpu_samples(0.1))) == {"unexplained": 1}


@pytest.mark.parametrize(("kind", "cause"), [("gc_pause", "gc"), ("loop_pause", "busy")])
@pytest.mark.parametrize(("share", "explained"), [(1.0, True), (0.51, True), (0.49, False)])
def test_a_pause_explains_what_it_overlaps(kind: str, cause: str, share: float, explained: bool) -> None:
    recording, sent, seen = one_late()
    part = pauses(
        (kind, sent - 40 * MS, sent - 1 * MS),
        (kind, sent - 1 * MS, sent + int(share * LATE / 2)),
        (kind, seen - int(share * LATE / 2), seen + 50 * MS),
    )
    assert causes_of(replace(recording, pauses=part)) == {cause if explained else "unexplained": 1}


def test_a_collection_within_a_turn_is_the_cause() -> None:
    recording, sent, seen = one_late()
    both = pauses(("loop_pause", sent, seen), ("gc_pause", sent + 5 * MS, seen - 5 * MS))
    assert causes_of(replace(recording, pauses=both)) == {"gc": 1}


def test_where_only_several_explain_half_of_it_the_largest_is_the_cause() -> None:
    recording, sent, seen = one_late()
    wait = (seen - 1 * MS, 6 * MS)
    assert causes_of(replace(recording, cpu_samples=cpu_samples(0.4))) == {"unexplained": 1}
    assert causes_of(replace(recording, cpu_samples=cpu_samples(0.4, wait))) == {"busy": 1}
    turn = pauses(("loop_pause", sent, sent + 14 * MS))  # may have been longer for the wait
    assert causes_of(replace(recording, pauses=turn, cpu_samples=cpu_samples(0.1, wait))) == {
        "unexplained": 1
    }


@pytest.mark.parametrize("mode", ["tasks", "threads", "greenlets"])
@pytest.mark.parametrize(("cpu", "cause"), [(0.9, "busy"), (0.3, "unexplained")])
def test_an_engine_without_turns_was_busy_while_it_ran(mode: Any, cpu: float, cause: str) -> None:
    recording, *_ = one_late(mode=mode)
    assert causes_of(replace(recording, cpu_samples=cpu_samples(cpu))) == {cause: 1}


@pytest.mark.parametrize(("after", "cause"), [(0, "cpu"), (9, "cpu"), (-60, "unexplained")])
def test_a_wait_for_cpu_is_counted_when_it_ends(after: int, cause: str) -> None:
    recording, _, seen = one_late()
    wait = cpu_samples(0.1, (seen - 1 * MS + after * MS, 25 * MS))
    assert causes_of(replace(recording, cpu_samples=wait)) == {cause: 1}


@pytest.mark.parametrize(
    ("waited", "cpu", "cause"),
    [(25, 0.1, "cpu"), (25, 0.9, "busy"), (3, 0.1, "unexplained"), (-1, 0.1, "unexplained")],
)
def test_a_thread_waited_for_cpu_unless_its_own_engine_had_it(waited: int, cpu: float, cause: str) -> None:
    recording, *_ = one_late(mode="threads")
    waits = np.full(10, 10_000 * MS)  # of the others
    waits[STREAM] = waited * MS if waited >= 0 else -1
    streams = replace(recording.streams, run_wait_ns=waits)
    assert causes_of(replace(recording, streams=streams, cpu_samples=cpu_samples(cpu))) == {cause: 1}


def test_the_server_causes_what_it_sent_late() -> None:
    recording = plain()
    first = np.repeat(recording.streams.first_stamp_ns, TOKENS)
    sent = np.sort(first + recording.stamps.us.astype(np.int64) * 1000 + 123)[:80:4]
    late = np.stack([sent - 20 * MS, sent], axis=1)
    late[::2, 0] += 15 * MS  # every other only 5 ms
    assert recording.server is not None
    server = replace(recording.server, late=late.astype("<i8").tobytes())
    assert causes_of(replace(recording, server=server))["server"] >= 10
    assert set(causes_of(replace(recording, server=server))) == {"server"}


@pytest.mark.parametrize(
    ("turn", "sent_ms", "cause"),
    [
        (5, 30.0, "connect"),
        (29, 30.0, "busy"),
        (5, 31.0, "connect"),  # the kernel's ticks
        (0, 1.0, "unreceived"),  # the server took it late
        (0, 12.0, "unreceived"),  # and that is the larger part
        (29, 1.0, "unreceived"),  # whatever the client did meanwhile
        (5, None, "unreceived"),  # nobody knows
        (29, None, "busy"),
    ],
)
def test_the_wait_for_a_connection_is_until_the_request_was_sent_where_the_engine_was_idle(
    turn: int, sent_ms: float | None, cause: str
) -> None:
    recording = plain(send_delay_ms=30.0, ttft_ms=100.0, sent_ms=sent_ms)
    held = pauses(("loop_pause", ZERO, ZERO + turn * MS))
    assert causes_of(replace(recording, pauses=held)) == {cause: 10}


@pytest.mark.parametrize(
    ("turn", "tls_ms", "cause"),
    [(1, 25, "opening"), (1, 5, "connect"), (29, 25, "busy"), (1, 200, "opening")],
)
def test_a_client_is_not_blamed_for_a_handshake_in_which_it_was_idle(
    turn: int, tls_ms: float, cause: str
) -> None:
    recording = plain(send_delay_ms=30.0, ttft_ms=300.0, sent_ms=30.0, opening_ms=(-1, 0.5, tls_ms))
    held = pauses(("loop_pause", ZERO, ZERO + turn * MS))
    assert causes_of(replace(recording, pauses=held)) == {cause: 10}


def test_a_request_that_waited_for_a_late_server_is_the_servers() -> None:
    recording = plain(send_delay_ms=30.0, ttft_ms=100.0)
    late = np.array([[0, 25 * MS], [5 * MS, 28 * MS]]) + synthetic.EPOCH
    assert recording.server is not None
    server = replace(recording.server, late=late.astype("<i8").tobytes())
    assert causes_of(replace(recording, server=server)) == {"server": 10}


def test_tokens_that_share_a_read_waited_for_its_last() -> None:
    assert causes_of(plain(per_read=4, gap_ms=20.0)) == {"coalesced": 10 * 5 * 3}


def test_without_a_common_clock_there_are_no_causes() -> None:
    for changes in ({"same_host": False}, {"clock_step_ns": 500 * MS}, {"stamped": False}):
        recording, *_ = one_late(**changes)
        assert causes_of(recording) == Counter()


def test_workers_have_clocks_of_their_own() -> None:
    recording, sent, seen = one_late()
    parts = synthetic.split(recording)
    apart = parts[1].start - parts[0].start
    shift = {id(part): number * apart for number, part in enumerate(parts)}
    held = [
        replace(part, pauses=pauses(("loop_pause", sent + shift[id(part)], seen + shift[id(part)])))
        for part in parts
    ]
    found = list(delivery_lag.delays_of(repeats_of(held)[0]))
    assert sum(part.tokens for part in found) == 10 * TOKENS
    assert [delivery_lag.CAUSES[place] for part in found for place in part.cause] == ["busy"]


def findings(*recordings: Recording) -> list[DelayFinding]:
    run = synthetic.run("/nowhere", recordings)
    return delivery_lag.findings(run, analysis.summarise(run))


def test_shares_are_of_all_repeats_by_count_and_by_time() -> None:
    first, sent, seen = one_late()
    first = replace(first, pauses=pauses(("loop_pause", sent, seen)))
    second, *_ = one_late(by=90 * MS, gap_ms=200.0, repeat=1, index=1)
    third, sent, seen = one_late(repeat=2, index=2)
    third = replace(third, pauses=pauses(("loop_pause", sent, seen)))
    (found,) = findings(first, second, third)
    assert (found.client, found.level, found.verdict) == (
        synthetic.client_id("aiohttp"),
        Level(streams=10),
        "busy",
    )
    assert (found.late, found.tokens, found.budget_ms) == (3, 600, 3.0)
    assert [(each.cause, each.share, each.delay_share) for each in found.delays] == [
        ("busy", pytest.approx(2 / 3), pytest.approx(0.4)),
        ("unexplained", pytest.approx(1 / 3), pytest.approx(0.6)),
    ]
    assert (found.delays[1].median_ms, found.delays[1].max_ms) == (90.0, 90.0)


def test_of_very_many_an_even_selection_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_lag, "MAX_TOKENS", 20)
    late = plain(lag_us=20_000.0)
    (delays,) = delivery_lag.delays_of(repeats_of([late])[0])
    assert (delays.late, delays.tokens) == (200, 200)
    assert 10 <= len(delays.cause) <= 20
    (found,) = findings(late)
    assert (found.late, found.tokens) == (200, 200)
