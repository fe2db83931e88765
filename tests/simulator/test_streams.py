from __future__ import annotations

import json
import select
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from loadgen.model import Simulator
from loadgen.protocols import stamps
from loadgen.simulator import log
from loadgen.simulator.process import Process
from loadgen.simulator.server import Server
from tests.simulator.conftest import Start
from tests.simulator.wire import Answer, Wire, chat, generate, get, text_of


def at(item: dict[str, str]) -> int:
    stamp = stamps.parse(item["created_at"])
    assert stamp is not None
    return stamp


def figures(answer: Answer) -> dict[str, int]:
    return {
        key: value for key, value in answer.objects[-1].items() if isinstance(value, int) and key != "done"
    }


def test_a_generated_stream(start: Start) -> None:
    with Wire(start(tokens=5).url) as wire:
        answer = wire.ask(generate())
        assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
        assert all(chunk.endswith(b"}\n") and chunk.count(b"\n") == 1 for chunk in answer.chunks)
        *tokens, last = answer.objects
        assert [list(item) for item in tokens] == [["model", "created_at", "response", "done"]] * 5
        assert all(item["response"] and item["done"] is False for item in tokens)
        assert (last["response"], last["done"], last["done_reason"]) == ("", True, "stop")
        assert len(last["context"]) == last["prompt_eval_count"] + last["eval_count"] == 1 + 5
        assert last["load_duration"] == 1_000_000, "half of the time to first token at most"
        assert last["total_duration"] >= sum(
            last[f"{part}_duration"] for part in ("load", "prompt_eval", "eval")
        )


def test_a_chat(start: Start) -> None:
    with Wire(start(tokens=5).url) as wire:
        *tokens, last = wire.ask(chat()).objects
        assert [item["message"]["role"] for item in tokens] == ["assistant"] * 5
        assert last["message"] == {"role": "assistant", "content": ""}
        assert "context" not in last
        assert last["eval_count"] == 5


def test_whole_answers_take_as_long_and_say_the_same(start: Start) -> None:
    process = start(tokens=30, gap=0.005)
    with Wire(process.url) as wire:
        streamed = wire.ask(generate())
        process.reset()
        whole = wire.ask(generate(stream=False))
        assert whole.headers["content-type"] == "application/json; charset=utf-8"
        (item,) = whole.objects
        assert not whole.body.endswith(b"\n")
        assert item["response"] == streamed.text
        assert item["context"] == streamed.objects[-1]["context"]
        assert item["eval_count"] == 30
        assert item["total_duration"] >= 29 * 5_000_000
        process.reset()
        assert wire.ask(chat(stream=False)).objects[0]["message"]["content"] == streamed.text


def test_status_and_headers_leave_with_the_first_object_in_one_send(start: Start) -> None:
    with Wire(start(ttft=0.1).url) as wire:
        wire.send(generate())
        first = wire.more()
        head, _, rest = first.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        size, _, line = rest.partition(b"\r\n")
        assert json.loads(line[: int(size, 16)])["response"]


def test_every_object_is_a_send_and_the_closing_chunk_another(start: Start) -> None:
    with Wire(start(tokens=4, gap=0.05).url) as wire:
        wire.send(generate()).head()
        chunks = list(iter(wire.chunk, b""))
    assert [json.loads(chunk)["done"] for chunk in chunks] == [False] * 4 + [True]


DELETE = b"DELETE /simulator/record HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def keeping_all_sends(monkeypatch: pytest.MonkeyPatch, **spec: Any) -> Iterator[Server]:
    """Run a simulator in this process, whose log keeps when every object was due and sent."""
    monkeypatch.setattr(log, "LATE_NS", -1_000_000_000)
    server = Server(Simulator(**spec))
    serving = threading.Thread(target=server.run)
    serving.start()
    try:
        yield server
    finally:
        while len(server.loop._selector.get_map()) > 2:  # its own two: all clients have left
            time.sleep(0.001)
        server.loop.stop()
        serving.join(20)


