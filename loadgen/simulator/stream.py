"""One paced stream: from its request to its end, an act at a time, each when the wheel says so."""

from __future__ import annotations

from time import monotonic_ns, time_ns
from typing import Final

from loadgen.model import Usage
from loadgen.simulator import faults, http
from loadgen.simulator.connection import Connection
from loadgen.simulator.corpus import TOKENS
from loadgen.simulator.encoding import Asked, encoding
from loadgen.simulator.plan import GAP_MASK, MERGE, PLAIN, SPLIT
from loadgen.simulator.scheduler import Loaded, full_name
from loadgen.simulator.state import State

_WORDS: Final = len(TOKENS)
_SECOND: Final = 1_000_000_000
CONTEXT: Final = 40_960
_VOCABULARY: Final = 151_643
_ENDLESS_STEP: Final = 256 << 10

# What the next step does. Tokens with nothing special about them are 0: the one test on the hot path.
_TOKEN: Final = 0
_ADMIT: Final = 1
_ODD_TOKEN: Final = 2
_END: Final = 3
_ENDLESS: Final = 4


class Stream:
    """An inference request. ``connection`` is None once it is over; the wheel may still hold it then."""

    __slots__ = (
        "_act",
        "_add",
        "_asked",
        "_at",
        "_begun",
        "_blocked",
        "_due",
        "_encoding",
        "_fault",
        "_first_sent",
        "_gaps",
        "_held",
        "_index",
        "_load_ns",
        "_loaded",
        "_loop",
        "_odd",
        "_opened",
        "_pairs",
        "_plan",
        "_poured",
        "_prompt_tokens",
        "_queued",
        "_reason",
        "_received",
        "_record",
        "_said",
        "_send",
        "_state",
        "_stop",
        "_text",
        "_tokens",
        "connection",
    )  # fmt: skip

    def __init__(self, state: State, connection: Connection, asked: Asked, ordinal: int) -> None:
        planner = state.planner
        natural = state.spec.tokens
        limit = asked.limit
        self.connection: Connection | None = connection
        connection.stream = self
        self._state, self._loop = state, state.loop
        self._asked = asked
        self._plan = planner.plan(ordinal, asked.seed)
        self._fault = self._plan.fault
        self._tokens = natural if limit is None else min(natural, limit)
        self._reason = "stop" if limit is None or natural < limit else "length"
        self._prompt_tokens = max(1, -(-asked.prompt_bytes // 4))
        self._encoding = encoding(asked.api, asked.model, connection.chunked)
        self._gaps, self._at = planner.gaps, self._plan.at
        self._pairs, self._text = self._encoding.pairs, self._plan.text
        self._odd = planner.framed
        self._send = connection.sock.send
        self._add = state.wheel.add
        self._received = monotonic_ns()
        self._record = state.record
        self._index = self._record.opened(self._received + self._loop.epoch)
        self._act = _ADMIT
        self._due = self._begun = self._first_sent = self._load_ns = 0
        self._said = self._stop = self._held = self._poured = 0
        self._opened = self._queued = self._blocked = False
        self._loaded: Loaded | None = None

    # ---------------------------------------------------------------------------------- the way to a slot

    def start(self) -> None:
        """The request has come."""
        if self._fault in faults.STATUS:
            self._refuse(*faults.STATUS[self._fault])
        elif self._fault == "slow_accept":
            self._fault = None
            self._state.wheel.add(self._received + faults.SLOW_ACCEPT_NS, self)
        else:
            self._admit()

    def _admit(self) -> None:
        self._queued = True
        if not self._state.slots.take(self):
            self._queued = False
            self._refuse(*faults.STATUS["status_503"])

    def begin(self) -> None:
        """The slot is ours."""
        state, plan = self._state, self._plan
        now = monotonic_ns()
        self._queued = False
        self._loaded = state.models.use(full_name(self._asked.model), now)
        self._begun = max(now, self._loaded.ready)
        self._load_ns = self._begun - now
        self._due = self._begun + plan.ttft_ns + round(state.spec.prefill * self._prompt_tokens * 1e9)
        self._record.first_due[self._index] = self._due + self._loop.epoch
        self._stop = plan.tokens_before_fault(self._tokens) if self._fault else self._tokens
        if not self._asked.stream:
            self._due += state.planner.duration_ns(plan, self._tokens)
            self._act = _END
        else:
            self._act = _ODD_TOKEN if self._stop else _END
        state.wheel.add(self._due, self)

    def _refuse(self, status: int, message: str) -> None:
        connection = self.connection
        assert connection is not None
        self._over()
        connection.answer(status, self._asked.api.error(message))

    # ------------------------------------------------------------------------------------------- tokens

    def step(self) -> None:
        """Do what is due; called by the wheel."""
        connection = self.connection
        if connection is None:
            return
        if self._act:
            self._step_aside()
            return
        # This is the price of a token: no call here that is not needed.
        loop, clock, said, due = self._loop, self._state.clock, self._said, self._due
        head, tail = self._pairs[(self._text + said) % _WORDS]
        now = time_ns()
        rest = now - clock.base
        if not 0 <= rest < _SECOND:
            clock.set(now)
            rest = now - clock.base
        data = head if tail is None else b"%b%b%09d%b" % (head, clock.second, rest, tail)
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            connection.close()
            return
        record = self._record
        record.stream.append(self._index)
        record.due.append(due + loop.epoch)
        record.sent.append(now)
        self._said = said = said + 1
        if sent != len(data):
            connection.keep(data[sent:])
        elif said != self._stop:
            self._due = due = due + self._gaps[(self._at + said) & GAP_MASK]
            self._add(due, self)
            return
        self._next()

    def _next(self) -> None:
        """Tokens were sent: on to the next act."""
        if self._said < self._stop:
            self._wait(self._gap())
            return
        self._act = _END
        self._wait(self._gap() if self._fault else 0, at_once=not self._fault)

    def _gap(self) -> int:
        """Between the last token that is ready and the next."""
        return self._gaps[(self._at + self._said + self._held) & GAP_MASK]

    def _wait(self, gap: int, *, at_once: bool = False) -> None:
        """The next act is due ``gap`` after this one; a client that does not read holds it up."""
        connection = self.connection
        self._due += gap
        if connection is None:
            return
        if connection.out:
            self._blocked = True
        elif at_once:
            self._end(connection)
        else:
            self._add(self._due, self)

    def resume(self) -> None:
        """The client has read what it owed us: what has become due meanwhile is due at once."""
        if self._blocked:
            self._blocked = False
            self._state.wheel.add(self._due, self)

    def _step_aside(self) -> None:
        connection = self.connection
        assert connection is not None
        if self._act == _ADMIT:
            self._admit()
        elif self._act == _ODD_TOKEN:
            self._odd_token(connection)
        elif self._act == _ENDLESS:
            self._pour(connection)
        elif self._asked.stream:
            self._end(connection)
        else:
            self._whole(connection)

    def _odd_token(self, connection: Connection) -> None:
        """The first token, which takes the headers along, and those that are cut or merged."""
        last = self._said + self._held
        frame = self._state.planner.frames[(self._at + last) & GAP_MASK] if self._odd else PLAIN
        if frame == MERGE and last + 1 < self._stop:
            self._held += 1
            self._wait(self._gap())
            return
        now, stamp = self._state.clock.stamp()
        encoded, due = self._encoding, self._due + self._loop.epoch
        data = b""
        for token in range(self._said, last + 1):
            data += encoded.event((self._text + token) % _WORDS, stamp)
            self._record.sending(self._index, due, now)
        self._said, self._held = last + 1, 0
        lead = self._lead(now)
        if frame == SPLIT:
            word = (self._text + last) % _WORDS
            cut = len(data) - encoded.sizes[word] + encoded.cuts[word]
            connection.send(lead + encoded.frame(data[:cut]))
            connection.send(encoded.frame(data[cut:]))
        else:
            connection.send(lead + encoded.frame(data))
        if not self._odd:
            self._act = _TOKEN
        self._next()

    def _lead(self, now: int) -> bytes:
        """The headers, once."""
        if self._opened:
            return b""
        self._opened = True
        self._first_sent = now
        assert self.connection is not None
        api, encoded = self._asked.api, self._encoding
        opening = api.opening(self._asked.model)
        head = self.connection.head(200, api.content_type, None)
        return head + encoded.frame(opening) if opening else head

    # --------------------------------------------------------------------------------------------- ends

    def _end(self, connection: Connection) -> None:
        """The last object, or what goes wrong instead."""
        fault = self._fault
        now, stamp = self._state.clock.stamp()
        lead, encoded, api = self._lead(now), self._encoding, self._asked.api
        if fault is None:
            last = api.final(
                self._asked, self._usage(now), stamp, reason=self._reason, context=self._context()
            )
            self._record.sending(self._index, self._due + self._loop.epoch, now)
            connection.send(lead + encoded.frame(last))
            self._finish(connection)
        elif fault in ("malformed", "bad_utf8", "huge_line"):
            self._fault = None
            self._stop = self._tokens
            connection.send(lead + encoded.frame(self._broken_line(fault, stamp)))
            self._act = _ODD_TOKEN if self._said < self._stop else _END
            self._wait(self._gap())
        elif fault == "error_line":
            connection.send(lead + encoded.frame(api.event(api.error(faults.ERROR_TEXT))))
            self._finish(connection)
        elif fault == "no_done":
            if lead:
                connection.send(lead)
            self._finish(connection)
        elif fault == "truncate":
            chunk = encoded.frame(encoded.event((self._text + self._said) % _WORDS, stamp))
            connection.send(lead + chunk[: len(chunk) // 2])
            self._over()
            connection.finish(keep_alive=False)
        elif fault == "reset":
            connection.reset()
        elif fault == "endless_line":
            connection.send(lead + encoded.frame(self._around_text(stamp)[0]))
            self._act = _ENDLESS
            self._wait(0)
        # "stall" is left: nothing is due any more, until the client leaves.

    def _pour(self, connection: Connection) -> None:
        if self._poured >= faults.ENDLESS_LINE:
            self._finish(connection)
            return
        piece = b"and so on " * (_ENDLESS_STEP // 10)
        self._poured += len(piece)
        self._due = monotonic_ns()
        connection.send(self._encoding.frame(piece))
        self._wait(0)

    def _around_text(self, stamp: bytes) -> tuple[bytes, bytes]:
        """What stands before and after the text of an event."""
        start, _, rest = self._encoding.event(0, stamp).rpartition(TOKENS[0].encode())
        return start, rest

    def _broken_line(self, fault: str, stamp: bytes) -> bytes:
        if fault == "malformed":
            return self._asked.api.event(faults.MALFORMED)
        start, rest = self._around_text(stamp)
        return start + (b"\xff\xfe\xc3(" if fault == "bad_utf8" else b"x" * faults.HUGE_LINE) + rest

    def _finish(self, connection: Connection) -> None:
        """The closing chunk, in a send of its own."""
        if self._encoding.closing:
            connection.send(self._encoding.closing)
        self._over()
        connection.finish(keep_alive=connection.chunked)

    def _whole(self, connection: Connection) -> None:
        """``stream: false``: the one object, or what goes wrong instead."""
        fault = self._fault
        if fault == "stall":
            return
        if fault == "reset":
            connection.reset()
            return
        if fault == "error_line":
            self._over()
            connection.answer(500, self._asked.api.error(faults.ERROR_TEXT))
            return
        self._said = self._tokens
        text = "".join(TOKENS[(self._text + i) % _WORDS] for i in range(self._tokens))
        now, stamp = self._state.clock.stamp()
        self._first_sent = now - self._state.planner.duration_ns(self._plan, self._tokens)
        body = self._asked.api.whole(
            self._asked,
            text,
            self._usage(now),
            stamp,
            reason=self._reason,
            context=self._context(),
            done=fault != "no_done",
        )
        if fault == "malformed":
            body = faults.MALFORMED
        elif fault in ("bad_utf8", "huge_line"):
            body = self._broken_line(fault, stamp)
        elif fault == "endless_line":
            connection.send(self._lead(now) + self._encoding.frame(self._around_text(stamp)[0]))
            self._act = _ENDLESS
            self._wait(0)
            return
        self._record.sending(self._index, self._due + self._loop.epoch, now)
        head = connection.head(200, http.JSON, len(body))
        connection.send(head + (body[: len(body) // 2] if fault == "truncate" else body))
        self._over()
        connection.finish(keep_alive=fault != "truncate")

    def _usage(self, now: int) -> Usage:
        """They add up: total is queue, load, prompt and decoding."""
        epoch = self._loop.epoch
        return Usage(
            total_ns=now - epoch - self._received,
            load_ns=self._load_ns,
            prompt_tokens=self._prompt_tokens,
            prompt_ns=self._first_sent - epoch - self._begun,
            tokens=self._said,
            decode_ns=now - self._first_sent if self._said else 0,
        )

    def _context(self) -> list[int]:
        first = self._plan.text * 7919
        return [
            (first + i * 104_729) % _VOCABULARY for i in range(min(CONTEXT, self._prompt_tokens + self._said))
        ]

    def cancel(self) -> None:
        """The client has left."""
        self._over()

    def _over(self) -> None:
        if self.connection is None:
            return
        self.connection.stream = None
        self.connection = None
        now = monotonic_ns()
        self._record.closed(self._index, now + self._loop.epoch, self._said)
        if self._queued:
            self._state.slots.leave(self)
        if self._loaded is not None:
            self._state.models.release(self._loaded, now, self._asked.keep_ns)
            self._loaded = None
            self._state.slots.free()
