"""What was watched beside the streams: the server's own metrics, and the counters of its GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from loadgen.model.tables import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from loadgen.model.tables import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Where a target has metrics in Prometheus' text format, and which of them are drawn beside the known ones."""

    url: str = field(repr=False)
    names: tuple[str, ...] = ()


class Known(NamedTuple):
    """A figure of servers that the report draws: its names, how several series of it are joined, and its factor."""

    key: str
    names: tuple[str, ...]
    joined: Literal["sum", "max", "mean"] = "sum"
    scale: float = 1.0


# A server of another kind is one more name in a line. vLLM, llama.cpp, SGLang, TGI, in this order.
KNOWN: Final = (
    Known(
        "running",
        (
            "vllm:num_requests_running", "llamacpp:requests_processing", "sglang:num_running_reqs",
            "tgi_batch_current_size",
        ),
    ),
    Known(
        "waiting",
        ("vllm:num_requests_waiting", "llamacpp:requests_deferred", "sglang:num_queue_reqs", "tgi_queue_size"),
    ),
    Known(
        "cache",
        (
            "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "llamacpp:kv_cache_usage_ratio",
            "sglang:token_usage",
        ),
        "max", 100.0,
    ),
    Known("gpu", ("nvidia_utilization_percent",), "mean"),
    Known("gpu_memory", ("nvidia_memory_used_bytes",), scale=2.0**-30),
    Known("gpu_power", ("nvidia_power_watts",)),
    Known("gpu_clock", ("nvidia_sm_clock_hertz",), "mean", 1e-6),
)  # fmt: skip
BUILTIN_NAMES: Final = frozenset(name for known in KNOWN for name in known.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Something that was read once a second: ``metrics``, at its URL, or ``nvidia``.

    ``failed`` of the ``readings`` gave nothing, the first of them for the reason ``why``. ``answer_ms`` is how long an
    answer took (median), ``cpu_percent`` what watching all sources took of a core. ``left_out`` are values beyond the
    bounds of the ``file``; a run that was resumed has several.
    """

    file: str
    name: str
    url: str = ""
    readings: int = 0
    failed: int = 0
    why: str = ""
    answer_ms: float | None = None
    cpu_percent: float | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric with its labels. ``kind`` is Prometheus' type of it, ``source`` who reported it."""

    name: str
    labels: Mapping[str, str]
    kind: str
    source: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReadingTable(Table):
    """A row per reading that succeeded: when, in the middle between request and answer, and how long that took.

    ``source`` is the place of its source among those of the run.
    """

    at: Ints
    took_ns: Ints
    source: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ChangeTable(Table):
    """A row per value that differs from the series' last: the row of the reading, the place of the series, the value.

    NaN: the series is gone.
    """

    reading: Ints
    series: Ints
    value: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What was seen during a run. ``clock`` ties the readings' clock to the wall's: perf_counter_ns, time_ns."""

    clock: tuple[int, int]
    sources: tuple[str, ...]
    series: tuple[Series, ...]
    readings: ReadingTable
    changes: ChangeTable
