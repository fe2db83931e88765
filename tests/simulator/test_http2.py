from __future__ import annotations

import gc
import json
import re
import weakref

import pytest
from h2.errors import ErrorCodes

from loadgen.model.scenario import FAULTS
from loadgen.simulator import http2
from loadgen.simulator.stream import STATUS
from tests.simulator.wire2 import PROMPT, Client, Got, Served

WHOLE = {**PROMPT, "stream": False}


def text(got: Got) -> str:
    return "".join(item["response"] for item in got.objects)


def test_streams_share_a_connection_each_with_its_own_times_and_end() -> None:
    with Served(ttft=0.005, jitter=0.5, distribution="lognormal") as served, Client(served) as client:
        streams = [client.ask() for _ in range(40)]
        client.run(*streams)
        assert {each.head[":status"] for each in streams} == {"200"}
        assert {len(each.objects) for each in streams} == {21}
        assert all(each.objects[-1]["done"] for each in streams)
        assert len({text(each) for each in streams}) > 1
        assert all(len(each.pieces) == 22 for each in streams)  # a frame for each object, and the end
        assert served.log.open_peak == 40
        assert served.log.blocked == 0
        assert served.log.counts()["sends"] == 40 * 21


@pytest.mark.parametrize("tls", [False, True])
def test_requests_are_read_however_their_bytes_are_cut(tls: bool) -> None:
    with Served(tokens=1, tls=tls) as served, Client(served) as client:
        sent = bytearray()
        client.flush = lambda: sent.extend(client.h2.data_to_send())  # type: ignore[method-assign]
        first = client.ask()
        del client.flush
        for byte in sent:
            client.sock.sendall(bytes([byte]))
            client.step()
        client.run(first)
        assert len(first.objects) == 2
        assert client.h2.open_outbound_streams == 0


def test_a_client_that_grants_nothing_blocks_its_stream_alone() -> None:
    with Served() as served, Client(served, window=300) as client:
        slow, quick = client.ask(), client.ask()
        client.grant(quick, 1 << 20)
        client.run(quick)
        assert len(quick.objects) == 21
        assert len(slow.body) == 300
        assert served.log.blocked == 1
        sends = served.log.counts()["sends"]
        client.step()
        assert served.log.counts()["sends"] == sends  # nothing is due for it
        while not slow.ended:
            client.grant(slow, 100)
            client.step()
        assert len(slow.objects) == 21


def test_a_client_that_reads_nothing_loses_nothing() -> None:
    with Served(faults={"huge_line": 1}) as served, Client(served) as client:
        client.h2.increment_flow_control_window((1 << 30) - 1)
        for _ in range(2):
            client.grant(client.ask(), 1 << 30)
        while served.log.blocked < 2:
            served.step()
        client.run(*client.got.values())
        assert [len(each.objects) for each in client.got.values()] == [22, 22]


def test_a_client_that_leaves_a_stream_cancels_it_alone() -> None:
    with Served(tokens=1000) as served, Client(served) as client:
        left, other = client.ask(), client.ask({**PROMPT, "options": {"num_predict": 30}})
        while not left.pieces:
            client.step()
        client.h2.reset_stream(left.number, ErrorCodes.CANCEL)
        client.flush()
        client.run(other)
        assert len(other.objects) == 31
        assert served.log.open == 0


def test_a_client_that_closes_the_connection_cancels_all() -> None:
    with Served(tokens=100_000) as served:
        with Client(served) as client:
            client.ask(), client.ask()
            while served.log.open < 2 or not client.got[1].pieces:
                client.step()
        while served.log.open:
            served.step()
        with Client(served) as client:
            client.ask()
            while not client.got[1].pieces:
                client.step()
            client.h2.close_connection()
            client.flush()
            while served.log.open:
                served.step()


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"reset", "stall", "endless_line", "slow_accept"}))
@pytest.mark.parametrize("body", [PROMPT, WHOLE], ids=["streamed", "whole"])
def test_faults_send_what_they_send_over_http_1(fault: str, body: dict[str, object]) -> None:
    with Served(faults={fault: 1}) as served, Client(served) as client:
        got = client.ask(body)
        client.run(got)
        lines = got.body.split(b"\n")
        if fault in STATUS:
            assert got.head[":status"] == str(STATUS[fault][0])
            assert json.loads(got.body) == {"error": STATUS[fault][1]}
        elif fault == "truncate":
            assert got.ended or got.reset is not None
            with pytest.raises(json.JSONDecodeError):
                json.loads(lines[-1])
        elif fault == "error_line":
            assert "error" in json.loads(lines[-2 if body is PROMPT else 0])
        elif fault == "no_done":
            assert not any(item["done"] for item in got.objects)
        elif fault == "huge_line":
            assert max(map(len, lines)) > 10_000_000
        elif fault == "bad_utf8":
            assert b"\xff\xfe\xc3(" in got.body
        else:
            assert b"." in got.body


