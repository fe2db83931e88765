"""What a search found, also as JSON: ``limit.json``, and the output of ``--json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from loadgen import files
from loadgen.capacity.curves import Crossing
from loadgen.capacity.readings import Budget, Reading
from loadgen.capacity.search import Capacity, Rules
from loadgen.exit_code import ExitCode
from loadgen.lab.lifecycle import RunResult
from loadgen.model import ClientId, Level

FILE: Final = "limit.json"
_NAMES: Final = {
    "level": "streams",
    "one_stream_ms": "ttft_one_stream_ms",
    "capacities": "clients",
    "readings": "steps",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult(RunResult):
    """The capacity of every client. ``failure`` is empty when the search could be finished.

    ``one_stream_ms`` is the median TTFT of one stream, in ms, where the budget needs it.
    """

    budget: Budget
    cores: int
    rules: Rules
    one_stream_ms: Mapping[ClientId, float]
    capacities: Sequence[Capacity]
    crossings: Sequence[Crossing]
    readings: Sequence[Reading]

    @property
    def verdict(self) -> ExitCode:
        """Return NOT_MEASURED where a client's search was stopped by something else than the client."""
        found = all(each.stopped in ("budget", "max_streams") for each in self.capacities)
        return ExitCode.DONE if found else ExitCode.NOT_MEASURED

    def as_dict(self) -> dict[str, Any]:
        """Return the search as plain data: clients are labels, levels numbers of streams."""
        return {key: value for key, value in _plain(self).items() if key not in RunResult.__slots__}

    def write(self) -> None:
        """Write ``limit.json`` into the run folder. Raises OSError."""
        with files.atomic_write(self.folder / FILE) as file:
            file.write((json.dumps(self.as_dict(), indent=2) + "\n").encode())


def _plain(value: Any) -> Any:
    if isinstance(value, ClientId):
        return value.label
    if isinstance(value, Level):
        return value.streams
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        names = (field.name for field in fields(value))
        return {_NAMES.get(name, name): _plain(getattr(value, name)) for name in names}
    return None if isinstance(value, float) and not math.isfinite(value) else value
