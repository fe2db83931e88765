"""The result of one cell."""

from dataclasses import dataclass, field
from typing import Literal

from loadgen.model import tables
from loadgen.model.cell import EngineNumber
from loadgen.model.clients import ClientId, Mode
from loadgen.model.kept import Shelf
from loadgen.model.level import Level
from loadgen.model.scenario import Workload
from loadgen.model.stream import Sample

PYTHON_GIL = "PYTHON_GIL"  # the variable of the environment
Role = Literal["", "target", "loadgen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A process that took ``share`` (0..1) of the engine's cores; ``role``: it serves the target, or is our own."""

    name: str
    pid: int
    share: float
    role: Role = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the rest of the machine did during the measured window."""

    window_ns: int
    engine_cores: int | None = None  # how many cores the engine was pinned to; None: not pinned
    others_ns: int | None = None  # CPU that others took on the engine's cores
    steal_ns: int | None = None  # CPU that the hypervisor took there
    neighbours: tuple[Neighbour, ...] = ()  # who they were, the largest share first
    listen_overflows: int | None = None
    listen_drops: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLog:
    """What the simulator reports about one cell. Lateness is actual minus scheduled send time.

    ``late`` are the sends that were more than a millisecond late, the worst of them where there are very many:
    when each was due and when it left, nanoseconds since the epoch, as little-endian int64 pairs in the order
    sent.
    """

    streams: int
    open_peak: int
    sends: int
    late_p50_ms: float | None
    late_p99_ms: float | None
    late_max_ms: float | None
    late: bytes = b""


@dataclass(frozen=True, slots=True)
class Residency:
    """Whether the server had the model in memory before and after the cell, by its own list.

    ``keep_s`` is how long it keeps a model that nobody uses. ``None``: not known.
    """

    before: bool
    after: bool | None
    keep_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Why a rule of the scenario ended a cell before its time, ``at_s`` after its start.

    ``errors``: of ``streams`` that had ended so many had ``failed``. ``overload``: in-flight streams and TTFT rose
    from ``since_s`` on.
    """

    why: Literal["errors", "overload"]
    at_s: float
    failed: int = 0
    streams: int = 0
    since_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingInfo:
    """The result of one cell without its tables.

    ``workload`` comes without its prompts, which are in ``run.json``. A cell that was spread over several workers
    leaves a recording for each, with marks of that worker's own clock; one that several engines of this machine share
    leaves one for each ``engine``, with marks of the same clock and one start. All have the index, client, level and
    repeat of the cell.
    """

    index: int
    client: ClientId
    mode: Mode
    level: Level
    repeat: int
    workload: Workload
    ended: str  # "" when it ran to its end, otherwise why not
    start: int
    window: tuple[int, int]
    clock: tuple[tuple[int, int], tuple[int, int]]  # (perf_counter_ns, time_ns) before and after
    same_host: bool = False  # every address of the server is this machine's, which proves no common clock
    simulated: bool = False  # the server is our own simulator: on the same host it reads our clock
    base_rss_kib: int | None = None
    base_threads: int | None = None
    edges: tuple[Sample, ...] = ()  # totals at the window's two edges; empty when the cell never got there
    machine: Machine | None = None
    server: ServerLog | None = None
    residency: Residency | None = None  # of the model; None where the server does not tell
    worker: str = ""  # the worker that ran it; "" if the run had none
    engine: EngineNumber | None = None  # None: the only one of its worker, or of the run
    attempt: int = 0  # of the cell; from 1 on it was measured again
    share: int | None = None  # how many of the streams were this worker's or engine's; None: all
    not_started: int = 0  # arrivals of an open load that were due in the window, and never got a stream
    stopped: Stopped | None = None  # by a rule of the scenario, which is an end like any other
    gil: str | None = None  # of a free-threaded Python: what turned the GIL on, empty where it was off
    number: int = 0  # of the file: a long recording is saved in several

    @property
    def max_streams(self) -> int:
        """Return how many streams were to be open at once, this part's only where there are several; 0: none were."""
        if self.level.streams is None:
            return 0
        return self.level.streams if self.share is None else self.share


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(RecordingInfo):
    """The result of one cell, as on disk. On its ``shelf`` is what was computed from it, as long as there is room."""

    streams: tables.StreamTable
    arrivals: tables.ArrivalTable
    stamps: tables.StampTable
    samples: tables.SampleTable
    pauses: tables.PauseTable
    cpu_samples: tables.CpuSampleTable
    sizes: tables.SizeTable = field(default_factory=tables.SizeTable)
    shelf: Shelf = field(default_factory=Shelf, init=False, repr=False, compare=False)