def sends(wire: Wire) -> NDArray[np.int64]:
    """When each object was due and sent."""
    packed = wire.ask(get("/simulator/record.bin")).body
    return np.frombuffer(log.server_log(packed).late, "<i8").reshape(-1, 2)


def test_stamps_are_the_send_times(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"ttft": 0.02, "gap": 0.01, "tokens": 10, "distribution": "constant"}
    with keeping_all_sends(monkeypatch, **spec) as server, Wire(server.url) as wire:
        before = time.time_ns()
        wire.send(generate()).head()
        received, items = [], []
        while chunk := wire.chunk():
            received.append(time.time_ns())
            items.append(json.loads(chunk))
        marks = [at(item) for item in items]
        assert before + 20_000_000 <= marks[0]
        assert all(sent <= got for sent, got in zip(marks, received, strict=True))
        assert all(later - earlier >= 0 for earlier, later in pairwise(marks))
        due, sent = sends(wire).T
    assert sent.tolist() == marks
    # Due times are kept in monotonic time; their tie to the wall clock may shift as it is slewed.
    assert due[0] >= before + 20_000_000 - 100_000
    assert np.diff(due[:10]) == pytest.approx(10_000_000, abs=100_000)
    assert (sent >= due - 100_000).all()


def test_the_same_work_again_after_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"ttft": 0.002, "gap": 0.001, "tokens": 12, "distribution": "lognormal", "jitter": 0.5, "seed": 5}

    def work(url: str) -> tuple[list[str], list[int], NDArray[np.int64]]:
        with Wire(url) as wire:
            answers = [wire.ask(generate()) for _ in range(4)]
            due, _ = sends(wire).T
            wire.ask(DELETE)
        waits = [figures(answer)["prompt_eval_duration"] for answer in answers]
        return [answer.text for answer in answers], waits, np.diff(due)

    with keeping_all_sends(monkeypatch, **spec) as server:
        texts, waits, gaps = work(server.url)
        texts_again, waits_again, gaps_again = work(server.url)
    assert len(set(texts)) > 1
    assert texts_again == texts
    assert waits_again == pytest.approx(waits, abs=20_000_000)
    inside = np.arange(len(gaps)) % 13 < 11
    assert gaps_again[inside] == pytest.approx(gaps[inside], abs=100_000)


def test_num_predict_and_seed(start: Start) -> None:
    with Wire(start(tokens=20).url) as wire:
        short = wire.ask(generate(options={"num_predict": 3}))
        assert (short.objects[-1]["eval_count"], short.objects[-1]["done_reason"]) == (3, "length")
        for predict in (-1, 0, 50.0):
            whole = wire.ask(generate(options={"num_predict": predict}))
            assert (whole.objects[-1]["eval_count"], whole.objects[-1]["done_reason"]) == (20, "stop")
        seeded = {wire.ask(generate(options={"seed": 7})).text for _ in range(3)}
        assert len(seeded) == 1


def test_no_tokens_is_an_end_with_nothing_counted(start: Start) -> None:
    with Wire(start(tokens=0).url) as wire:
        (last,) = wire.ask(generate()).objects
        assert last["done"]
        assert "eval_count" not in last
        assert "eval_duration" not in last


def test_the_prompt_costs_time_by_its_length(start: Start) -> None:
    with Wire(start(prefill=0.0005).url) as wire:
        short = figures(wire.ask(generate(prompt="x" * 40)))
        long = figures(wire.ask(generate(prompt="流" * 400)))
        assert (short["prompt_eval_count"], long["prompt_eval_count"]) == (10, 300)
        assert short["prompt_eval_duration"] >= 5_000_000
        assert long["prompt_eval_duration"] >= 150_000_000
        messages = [{"role": "system", "content": "x" * 40}, {"role": "user", "content": "x" * 40}]
        assert figures(wire.ask(chat(messages=messages)))["prompt_eval_count"] == 20


def test_the_first_request_after_loading_carries_it(start: Start) -> None:
    with Wire(start(load=0.05).url) as wire:
        first = figures(wire.ask(generate()))
        assert 50_000_000 <= first["load_duration"] < first["total_duration"]
        assert figures(wire.ask(generate(keep_alive=0)))["load_duration"] == 1_000_000
        assert wire.ask(get("/api/ps")).objects == [{"models": []}]
        assert figures(wire.ask(generate(keep_alive=-1)))["load_duration"] > 50_000_000


