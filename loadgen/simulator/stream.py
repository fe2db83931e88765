"""One paced stream: from its request to its end, one act at a time, each when it is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic_ns
from typing import Final

from loadgen.model import Usage
from loadgen.protocols.encoder import Encoder, Ending
from loadgen.simulator import http
from loadgen.simulator.cache import TOKEN_BYTES
from loadgen.simulator.connection import Connection
from loadgen.simulator.corpus import TOKENS
from loadgen.simulator.encoding import encoding
from loadgen.simulator.plan import GAP_MASK, MERGE, SPLIT
from loadgen.simulator.scheduler import Loaded, Use
from loadgen.simulator.state import State, full_name
from loadgen.simulator.tokens import WORDS, Paced

CONTEXT: Final = 40_960
_VOCABULARY: Final = 151_643
# The kernel completes a handshake by itself, so a late accept reaches the client only as silence after it.
SLOW_ACCEPT_NS: Final = 1_000_000_000
HUGE_LINE: Final = 10_000_000
ENDLESS_LINE: Final = 64_000_000

STATUS: Final[dict[str, tuple[int, str]]] = {
    "status_429": (429, "too many requests"),
    "status_500": (500, "llama runner process has terminated: exit status 2"),
    "status_503": (503, "server busy, please try again.  maximum pending requests exceeded"),
}
MALFORMED: Final = b'{"model":"simulator","created_at":"2026-01-01T00:00:00.'
ERROR_TEXT: Final = "an error was encountered while running the model: unexpected EOF"
_ENDLESS_PIECE: Final = b"and so on " * 26_214


@dataclass(frozen=True, slots=True)
class Inference:
    """What a request wants. ``limit`` is the most tokens; 0 or less: as many as the simulator has.

    ``keep_ns`` is for how long the model is to be kept in memory, if the request says.
    """

    encoder: Encoder
    stream: bool
    prompt: bytes
    limit: int
    seed: int | None
    keep_ns: int | None = None


class Stream(Paced):
    """An inference request: waits for its model, then for a slot; or is refused, as planned or by a full queue.

    ``connection`` is ``None`` once it is over; the wheel may still hold it then.
    """

    __slots__ = (
        "_act", "_add", "_begun", "_blocked", "_cached", "_encoding", "_fault", "_first_sent", "_has_slot", "_load_ns",
        "_loop", "_merged", "_model", "_plan", "_poured", "_prompt_tokens", "_queued", "_received", "_state",
        "_tokens", "_use", "_wanted",
    )  # fmt: skip

    def __init__(self, state: State, connection: Connection, wanted: Inference) -> None:
        self.connection: Connection | None = connection
        connection.stream = self
        self._state, self._loop, self.log = state, state.loop, state.log
        self._wanted = wanted
        self._received = monotonic_ns()
        self._plan = plan = state.planner.plan(self.log.add_stream(), wanted.seed)
        self._fault, self.at, self.text = plan.fault, plan.at, plan.text
        self.gaps = plan.gaps
        self._tokens = min(plan.tokens, wanted.limit) if wanted.limit > 0 else plan.tokens
        self._prompt_tokens = max(1, -(-len(wanted.prompt) // TOKEN_BYTES))
        self._cached: int | None = None
        self._encoding = encoding(wanted.encoder, connection.request.chunked)
        self.pairs = self._encoding.pairs
        self.send, self._add = connection.transmit, state.loop.wheel.add
        # What the next step does; None is a token with nothing special about it, which ``Tokens`` sends.
        # A function, not a bound method, which would be a cycle.
        self._act: Callable[[Stream, Connection], None] | None = Stream._admit
        self.due = self._begun = self._first_sent = self._load_ns = 0
        self.sent = self.stop = self._merged = self._poured = 0
        self._queued = self._has_slot = self._blocked = False
        self._use: Use | None = None
        if self._fault in STATUS:
            self._refuse(connection, self._fault)
        elif self._fault == "slow_accept":
            self._fault = None
            self._add(self._received + SLOW_ACCEPT_NS, self.step)
        else:
            self._admit(connection)

    def _admit(self, connection: Connection) -> None:
        """Ask for the model, which may have to load first."""
        self._use = Use(full_name(self._wanted.encoder.model), self._wanted.keep_ns, self._queue)
        if not self._state.scheduler.ask(self._use):
            self._refuse(connection, "status_503")

    def _queue(self, model: Loaded) -> None:
        """Wait for a slot of the model, in a queue without end."""
        self._model, self._queued = model, True
        if model.load_ns:
            self._load_ns = max(0, model.ready - self._received)
        model.slots.take(self._begin)

    def _begin(self) -> None:
        """Use the slot: the prompt is read, and the first token becomes due."""
        state, plan, cache = self._state, self._plan, self._model.cache
        self._queued, self._has_slot = False, True
        self._begun = monotonic_ns()
        if cache is not None:
            self._cached = cache.use(self._wanted.prompt)
        evaluated = self._prompt_tokens - (self._cached or 0)
        self.due = self._begun + plan.ttft_ns + round(state.spec.prefill * evaluated * 1e9)
        self.stop = plan.tokens_before_fault(self._tokens) if self._fault else self._tokens
        if not self._wanted.stream:
            self.due += state.planner.duration_ns(plan, self._tokens)
        self._act = Stream._odd_token if self._wanted.stream and self.stop else Stream._end
        self._add(self.due, self.step)

    def _refuse(self, connection: Connection, fault: str) -> None:
        status, message = STATUS[fault]
        self.release()
        connection.answer(status, self._wanted.encoder.error(message, status))

    def step(self) -> None:
        """Do what is due; called by the wheel."""
        if self.connection is not None and self._act is not None:
            self._act(self, self.connection)

    def after_token(self) -> None:
        """Go on after tokens were sent: everything is due after a gap, but an end at once unless it is replayed."""
        ended = self.sent == self.stop
        if ended:
            self._act = Stream._end
        if not ended or self._fault or self._plan.replays:
            self._wait_gap()
        elif self.connection is not None and not self.connection.out:
            self._end(self.connection)
        else:
            self._wait()

    def _wait_gap(self) -> None:
        """Make the next act due after the gap between the last token that is ready and the next."""
        self.due += self.gaps[(self.at + self.sent + self._merged) & GAP_MASK]
        self._wait()

    def _wait(self) -> None:
        """Add the next act to the wheel, unless a client that does not read delays it."""
        if self.connection is not None and self.connection.out:
            self._blocked = True
        elif self._act is None:
            self._state.tokens.add(self)
        else:
            self._add(self.due, self.step)

    def resume(self) -> None:
        """Go on where the client has read everything: what has become due meanwhile is due at once."""
        if self._blocked:
            self._blocked = False
            self._wait()

    def _odd_token(self, connection: Connection) -> None:
        """Send the first token, which takes the headers along, or those that are cut or merged."""
        last = self.sent + self._merged
        frame = self._state.planner.frames[(self.at + last) & GAP_MASK]
        if frame == MERGE and last + 1 < self.stop:
            self._merged += 1
            self._wait_gap()
            return
        lead, now, stamp = self._open(connection)
        encoded, due = self._encoding, self.due + self._loop.epoch
        words = [(self.text + token) % WORDS for token in range(self.sent, last + 1)]
        *before, event = [encoded.event(word, stamp) for word in words]
        for _ in words:
            self.log.add_object(due, now)
        self.sent, self._merged = last + 1, 0
        left, right = encoded.halves(words[-1], event) if frame == SPLIT else (event, b"")
        connection.send(lead + encoded.frame(b"".join([*before, left])))
        if right:
            connection.send(encoded.frame(right))
        if not self._state.planner.framed:
            self._act = None
        self.after_token()

    def _open(self, connection: Connection) -> tuple[bytes, int, bytes]:
        """Begin the answer, once, and then take the stamp; return what stands first in the body, and the time."""
        lead = b""
        if not self._first_sent:
            encoder = self._wanted.encoder
            connection.begin(200, encoder.content_type, None)
            if opening := encoder.opening():
                lead = self._encoding.frame(opening)
        now, stamp = self._loop.stamp()
        self._first_sent = self._first_sent or now
        return lead, now, stamp

    def _end(self, connection: Connection) -> None:
        """Send the last object, or what goes wrong instead."""
        match self._fault:
            case "stall":  # nothing is due any more, until the client leaves
                pass
            case "reset":
                connection.reset()
            case "endless_line":
                lead, _, stamp = self._open(connection)
                start, _ = self._encoding.around_text(stamp)
                connection.send(lead + self._encoding.frame(start))
                self._act = Stream._pour
                self._wait()
            case _ if self._wanted.stream:
                self._end_stream(connection)
            case _:
                self._end_whole(connection)

    def _end_stream(self, connection: Connection) -> None:
        lead, now, stamp = self._open(connection)
        encoded, encoder = self._encoding, self._wanted.encoder
        match self._fault:
            case None:
                self.log.add_object(self.due + self._loop.epoch, now)
                connection.send(lead + encoded.frame(encoder.final(self._ending(now, stamp))))
            case "error_line":
                connection.send(lead + encoded.frame(encoder.failure(ERROR_TEXT)))
            case "no_done":
                connection.send(lead)
            case "truncate":
                chunk = encoded.frame(encoded.event((self.text + self.sent) % WORDS, stamp))
                connection.send(lead + chunk[: len(chunk) // 2])
                self._over(connection, keep_alive=False)
                return
            case fault:
                self._fault, self.stop = None, self._tokens
                connection.send(lead + encoded.frame(self._broken_line(fault, stamp)))
                self._act = Stream._odd_token if self.sent < self.stop else Stream._end
                self._wait_gap()
                return
        self._finish(connection)

    def _end_whole(self, connection: Connection) -> None:
        """End an answer that does not stream, of one object."""
        now, stamp = self._loop.stamp()
        encoder, fault = self._wanted.encoder, self._fault
        if fault == "error_line":
            self.release()
            connection.answer(500, encoder.error(ERROR_TEXT))
            return
        self.sent = self._tokens
        self._first_sent = now - self._state.planner.duration_ns(self._plan, self._tokens)
        match fault:
            case "malformed":
                body = MALFORMED
            case "bad_utf8" | "huge_line":
                body = self._broken_line(fault, stamp)
            case _:
                body = encoder.whole(self._ending(now, stamp, done=fault != "no_done"))
        self.log.add_object(self.due + self._loop.epoch, now)
        connection.begin(200, http.JSON, len(body))
        connection.send(body[: len(body) // 2] if fault == "truncate" else body)
        self._over(connection, keep_alive=fault != "truncate")

    def _pour(self, connection: Connection) -> None:
        """Send more of a line that does not end."""
        if self._poured >= ENDLESS_LINE:
            self._finish(connection)
            return
        self._poured += len(_ENDLESS_PIECE)
        self.due = monotonic_ns()
        connection.send(self._encoding.frame(_ENDLESS_PIECE))
        self._wait()

    def _broken_line(self, fault: str, stamp: bytes) -> bytes:
        if fault == "malformed":
            return self._wanted.encoder.event(MALFORMED)
        start, rest = self._encoding.around_text(stamp)
        return start + (b"\xff\xfe\xc3(" if fault == "bad_utf8" else b"x" * HUGE_LINE) + rest

    def _finish(self, connection: Connection) -> None:
        """Send the closing chunk, in a send of its own."""
        if connection.request.chunked:
            connection.send(b"0\r\n\r\n")
        self._over(connection, keep_alive=connection.request.chunked)

    def _over(self, connection: Connection, *, keep_alive: bool) -> None:
        self.release()
        connection.finish(keep_alive=keep_alive)

    def _ending(self, now: int, stamp: bytes, *, done: bool = True) -> Ending:
        epoch, sent = self._loop.epoch, self.sent
        resident = min(
            self._plan.resident_ns, self._plan.ttft_ns // 2
        )  # which is part of the time to first token
        usage = Usage(  # total is queue, load, prompt and decoding
            total_ns=now - epoch - self._received,
            load_ns=self._load_ns + resident,
            prompt_tokens=self._prompt_tokens,
            prompt_ns=self._first_sent - epoch - self._begun - resident,
            tokens=sent,
            cached_tokens=self._cached,
            decode_ns=now - self._first_sent if sent else 0,
        )
        size, first = min(CONTEXT, self._prompt_tokens + sent), self.text * 7919
        context = [(first + i * 104_729) % _VOCABULARY for i in range(size)]
        is_whole = self._wanted.encoder.repeats_text or not self._wanted.stream
        text = "".join(TOKENS[(self.text + i) % WORDS] for i in range(sent)) if is_whole else ""
        reason = "length" if self._tokens == self._wanted.limit else "stop"
        return Ending(usage, stamp, reason, context, text, done)

    def release(self) -> None:
        """Let go of the connection and of the slot: the answer is complete, or the client has left."""
        if self.connection is None:
            return
        self.connection.stream = None
        self.connection = None
        self.log.open -= 1
        if self._queued:
            self._model.slots.leave(self._begin)
        if self._has_slot:
            self._has_slot = False
            self._model.slots.free()
        if self._use is not None:
            self._state.scheduler.leave(self._use)
            self._use = None
