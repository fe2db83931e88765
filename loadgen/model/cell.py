"""One measurement as plain data, when its streams are due, and the requests that it sends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from loadgen.model.clients import ClientId
from loadgen.model.level import Level
from loadgen.model.prompt import Prompt
from loadgen.model.scenario import Tls, Workload

FOREVER = 1 << 62  # nanoseconds


@dataclass(frozen=True, slots=True)
class EngineNumber:
    """Which one it is, from 1, of the engines on one machine that share a cell."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"engine {self.number} of {self.of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement: one client x one level x one repeat. Crosses to the engine as JSON.

    ``attempt`` is 0 for the first, 1 or more where the machine disturbed those before.
    """

    index: int
    client: ClientId
    level: Level
    repeat: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    workload: Workload
    seed: int
    cores: tuple[int, ...] = ()  # the engine runs on these, of several each on one; empty: on any
    engines: int = 1  # that share the cell on this machine
    engine: EngineNumber | None = None  # which of them this is; None: the only one, or all together
    nonce: str = (
        ""  # new for each measurement, the same for all that share it; "": the only one draws its own
    )
    attempt: int = 0
    path: str = field(default="", repr=False)  # of every request, in place of the URL's and the protocol's
    tls: Tls = field(default_factory=Tls)
    simulated: bool = False  # the server is our own simulator
    slots: tuple[int, ...] | None = None  # those of the cell's slots that are this engine's; None: all
    shares: int = 1  # of an open load: arrival k is of share k mod shares, and ``slots`` are shares

    @property
    def max_streams(self) -> int:
        """Return the most streams that are open at once; 0: any number."""
        return self.level.streams or self.workload.load.max_streams or 0

    @property
    def places(self) -> int:
        """Return the most streams that are open at once on this engine; 0: any number."""
        if self.slots is None:
            return self.max_streams
        if not self.workload.load.is_open:
            return len(self.slots)
        # Of an open load the places are dealt to the shares in turn.
        return sum((self.max_streams - share + self.shares - 1) // self.shares for share in self.slots)


class Arrival(NamedTuple):
    """A stream that is due ``due`` nanoseconds after the start of the cell: what a load yields.

    An open load yields an arrival for each stream; its ``slot`` becomes its place in the schedule, and ``held`` is how
    long it waited because as many streams were open as may be. A closed load yields the first stream of each slot: on
    its slot ``streams`` of them (``None``: no limit) follow one another, the next due when the one before has ended, as
    long as that is before ``until``.
    """

    due: int
    prompt: int  # index into the workload's prompts, modulo their number
    slot: int | None = None
    streams: int | None = 1
    until: int = FOREVER
    own: Prompt | None = None  # what it asks in place of the workload's prompts
    held: int | None = None
    session: int = 0  # which conversation of its slot
    turn: int = 0  # of the conversation


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, ready to send; built by the protocol, the same bytes for every client."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