@pytest.mark.parametrize("empty", [generate(prompt=""), chat(messages=[])])
def test_no_prompt_loads_and_keep_alive_0_unloads(start: Start, empty: bytes) -> None:
    process = start(load=0.02)
    with Wire(process.url) as wire:
        loaded = wire.ask(empty)
        assert loaded.headers["content-type"] == "application/json; charset=utf-8"
        assert (loaded.objects[0]["done"], loaded.objects[0]["done_reason"]) == (True, "load")
        assert text_of(loaded.objects[0]) == ""
        assert figures(wire.ask(generate()))["load_duration"] == 1_000_000
        unloaded = wire.ask(generate(prompt="", keep_alive="0s"))
        assert unloaded.objects[0]["done_reason"] == "unload"
        assert figures(wire.ask(generate()))["load_duration"] > 20_000_000
    assert process.log().streams == 2, "loading is no stream"


def test_split_tokens_come_in_two_chunks_and_make_a_whole(start: Start) -> None:
    process = start(tokens=450, gap=0, split=1.0)
    with Wire(process.url) as wire:
        answer = wire.ask(generate())
        assert len(answer.chunks) == 2 * 450 + 1
        assert len(answer.objects) == 451
        broken = 0
        for left, right in zip(answer.chunks[:-1:2], answer.chunks[1:-1:2], strict=True):
            text = text_of(json.loads(left + right))
            if not text.isascii():
                with pytest.raises(UnicodeDecodeError):
                    left.decode()
                broken += 1
        assert broken > 50
        assert "🙂" in answer.text
    assert process.log().sends == 451


def test_merged_tokens_come_in_one_chunk_with_the_next(start: Start) -> None:
    process = start(tokens=10, merge=1.0)
    with Wire(process.url) as wire:
        merged = wire.ask(generate())
        assert [chunk.count(b"\n") for chunk in merged.chunks] == [10, 1]
        assert len({item["created_at"] for item in merged.objects[:10]}) == 1
        assert merged.objects[-1]["eval_count"] == 10
    server = process.log()
    assert server.sends == 11


def test_split_and_merge_say_what_plain_tokens_say(start: Start) -> None:
    texts = []
    for odd in ({}, {"split": 0.4, "merge": 0.4}):
        with Wire(start(tokens=100, gap=0.0001, seed=2, **odd).url) as wire:
            texts.append([wire.ask(generate()).text for _ in range(3)])
    assert texts[0] == texts[1]


def streams_seen(process: Process) -> int:
    return process.log().streams


def test_one_slot_serves_in_order_and_the_queue_of_a_loaded_model_has_no_end(start: Start) -> None:
    process = start(parallel=1, max_queue=0, tokens=100_000, gap=0.001)
    with ExitStack() as stack:
        a, *others = (stack.enter_context(Wire(process.url)) for _ in range(6))
        a.send(generate()).head()
        for n, wire in enumerate(others, start=2):
            wire.send(generate(options={"num_predict": 3}))
            while streams_seen(process) < n:
                pass
        assert not select.select([wire.sock for wire in others], [], [], 0)[0], "they wait for their headers"
        a.sock.close()
        lasts = [wire.answer().objects[-1] for wire in others]
        assert {last["eval_count"] for last in lasts} == {3}
        assert lasts == sorted(lasts, key=at)
        parts = ("load_duration", "prompt_eval_duration", "eval_duration")
        first, second, *_ = lasts
        queued = second["total_duration"] - sum(second[part] for part in parts)
        assert queued >= first["prompt_eval_duration"] + first["eval_duration"]
    server = process.log()
    assert (server.streams, server.open_peak) == (6, 6)


