"""What master and workers say to each other, in Locust's own messages, as MessagePack."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from loadgen.model import CpuSample, Pause, Recording, Sample, Stream

# Types of message. From the master:
JOB = "loadgen-job"
ADD = "loadgen-add"
END = "loadgen-end"
REFUSED = "loadgen-refused"
# From a worker:
HELLO = "loadgen-hello"
UPDATE = "loadgen-update"
FAILED = "loadgen-failed"
# In a worker's regular report:
REPORT = "loadgen"


class Part(msgspec.Struct, frozen=True):
    """One cell of a job, and what of it is this worker's.

    ``index`` is the cell's place in the plan of the scenario, ``slots`` the worker's share of its schedule; None:
    as many as there are users of Locust, until told to end.
    """

    index: int
    slots: tuple[int, ...] | None


class Job(msgspec.Struct, frozen=True):
    """What a worker is to do. Neither headers nor keys are in it: each worker reads the scenario itself.

    ``overrides`` are ``path.to.key=value``, or flag, key and value; ``fingerprint`` is that of the scenario as
    the master resolved it; ``url`` is the simulator's, None where the scenario names its target; ``place``
    tells the workers of one machine apart, from 0.
    """

    number: int
    scenario: str
    overrides: tuple[str | tuple[str, str, Any], ...]
    fingerprint: str
    url: str | None
    place: int
    parts: tuple[Part, ...]


class Add(msgspec.Struct, frozen=True):
    """Slots of a worker that was lost, for another."""

    job: int
    client: str
    slots: tuple[int, ...]


class End(msgspec.Struct, frozen=True):
    """The job is over: no new streams, and those still open after ``grace`` seconds are ended.

    ``grace`` None: they run to their own end.
    """

    job: int
    grace: float | None


class Update(msgspec.Struct, frozen=True):
    """News of one engine since its last update. ``bare`` is the recording so far, without its tables.

    ``asked`` and ``open`` are streams, ``tokens`` counts since the start; ``done``: there is nothing to come.
    """

    job: int
    client: str
    bare: Recording
    streams: list[Stream]
    samples: list[Sample]
    pauses: list[Pause]
    cpu_samples: list[CpuSample]
    asked: int
    open: int
    tokens: int
    done: bool


M = TypeVar("M", Part, Job, Add, End, Update)

_encoder = msgspec.msgpack.Encoder()


def pack(message: Part | Job | Add | End | Update) -> bytes:
    """The bytes that travel."""
    return _encoder.encode(message)


def unpack(kind: type[M], data: bytes) -> M:
    """Raises msgspec.MsgspecError for what is no such message."""
    return msgspec.msgpack.decode(data, type=kind)
