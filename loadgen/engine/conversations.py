"""Conversations: a session asks turn after turn, each with all that was said before, and thinks in between."""

import math
import random

from loadgen.model import Arrival, Cell, Message, Prompt
from loadgen.protocols import Protocol

Key = tuple[int, int]  # a slot, and which of its sessions


class Conversations:
    """The sessions under way, and what was said in them.

    Every message of the user begins a turn. Where an answer stands after it in the prompt, that is what the next turn
    carries; otherwise the server's own. A session ends after its last turn, or one that failed.
    """

    def __init__(self, cell: Cell, protocol: Protocol) -> None:
        of = cell.workload.conversations
        assert of is not None
        self._of, self._cell, self._protocol = of, cell, protocol
        self._said: dict[Key, tuple[Message, ...]] = {}

    def prompt(self, arrival: Arrival) -> Prompt:
        """Return what a turn asks: what was said, and its own message."""
        asked = self._whole(arrival)
        said = self._said.get(_key(arrival), ()) + _turns(asked)[arrival.turn]
        return Prompt(messages=said, output_tokens=asked.output_tokens)

    def _whole(self, arrival: Arrival) -> Prompt:
        prompts = self._cell.workload.prompts
        return arrival.own or prompts[arrival.prompt % len(prompts)]

    def next_turn(self, arrival: Arrival, body: bytes, ok: bool, now: int) -> Arrival | None:
        """Return the turn after one that has ended with ``body``; ``None`` where that was the session's last."""
        said, turn = self.prompt(arrival).messages, arrival.turn + 1
        turns = _turns(self._whole(arrival))
        if not ok or turn == len(turns):
            self._said.pop(_key(arrival), None)
            return None
        if turns[turn][0].role != "assistant":
            text = self._protocol.answer(body) if hasattr(self._protocol, "answer") else ""
            said += (Message("assistant", text),)
        self._said[_key(arrival)] = said
        return arrival._replace(turn=turn, due=now + self._think(arrival))

    def _think(self, arrival: Arrival) -> int:
        of = self._of
        key = "/".join(map(str, (self._cell.seed, self._cell.repeat, *_key(arrival), arrival.turn, "think")))
        chance = random.Random(key)
        match of.distribution:
            case "exponential":
                share = chance.expovariate(1)
            case "lognormal":
                variance = math.log1p(of.spread * of.spread)
                share = chance.lognormvariate(-variance / 2, math.sqrt(variance))
            case "constant":
                share = 1.0
        return int(of.think * share * 1e9)


def _key(arrival: Arrival) -> Key:
    return arrival.slot or 0, arrival.session


def _turns(prompt: Prompt) -> list[tuple[Message, ...]]:
    """Return what each turn adds: its message of the user, and what stands before that."""
    turns: list[tuple[Message, ...]] = []
    before: list[Message] = []
    for message in prompt.chat:
        before.append(message)
        if message.role == "user":
            turns.append(tuple(before))
            before = []
    return turns
