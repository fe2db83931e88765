"""The messages between coordinator and workers: MessagePack inside Locust's own messages."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from loadgen.model import CpuSample, Pause, RecordingInfo, Sample, Stream

# Types of message. From the master:
JOB = "loadgen-job"
ADD = "loadgen-add"
END = "loadgen-end"
REFUSED = "loadgen-refused"
# From a worker:
HELLO = "loadgen-hello"
UPDATE = "loadgen-update"
FAILED = "loadgen-failed"


class Part(msgspec.Struct, frozen=True):
    """One cell of a job, and which of its slots this worker runs.

    ``cell`` is the index of the cell in the plan of the scenario. ``slots`` is ``None`` where this worker's users of
    Locust are the streams, until the job ends.
    """

    cell: int
    slots: tuple[int, ...] | None


class Job(msgspec.Struct, frozen=True):
    """The cells that a worker runs. It holds neither headers nor keys: each worker reads the scenario itself.

    ``overrides`` are ``path.to.key=value``, or flag, key and value; ``fingerprint`` is that of the scenario as
    the coordinator resolved it; ``url`` is the simulator's, ``None`` where the scenario names its target; ``place``
    numbers the workers of one machine, from 0.
    """

    number: int
    scenario: str
    overrides: tuple[str | tuple[str, str, Any], ...]
    fingerprint: str
    url: str | None
    place: int
    parts: tuple[Part, ...]


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
    streams: list[Stream]
    samples: list[Sample]
    pauses: list[Pause]
    cpu_samples: list[CpuSample]
    requested: int
    most_requested: int
    open: int
    tokens: int
    done: bool


M = TypeVar("M", Part, Job, Add, End, Update)

_encoder = msgspec.msgpack.Encoder()


def pack(message: Part | Job | Add | End | Update) -> bytes:
    """Return the bytes to send."""
    return _encoder.encode(message)


def unpack(kind: type[M], data: bytes) -> M:
    """Return the message of that kind. Raises msgspec.MsgspecError for bytes that hold none."""
    return msgspec.msgpack.decode(data, type=kind)
