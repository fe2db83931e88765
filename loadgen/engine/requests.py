"""The requests of a cell: built once for each prompt, the same bytes for every client."""

import itertools
import os
from collections.abc import Callable
from dataclasses import replace

from loadgen.engine.conversations import Conversations
from loadgen.model import Arrival, Asked, Calibration, Cell, Prompt, Request
from loadgen.prompts import beginning, beginning_with, filled
from loadgen.protocols import Protocol


class Requests:
    """The requests of the prompts of ``cell``.

    Where the workload wants it, each begins its prompt differently. What it begins with is drawn anew in each process:
    a server may still have the prompts of an earlier run with the same seed in its cache. All turns of a
    conversation begin with the same, and so do all prompts of one cell that a trace has only the lengths of.
    """

    def __init__(self, cell: Cell, protocol: Protocol) -> None:
        self._cell, self._protocol = cell, protocol
        self._own = os.urandom(8).hex()
        self._of_cell = cell.nonce or self._own
        self._numbers = itertools.count()
        self._ready: dict[int | None, Request] = {}  # of the next arrival, by its slot
        talk = cell.workload.conversations
        self.conversations = None if talk is None else Conversations(cell, protocol)
        self._asked = [
            Asked(number, prompt.input_tokens, prompt.output_tokens)
            for number, prompt in enumerate(cell.workload.prompts)
        ]
        self._made = [] if talk else [self._maker(prompt) for prompt in cell.workload.prompts]

    def of(self, arrival: Arrival) -> Request:
        """Return the request of a stream."""
        own = arrival.own
        if self.conversations is not None and (own is None or own.text or own.messages):
            prompt = self.conversations.prompt(arrival)
            if self._cell.workload.unique:
                prompt = beginning_with(beginning(f"{self._own}/{arrival.slot}/{arrival.session}"), prompt)
            return self._built(prompt)
        if own is not None:
            return self._ready.pop(arrival.slot, None) or self._of_own(arrival, own)
        return self._made[arrival.prompt % len(self._made)]()

    def prepare(self, arrival: Arrival) -> None:
        """Build the request of an arrival that asks what no other does, before it is due."""
        if arrival.own is not None and arrival.slot not in self._ready:
            self._ready = {arrival.slot: self._of_own(arrival, arrival.own)}

    def _of_own(self, arrival: Arrival, prompt: Prompt) -> Request:
        if not (prompt.text or prompt.messages):
            calibration = self._cell.workload.calibration or Calibration()
            prompt = filled(prompt, calibration, f"{self._cell.seed}/{arrival.prompt}")
            if not self._cell.workload.unique:
                # Alike in one cell where their blocks are, and unlike those of every other.
                prompt = beginning_with(beginning(self._of_cell), prompt)
        return self._maker(prompt)()

    def asked(self, arrival: Arrival) -> Asked:
        """Return what a stream asks."""
        own = arrival.own
        if own is None:
            asked = self._asked[arrival.prompt % len(self._asked)]
        else:
            asked = Asked(None, own.input_tokens, own.output_tokens)
        if self.conversations is not None:
            asked = asked._replace(session=arrival.session, turn=arrival.turn)
        return asked

    def _maker(self, prompt: Prompt) -> Callable[[], Request]:
        """Return what makes the requests of one prompt."""
        if not self._cell.workload.unique:
            request = self._built(prompt)
            return lambda: request
        mark = beginning(self._own)
        request = self._built(beginning_with(mark, prompt))
        head, *tails = request.body.split(mark.encode())
        if len(tails) != 1:  # a protocol that writes texts in a way of its own
            return lambda: self._built(beginning_with(self._next(), prompt))
        [tail] = tails
        return lambda: replace(request, body=b"".join((head, self._next().encode(), tail)))

    def _next(self) -> str:
        return beginning(f"{self._own}/{next(self._numbers)}")

    def _built(self, prompt: Prompt) -> Request:
        request = self._protocol.request(self._cell, prompt)
        return replace(request, headers={"Accept-Encoding": "identity", **request.headers})
