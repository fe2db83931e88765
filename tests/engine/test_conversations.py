"""Conversations: what each turn carries, when it is due, and who has the slot meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from loadgen import protocols
from loadgen.engine.conversations import Conversations
from loadgen.engine.dispatcher import Dispatcher
from loadgen.engine.requests import Requests
from loadgen.engine.schedule import Schedule
from loadgen.lab import engine
from loadgen.model import Arrival, Cell, Level, Listener, Load, Message, Prompt, Simulator
from loadgen.model import Conversations as Think
from loadgen.simulator.process import Process
from tests.lab.cells import cell

SECOND = 1_000_000_000
CHAT = Prompt(
    messages=(
        Message("system", "Be brief."),
        Message("user", "One?"),
        Message("user", "Two?"),
        Message("assistant", "From the file."),
        Message("user", "Three?"),
        Message("assistant", "Never sent."),
    )
)


def talking(think: float = 1.0, prompts: tuple[Any, ...] = (CHAT,), **changes: Any) -> Cell:
    return cell(
        prompts=prompts,
        protocol="openai-chat",
        conversations=Think(think=think, distribution="constant"),
        **changes,
    )


def answer(text: str) -> bytes:
    deltas = [{"role": "assistant", "content": ""}, *({"content": part} for part in text)]
    events = [json.dumps({"choices": [{"delta": delta}]}) for delta in deltas]
    return "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode()


def said(prompt: Prompt) -> list[str]:
    return [f"{each.role}: {each.content}" for each in prompt.messages]


def test_a_turn_carries_all_that_was_said() -> None:
    talk = Conversations(talking(), protocols.load("openai-chat"))
    first = Arrival(0, prompt=0, slot=3)
    assert said(talk.prompt(first)) == ["system: Be brief.", "user: One?"]
    second = talk.next_turn(first, answer("Yes."), True, 5 * SECOND)
    assert second is not None
    assert (second.turn, second.due, second.slot, second.prompt) == (1, 6 * SECOND, 3, 0)
    assert said(talk.prompt(second)) == [
        "system: Be brief.", "user: One?", "assistant: Yes.", "user: Two?",
    ]  # fmt: skip
    third = talk.next_turn(second, answer("Not used."), True, 9 * SECOND)
    assert third is not None
    assert said(talk.prompt(third))[4:] == ["assistant: From the file.", "user: Three?"]
    assert talk.next_turn(third, answer("Bye."), True, 9 * SECOND) is None
    assert said(talk.prompt(first)) == ["system: Be brief.", "user: One?"], "a new session has heard nothing"


def test_a_turn_that_failed_ends_the_session() -> None:
    talk = Conversations(talking(), protocols.load("openai-chat"))
    assert talk.next_turn(Arrival(0, prompt=0, slot=0), b"", False, 0) is None


@pytest.mark.parametrize("protocol", ["openai-chat", "ollama-chat"])
@pytest.mark.parametrize("stream", [True, False])
def test_answers_are_read_from_the_body(protocol: str, stream: bool) -> None:
    text = "naïve 🙂"
    if protocol == "ollama-chat":
        parts = [*text] if stream else [text]
        objects = [{"message": {"role": "assistant", "content": part}, "done": False} for part in parts]
        body = "\n".join(map(json.dumps, [*objects, {"message": {"content": ""}, "done": True}])).encode()
    else:
        whole = {"choices": [{"message": {"role": "assistant", "content": text}}]}
        body = answer(text) if stream else json.dumps(whole).encode()
    assert protocols.load(protocol).answer(body) == text  # type: ignore[attr-defined]


def test_times_to_think_are_the_same_for_every_client() -> None:
    of = replace(talking().workload, conversations=Think(think=2.0))
    due = [
        talk.next_turn(Arrival(0, prompt=0, slot=slot), answer("x"), True, 0)
        for talk in (Conversations(replace(talking(), workload=of), protocols.load("openai-chat")),) * 2
        for slot in range(400)
    ]
    assert due[:400] == due[400:]
    assert sum(each.due for each in due if each) / 800 == pytest.approx(2 * SECOND, rel=0.15)


def test_all_turns_of_a_session_begin_alike_and_no_other_does() -> None:
    requests = Requests(talking(unique=True), protocols.load("openai-chat"))
    assert requests.conversations
    first, other = (Arrival(0, prompt=0, slot=slot) for slot in (0, 1))
    second = requests.conversations.next_turn(first, answer("Yes."), True, 0)
    assert second is not None
    one, two, three = (
        json.loads(requests.of(each).body)["messages"][0]["content"] for each in (first, second, other)
    )
    assert one == two != three


def test_a_slot_leaves_while_its_user_thinks() -> None:
    slots = Dispatcher(talking(concurrency=2, load=Load(duration=10.0)))
    slots.start(0)
    first, _ = slots.take_due(0)
    assert slots.running == 2
    assert slots.think(first._replace(turn=1, due=3 * SECOND), 1 * SECOND) is None
    assert (slots.running, slots.next_due) == (1, 3 * SECOND)
    (again,) = slots.take_due(3 * SECOND)
    assert (again.slot, again.turn) == (first.slot, 1)
    assert slots.admit(again)
    assert slots.think(again._replace(turn=2, due=11 * SECOND), 4 * SECOND) is None
    assert slots.is_exhausted, "no turn begins after the end"


def test_without_a_time_to_think_a_turn_follows_at_once() -> None:
    slots = Dispatcher(talking(concurrency=1, load=Load(requests=2)))
    slots.start(0)
    (first,) = slots.take_due(0)
    second = slots.think(first._replace(turn=1, due=5), 5)
    assert second
    assert (second.turn, second.streams) == (1, 1)
    assert slots.think(second._replace(turn=2, due=9), 9) is None


def test_a_thinking_session_holds_no_place_of_an_open_load() -> None:
    load = Load(arrivals="constant", duration=4.0, max_streams=1)
    places = Schedule(talking(level=Level(rate=1.0), load=load))
    places.start(0)
    (first,) = places.take_due(0)
    assert places.think(first._replace(turn=1, due=int(1.5 * SECOND)), SECOND // 2) is None
    assert (places.running, places.next_due) == (0, SECOND)
    (second,) = places.take_due(SECOND)
    assert (second.slot, second.turn) == (1, 0)
    turn = places.next_after(second, True, int(1.75 * SECOND))
    assert turn
    assert (turn.slot, turn.turn, turn.held) == (0, 1, SECOND // 4)


@pytest.mark.parametrize("client", ["floor", "requests"])
def test_users_think_between_their_turns(client: str) -> None:
    with Process(Simulator(ttft=0.005, gap=0.0005, tokens=40)) as server:
        made = talking(
            think=0.05, load=Load(requests=6), concurrency=2, url=server.url, prompts=(CHAT, Prompt("Hello."))
        )
        found = engine.record(
            replace(made, client=replace(made.client, name=client)), Listener(), lambda: False
        )
    of = found.streams
    assert found.ended == ""
    assert of.outcome.tolist() == ["ok"] * 12
    own = of.rows(of.slot == 0)
    assert [*zip(own.session, own.turn, own.prompt, strict=True)] == [
        (0, 0, 0), (0, 1, 0), (0, 2, 0), (1, 0, 1), (2, 0, 0), (2, 1, 0),
    ]  # fmt: skip
    pauses = (own.due[1:] - own.end[:-1]) / 1e9
    assert [pause > 0.045 for pause in pauses] == [True, True, False, False, True]
    assert own.prompt_tokens[1] > own.prompt_tokens[0] + 9, "the server's own answer is in it"
