"""The wheel, the clock, the log, the slots and the models, with times of our own."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest

from loadgen.model import ServerLog
from loadgen.protocols import stamps
from loadgen.protocols.ollama import Encoder, Kind
from loadgen.simulator import log
from loadgen.simulator.corpus import TOKENS
from loadgen.simulator.encoding import Encoding
from loadgen.simulator.log import Log
from loadgen.simulator.loop import Loop
from loadgen.simulator.state import full_name
from loadgen.simulator.wheel import Wheel

MS = 1_000_000
STAMP = len("2026-01-31T12:00:00.123456789Z")


def test_the_wheel_is_never_early_and_late_by_less_than_its_slot() -> None:
    wheel, fired = Wheel(), []
    dues = [0, 1, 999_999, MS, MS + 1, 5 * MS + 3, 250 * MS]
    for due in dues:
        wheel.add(due, lambda due=due: fired.append(due))
    for now in range(0, 252 * MS, 100_000):
        known = len(fired)
        wheel.turn(now)
        assert all(due <= now < due + MS + 100_000 for due in fired[known:])
    assert fired == dues
    assert wheel.wait(0) is None


def test_the_wheel_tells_how_long_to_wait() -> None:
    wheel = Wheel()
    wheel.add(7 * MS, lambda: None)
    wheel.add(3 * MS - 1, lambda: None)
    assert wheel.wait(MS) == pytest.approx(0.002)
    assert wheel.wait(9 * MS) == 0


def test_what_is_added_overdue_waits_for_the_next_turn() -> None:
    wheel, turns = Wheel(), []

    def again() -> None:
        turns.append(1)
        wheel.add(0, again)

    again()
    for _ in range(3):
        wheel.turn(10 * MS)
    assert len(turns) == 4


def test_a_stamp_has_nine_digits() -> None:
    loop = Loop()
    loop.stop()
    loop.run()  # which closes it
    loop.set_second(1_700_000_000_123_456_789)
    assert loop.second == b"2023-11-14T22:13:20."
    now, text = loop.stamp()
    assert len(text) == STAMP
    assert stamps.parse(text.decode()) == now


def test_the_log_counts_and_ranks() -> None:
    sends = Log()
    assert [sends.add_stream() for _ in range(2)] == [0, 1]
    sends.open -= 1
    sends.add_stream()
    for late in range(1, 101):
        sends.add_object(1000, 1000 + late * MS)
    found = log.server_log(sends.pack())
    late_sends = np.frombuffer(found.late, "<i8").reshape(-1, 2)
    assert late_sends.tolist() == [[1000, 1000 + late * MS] for late in range(2, 101)]
    percentiles = (found.late_p50_ms, found.late_p99_ms)
    assert percentiles == pytest.approx((50, 99), rel=1e-3)
    assert replace(found, late=b"", late_p50_ms=None, late_p99_ms=None) == ServerLog(
        streams=3, open_peak=2, sends=100, late_p50_ms=None, late_p99_ms=None, late_max_ms=100
    )
    assert log.server_log(Log().pack()).late_p99_ms is None


def test_of_very_many_late_sends_the_worst_are_kept_in_the_order_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "MAX_LATE_ROWS", 2)
    sends = Log()
    for sent, late in ((100, 3), (200, 9), (300, 2), (400, 5)):
        sends.add_object((sent - late) * MS, sent * MS)
    late_sends = np.frombuffer(log.server_log(sends.pack()).late, "<i8").reshape(-1, 2)
    assert late_sends.tolist() == [[191 * MS, 200 * MS], [395 * MS, 400 * MS]]


def test_what_is_sent_on_time_is_counted_by_the_microsecond() -> None:
    sends = Log()
    for late in range(0, MS, 100):
        sends.add_object(1000, 1000 + late)
    found = log.server_log(sends.pack())
    assert (found.late_p50_ms, found.late_p99_ms) == pytest.approx((0.5, 0.99), abs=0.001)
    assert (found.late, sends.counts()["sends"]) == (b"", MS // 100)


def test_the_log_has_one_size_however_much_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_LATE_ROWS", 10)
    sends, sizes = Log(), []
    for late in (0, 5, 500, 50_000):  # milliseconds
        for i in range(1000):
            sends.add_object(i, i + late * MS)
        sizes.append(len(sends.pack()))
    assert max(sizes) < 1000
    assert sends.counts()["sends"] == 4000
    found = log.server_log(sends.pack())
    assert (found.late_p50_ms, found.late_max_ms) == pytest.approx((5, 50_000), rel=1e-3)
    assert len(found.late) == 10 * 16


def test_names_without_a_tag() -> None:
    assert full_name("x") == "x:latest"
    assert full_name("x:1b") == "x:1b"
    assert full_name("host:5000/x") == "host:5000/x:latest"


def test_the_corpus_has_what_breaks_decoders() -> None:
    text = "".join(TOKENS)
    assert "" not in TOKENS
    assert len(TOKENS) > 300
    assert any("CJK" in unicodedata.name(c, "") for c in text)
    assert any(unicodedata.combining(c) for c in text)
    assert any("\u200d" in token and len(token) > 2 for token in TOKENS)
    assert any(ord(c) > 0xFFFF for c in text)
    assert set('"\\\n\t') <= set(text)


@pytest.mark.parametrize("kind", ["generate", "chat"])
def test_tokens_are_cut_inside_their_text_and_inside_a_character_where_one_is_wide(kind: Kind) -> None:
    encoding = Encoding(Encoder("m", kind), chunked=True)
    for i, text in enumerate(TOKENS):
        whole = encoding.event(i, b"2" * STAMP)
        left, right = encoding.halves(i, whole)
        assert left + right == whole
        begins = whole.index(b'"response":"' if kind == "generate" else b'"content":"') + 11
        assert begins < len(left) <= len(whole) - len(b'","done":false}\n')
        assert right
        if not text.isascii():
            with pytest.raises(UnicodeDecodeError):
                left.decode()
        head, tail = encoding.pairs[i]
        assert (
            head + b"2" * (STAMP - 1) + tail
            == b"%x\r\n" % len(whole)
            + whole[:-1].replace(b"2" * STAMP, b"2" * (STAMP - 1) + b"Z")
            + b"\n\r\n"
        )