def test_a_reset_ends_its_stream_alone() -> None:
    with Served(faults={"reset": 0.5}, seed=2) as served, Client(served) as client:
        streams = [client.ask() for _ in range(10)]
        client.run(*streams)
        reset = [each for each in streams if each.reset is not None]
        assert {each.reset for each in reset} == {ErrorCodes.INTERNAL_ERROR}
        assert 0 < len(reset) < 10
        assert all(len(each.objects) == 21 for each in streams if each.reset is None)


def test_a_stall_and_an_endless_line_last_until_the_client_leaves() -> None:
    for fault in ("stall", "endless_line"):
        with Served(faults={fault: 1}) as served, Client(served, window=1000) as client:
            got = client.ask()
            while not got.pieces:
                client.step()
            client.step()
            assert served.log.open == 1
            client.h2.reset_stream(got.number)
            client.flush()
            while served.log.open:
                client.step()


def test_errors_and_other_endpoints() -> None:
    with Served() as served, Client(served) as client:
        lost, wrong = client.ask(None, "/nowhere", "GET"), client.ask(None, "/api/generate", "GET")
        head, version = client.ask(None, "/api/version?x=1", "HEAD"), client.ask(None, "/api/version", "GET")
        odd = client.ask(None, "no path", "GET")
        client.run(lost, wrong, head, version, odd)
        statuses = [each.head[":status"] for each in (lost, wrong, head, version, odd)]
        assert statuses == ["404", "405", "200", "200", "400"]
        assert wrong.head["allow"] == "POST"
        assert (head.head["content-length"], head.body) == (version.head["content-length"], b"")
        assert "version" in json.loads(version.body)


def test_an_answer_that_is_due_after_the_client_has_left_is_dropped() -> None:
    """That to a request without a prompt, which loads the model."""
    with Served(load=0.02) as served:
        with Client(served) as client:
            left, other = client.ask({"model": "m"}), client.ask({"model": "m"})
            client.h2.reset_stream(left.number)
            client.flush()
            client.run(other)
            assert other.objects[0]["done_reason"] == "load"
            client.ask({"model": "other"})
            client.step()
        with Client(served) as client:
            client.run(client.ask())


def test_a_body_beyond_the_limit_is_refused_before_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2.http, "BODY_LIMIT", 100)
    with Served() as served, Client(served) as client:
        got = client.ask({**PROMPT, "system": "x" * 100}, end=False)
        client.run(got)
        assert got.head[":status"] == "413"
        assert re.search("too large", got.body.decode())


@pytest.mark.parametrize("streams", [0, 3])
def test_bytes_that_are_no_http_2_get_a_goaway_and_the_door(streams: int) -> None:
    with Served() as served, Client(served) as client:
        client.flush()
        client.served.step()
        for _ in range(streams):
            client.ask()
        while served.log.counts()["sends"] < 2 * streams:
            client.step()
        client.sock.sendall(bytes(5) + b"no frame")
        while not client.closed:
            client.step()
        assert served.log.open == 0


def test_a_connection_leaves_nothing_for_the_cycle_collector() -> None:
    with Served() as served, Client(served) as client:
        gc.collect()
        gc.disable()
        try:
            got = client.ask()
            while not got.pieces:
                client.step()
            links = [each for each in gc.get_objects() if isinstance(each, http2.Http2)]
            seen = [weakref.ref(each) for link in links for each in (link.h2, *link.h2.streams.values())]
            del links
            client.run(got)
            client.sock.close()
            while len(served.loop._selector.get_map()) > 2:
                served.step()
            for _ in range(3):
                served.step()
            assert len(seen) == 2
            assert not any(each() for each in seen)
        finally:
            gc.enable()
