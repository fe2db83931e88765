"""Prompts that are made, and beginnings that no two streams share."""

from __future__ import annotations

import json
from statistics import mean, pstdev

import pytest

from loadgen import protocols
from loadgen.engine.requests import Requests
from loadgen.model import Arrival, Calibration, Message, Prompt, Request, Synthetic
from loadgen.prompts import (
    BEGINNING_WORDS,
    BLOCK_TOKENS,
    SIMULATED,
    WORDS,
    beginning,
    filled,
    synthetic,
    words_of,
)
from tests.lab.cells import cell


def test_words_are_alike() -> None:
    assert len(set(WORDS)) == len(WORDS) == 256
    assert {len(word.encode()) for word in WORDS} == {4}


@pytest.mark.parametrize("unique", [False, True])
def test_the_simulator_counts_as_many_tokens_as_were_asked(unique: bool) -> None:
    of = Synthetic(input_tokens=512, output_tokens=128, spread=0.2, count=50)
    for prompt in synthetic(of, SIMULATED, 7, unique=unique):
        text = f"{beginning('x')} {prompt.text}" if unique else prompt.text
        assert prompt.input_tokens == pytest.approx(-(-len(text) // 4), abs=1)


def test_lengths_have_the_mean_and_the_spread_that_were_asked() -> None:
    of = Synthetic(input_tokens=1000, output_tokens=400, spread=0.5, count=200)
    made = synthetic(of, Calibration(), 1, unique=False)
    for lengths, asked in (
        ([prompt.input_tokens or 0 for prompt in made], 1000),
        ([prompt.output_tokens or 0 for prompt in made], 400),
    ):
        assert mean(lengths) == pytest.approx(asked, rel=0.02)
        assert pstdev(lengths) / mean(lengths) == pytest.approx(0.5, rel=0.05)


def test_a_seed_decides_the_texts() -> None:
    of = Synthetic(input_tokens=50, count=3)
    assert synthetic(of, Calibration(), 1, unique=True) == synthetic(of, Calibration(), 1, unique=True)
    assert synthetic(of, Calibration(), 1, unique=True) != synthetic(of, Calibration(), 2, unique=True)
    assert len({prompt.text for prompt in synthetic(of, Calibration(), 1, unique=True)}) == 3


def test_words_follow_from_the_calibration() -> None:
    of = Calibration(template=20.0, per_word=1.25, source="server")
    assert words_of(520, of) == 400
    assert words_of(1, of) == BEGINNING_WORDS + 1


def _bodies(*prompts: Prompt, protocol: str = "openai-chat", unique: bool = True) -> list[bytes]:
    of = cell(prompts=prompts, protocol=protocol, unique=unique)
    requests = Requests(of, protocols.load(protocol))
    return [requests.of(Arrival(0, number % len(prompts))).body for number in range(4)]


@pytest.mark.parametrize(
    "prompt",
    [Prompt('Say "hi" in 日本.'), Prompt(messages=(Message("system", "Be kind."), Message("user", "Hi.")))],
    ids=["text", "chat"],
)
def test_no_two_streams_begin_alike(prompt: Prompt) -> None:
    bodies = _bodies(prompt)
    contents = [[each["content"] for each in json.loads(body)["messages"]] for body in bodies]
    assert len({first[: len(beginning(""))] for first, *_ in contents}) == 4
    assert {(first[len(beginning("")) + 1 :], *more) for first, *more in contents} == {
        tuple(each.content for each in prompt.chat)
    }
    assert len({len(body) for body in bodies}) == 1


def test_prompts_are_sent_as_they_are_unless_they_are_to_differ() -> None:
    assert len(set(_bodies(Prompt("a"), Prompt("b"), unique=False))) == 2


def test_a_protocol_may_write_texts_in_a_way_of_its_own() -> None:
    class Hexadecimal:
        def request(self, _: object, prompt: Prompt) -> Request:
            return Request("POST", "http://h", {}, prompt.text.encode().hex().encode())

    requests = Requests(cell(prompts=(Prompt("a"),), unique=True), Hexadecimal())  # type: ignore[arg-type]
    made = [bytes.fromhex(requests.of(Arrival(0, 0)).body.decode()).decode() for _ in range(3)]
    assert len(set(made)) == 3
    assert {text[-2:] for text in made} == {" a"}


def test_what_a_stream_asks_is_known() -> None:
    requests = Requests(
        cell(prompts=(Prompt("a"), Prompt("b", output_tokens=3, input_tokens=2))),
        protocols.load("openai-chat"),
    )
    assert [*requests.asked(Arrival(0, 3))] == [1, 2, 3, None, None]
    assert [*requests.asked(Arrival(0, 3, own=Prompt("c", output_tokens=9)))] == [None, None, 9, None, None]


@pytest.mark.parametrize("tokens", [1, 50, 2000, 500_000])
@pytest.mark.parametrize("blocks", [(), (7, 8), tuple(range(2000))])
def test_a_prompt_of_a_trace_has_the_tokens_that_it_asks(tokens: int, blocks: tuple[int, ...]) -> None:
    made = filled(Prompt(input_tokens=tokens, blocks=blocks), SIMULATED, "0/1")
    counted = -(-len(f"{beginning('x')} {made.text}") // 4)
    assert counted == pytest.approx(max(tokens, words_of(1, SIMULATED) * 5 / 4), abs=2)
    assert {len(word) for word in made.text.split()} == {4}


def test_equal_blocks_are_equal_texts_and_nothing_else_is() -> None:
    block = round(BLOCK_TOKENS / SIMULATED.per_word) * 5
    one, other, none = (
        filled(Prompt(input_tokens=2000, blocks=blocks), SIMULATED, key).text
        for blocks, key in (((3, 4), "0/1"), ((3, 5), "0/2"), ((), "0/3"))
    )
    assert one[:block] == other[:block] != none[:block]
    assert one[block : 2 * block] != other[block : 2 * block]
    assert one[2 * block :][:20] != other[2 * block :][:20]


@pytest.mark.parametrize(("nonces", "alike"), [(("", ""), False), (("a", "a"), True), (("a", "b"), False)])
def test_a_trace_shares_what_its_blocks_share_within_one_cell_only(
    nonces: tuple[str, str], alike: bool
) -> None:
    arrivals = [
        Arrival(0, number, slot=number, own=Prompt(input_tokens=2000, blocks=(3,))) for number in range(2)
    ]
    texts = []
    for nonce in nonces:
        requests = Requests(cell(calibration=SIMULATED, nonce=nonce), protocols.load("ollama-generate"))
        requests.prepare(arrivals[0])
        texts.append([json.loads(requests.of(arrival).body)["prompt"] for arrival in arrivals])
    (one, two), (other, _) = texts
    words = len(beginning(""))
    assert one[:500] == two[:500]
    assert (one == other) is alike
    assert (one[:words] == other[:words]) is alike
    assert one[words:] == other[words:]
    assert one != two
