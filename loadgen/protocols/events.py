"""The events that a decoder returns, and the interface of a protocol."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence

import msgspec

from loadgen.model import Cell, Output, Prompt, Request, Usage, Workload


class Token(msgspec.Struct, frozen=True, gc=False):
    """One event that carries output of any kind. ``stamp_ns``: the server's send time, if it has one.

    An event of several kinds counts as the first of them in ``Output``.
    """

    stamp_ns: int | None
    kind: Output = Output.ANSWER


class End(msgspec.Struct, frozen=True):
    """The protocol's own end: the stream is complete."""

    usage: Usage


class Error(msgspec.Struct, frozen=True):
    """An error that the server reports inside the body."""

    message: str


Event = Token | End | Error


class Undecodable(ValueError):
    """Bytes that the protocol does not allow; the message has the reason and their beginning.

    ``events`` are those that the same call completed before them.
    """

    events: Sequence[Event] = ()


# What one frame means: appends its events, and returns whether the stream has ended. Raises Undecodable.
Read = Callable[[bytes, list[Event]], bool]


class Decoder(typing.Protocol):
    """Incremental: the events are the same wherever the bytes are cut. Memory is bounded."""

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that ``data`` completes. Raises Undecodable; the decoder is then spent."""

    def eof(self) -> list[Event]:
        """Return the events that only the end of the body completes. Raises Undecodable."""


@typing.runtime_checkable
class Shortcut(typing.Protocol):
    """A decoder with a shorter way for what most reads bring: one event of answer text, whole, and nothing else."""

    def plain_token(self, data: bytes) -> int | None:
        """Return the send time of the one event that ``data`` is, 0 where it has none.

        ``None`` where it is, or may be, anything else: then nothing has changed, and ``feed`` must get it. What it
        takes is what ``feed`` would decode to one ``Token`` of that stamp, and leaves the decoder as ``feed`` would.
        """


@typing.runtime_checkable
class Bounded(typing.Protocol):
    """A decoder that keeps no more than ``max_bytes`` of a line, an event or a whole answer."""

    max_bytes: int


@typing.runtime_checkable
class Searching(typing.Protocol):
    """A decoder of events that the scenario describes, which may be nowhere in the answer."""

    def missed(self, *, end: bool) -> str:
        """Return what was looked for in vain, the end or output, and in what; "" where that cannot be said."""


class Protocol(typing.Protocol):
    """A wire format, without I/O. Made without arguments; the framings to build on are sse, ndjson and raw.

    A class whose API the simulator serves has the attribute ``simulated = True``, one whose requests have the messages
    of a chat ``takes_messages = True``; the prompts of others are texts. One whose servers list their models,
    or those in memory (with ``expires_at``, as Ollama does), may have methods ``catalogue(cell) -> Request`` and
    ``in_memory(cell) -> Request``; where they take one out of memory, ``unload(cell) -> Request``. For conversations it
    has ``answer(body) -> str``, the text of a body that was decoded.
    """

    def request(self, cell: Cell, prompt: Prompt) -> Request:
        """Return the request of one stream."""

    def probe(self, cell: Cell) -> Request | None:
        """Return a cheap request that shows whether the server answers, if there is one; never one that makes tokens.

        404 about the model means that the server has no ``cell.workload.model``.
        """

    def decoder(self, stream: bool) -> Decoder:
        """Return a fresh decoder for one response body, streamed or whole."""


@typing.runtime_checkable
class Described(Protocol, typing.Protocol):
    """A protocol of which the scenario has the request (``request``), and may have the ``events``."""

    def bound(self, workload: Workload) -> Protocol:
        """Return the protocol with what the workload says of it."""