@pytest.mark.parametrize("max_queue", [0, 2])
def test_the_queue_for_a_model_that_loads_has_an_end(start: Start, max_queue: int) -> None:
    process = start(parallel=1, max_queue=max_queue, load=0.5, tokens=3)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(process.url)) for _ in range(1 + max_queue)]
        for n, wire in enumerate(wires, start=1):
            wire.send(generate())
            while streams_seen(process) < n:
                pass
        refused = stack.enter_context(Wire(process.url)).ask(generate())
        assert refused.status == 503
        assert (
            refused.body == b'{"error":"server busy, please try again.  maximum pending requests exceeded"}'
        )
        lasts = [wire.answer().objects[-1] for wire in wires]
        loads = [last["load_duration"] for last in lasts]
        assert loads[0] > 500_000_000
        assert all(load > 100_000_000 for load in loads), "the others wait for the same load"
        assert wires[0].ask(generate()).status == 200


def test_leaving_gives_the_place_to_another(start: Start) -> None:
    process = start(parallel=1, tokens=100_000)
    with Wire(process.url) as a, Wire(process.url) as b, Wire(process.url) as c:
        for n, (wire, request) in enumerate(
            ((a, generate()), (b, generate()), (c, generate(options={"num_predict": 1}))), start=1
        ):
            wire.send(request)
            while streams_seen(process) < n:
                pass
        b.sock.close()  # in the queue
        a.sock.close()  # in its slot
        assert c.answer().status == 200


def test_leaving_while_the_model_loads_gives_the_place_to_another_once_it_is_loaded(start: Start) -> None:
    process = start(parallel=1, max_queue=1, load=0.5, tokens=1)
    with Wire(process.url) as a, Wire(process.url) as b, Wire(process.url) as c:
        for n, wire in enumerate((a, b), start=1):
            wire.send(generate())
            while streams_seen(process) < n:
                pass
        assert c.ask(generate()).status == 503
        b.sock.close()
        while (answer := c.ask(generate())).status == 503:
            pass
        assert answer.status == 200


def test_a_resident_model_reports_a_load_of_50_to_80_ms(start: Start) -> None:
    with Wire(start(ttft=0.2, tokens=2).url) as wire:
        loads = [figures(wire.ask(generate()))["load_duration"] for _ in range(3)]
    assert all(50_000_000 <= load <= 80_000_000 for load in loads)
    assert len(set(loads)) == 3


def test_a_slow_reader_loses_no_byte_and_is_counted(start: Start) -> None:
    process = start(tokens=60_000, gap=0)
    with Wire(process.url, receive_buffer=4096) as wire:
        wire.send(generate())
        with Wire(process.url) as control:
            while not control.ask(get("/simulator/record")).objects[0]["blocked"]:
                pass
            answer = wire.answer()
            assert answer.objects[-1]["eval_count"] == len(answer.objects) - 1 == 60_000
            marks = [at(item) for item in answer.objects]
            assert marks == sorted(marks)
            assert control.ask(get("/simulator/record")).objects[0]["sends"] == 60_001
        assert wire.ask(get("/api/version")).status == 200, "the connection goes on"


def test_a_pipelining_client_that_reads_nothing_holds_no_memory_but_its_own(start: Start) -> None:
    process = start()
    with Wire(process.url, receive_buffer=4096) as wire:
        wire.sock.setblocking(False)
        sent = 0
        try:
            for _ in range(200_000):
                sent += wire.sock.send(get("/api/tags") * 20)
        except BlockingIOError:
            pass
        else:
            pytest.fail("the server takes requests without end")
        with Wire(process.url) as other:
            assert other.ask(generate()).objects[-1]["done"]


def test_many_streams_at_once_are_counted(start: Start) -> None:
    process = start(ttft=0.2, tokens=3)
    wires = [Wire(process.url) for _ in range(200)]
    for wire in wires:
        wire.send(generate())
    answers = [wire.answer() for wire in wires]
    for wire in wires:
        wire.sock.close()
    assert all(len(answer.objects) == 4 for answer in answers)
    server = process.log()
    assert (server.streams, server.sends) == (200, 800)
    assert server.open_peak == 200
    assert server.late_p50_ms is not None
    assert server.late_max_ms is not None
    assert 0 <= server.late_p50_ms <= server.late_max_ms
