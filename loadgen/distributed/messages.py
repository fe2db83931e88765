"""The messages between coordinator and workers: MessagePack inside Locust's own messages."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from loadgen.gate import values
from loadgen.lab.spool import Rows
from loadgen.model import Calibration, RecordingInfo

# Types of message. From the master:
JOB = "loadgen-job"
ADD = "loadgen-add"
END = "loadgen-end"
REFUSED = "loadgen-refused"  # the reason, as text
# From a worker:
HELLO = "loadgen-hello"  # its version of loadgen, as text
UPDATE = "loadgen-update"
FAILED = "loadgen-failed"  # the reason, as text


class Job(msgspec.Struct, frozen=True):
    """The cells that a worker runs. It holds neither headers nor keys: each worker reads the scenario itself.

    ``overrides`` are ``path.to.key=value``, or flag, key and value; ``fingerprint`` is that of the scenario as
    the coordinator resolved it; ``url`` is the simulator's, ``None`` where the scenario names its target, and ``ca``
    the file by which it is trusted over TLS; ``place`` numbers the workers of one machine, from 0; by ``calibration``
    the prompts are made; ``nonce`` is new for each job. ``slots`` has those that this worker runs by the index of their
    cell; ``None`` where its users of Locust are the streams, until the job ends. ``shares`` has into how many the
    arrivals of an open load are divided, of which ``slots`` are this worker's.
    """

    number: int
    scenario: str
    overrides: tuple[str | tuple[str, str, Any], ...]
    fingerprint: str
    url: str | None
    ca: str = ""
    place: int = 0
    nonce: str = ""
    calibration: Calibration | None = None
    slots: Mapping[int, tuple[int, ...] | None] = {}
    shares: Mapping[int, int] = {}


class Add(msgspec.Struct, frozen=True):
    """Run the slots of a lost worker too."""

    job: int
    cell: int
    slots: tuple[int, ...]


class End(msgspec.Struct, frozen=True):
    """End the job: start no stream, and end those that are still open after ``grace`` seconds.

    ``grace`` is ``None`` where they run to their own end.
    """

    job: int
    grace: float | None


class Update(msgspec.Struct, frozen=True):
    """What one engine sent since its last update. ``recording`` is as it stands now, without its tables.

    ``requested`` and ``open`` are streams at this moment, ``most_requested`` the most so far, ``tokens`` those since
    the start. ``done``: this is the last update.
    """

    job: int
    cell: int
    recording: RecordingInfo
    rows: Rows
    requested: int
    most_requested: int
    open: int
    tokens: int
    done: bool


pack = msgspec.msgpack.encode
M = TypeVar("M", bound=msgspec.Struct)


def unpack(kind: type[M], data: bytes) -> M:
    """Return the message of that kind. Raises BadData for bytes that hold none."""
    return values.from_message(data, kind)
