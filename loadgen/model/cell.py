"""One measurement as plain data, and the requests that it sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadgen.model.clients import ClientId
from loadgen.model.level import Level
from loadgen.model.scenario import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement: one client x one level x one repeat. Crosses to the engine as JSON."""

    index: int
    client: ClientId
    level: Level
    repeat: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    workload: Workload
    seed: int
    cores: tuple[int, ...] = ()  # the engine runs on these; empty: on any
    slots: tuple[int, ...] | None = None  # those of the cell's slots that are this engine's; None: all

    @property
    def max_streams(self) -> int:
        """Return the most streams that are open at once; 0: any number."""
        return self.level.streams or self.workload.load.max_streams or 0


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, ready to send; built by the protocol, the same bytes for every client."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
