"""The tables of a recording: a numpy array per column, one element per row. -1 is "not measured"."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Source(Protocol):
    """Where the columns of a table are that are read when they are asked for; its length is the number of rows."""

    def __call__(self, name: str) -> NDArray[Any]:
        """Return a column."""

    def rows(self, name: str, selected: slice) -> NDArray[Any]:
        """Return some rows of a column, one after the other."""

    def __len__(self) -> int: ...


class _Lazy:
    """Columns that are not set are those of ``stored``."""

    __slots__ = ("stored",)
    stored: Source

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name == "stored" or name not in self.__slots__:
                raise AttributeError(name)
            return self.stored(name)


@dataclass(frozen=True, slots=True, eq=False)
class Table(_Lazy):
    """Columns of one length."""

    @classmethod
    def of(cls, source: Source) -> Self:
        """Return a table that reads its columns when they are asked for."""
        made = cls.__new__(cls)
        object.__setattr__(made, "stored", source)
        return made

    def changed(self, **columns: NDArray[Any]) -> Self:
        """Return the table with other columns in place of those; the others are not read."""
        made = type(self).__new__(type(self))
        for name in ("stored", *(field.name for field in fields(self))):
            try:
                value = columns[name] if name in columns else object.__getattribute__(self, name)
            except AttributeError:
                continue
            object.__setattr__(made, name, value)
        return made

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """Return the columns by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def missing(cls, name: str, rows: int) -> NDArray[Any]:
        """Return what a column is that an older run lacks."""
        import numpy as np  # not in an engine

        is_text = name in ("finish_reason", "http")
        return np.broadcast_to(np.array("" if is_text else -1, dtype=object if is_text else np.int64), rows)

    def rows(self, selected: NDArray[np.bool_ | np.int64] | slice) -> Self:
        """Return a table of the selected rows: those of a mask, by number, or a slice, which reads no other."""
        if isinstance(selected, slice) and (source := getattr(self, "stored", None)) is not None:
            return type(self)(**{field.name: source.rows(field.name, selected) for field in fields(self)})
        return type(self)(**{name: column[selected] for name, column in self.columns.items()})

    def __len__(self) -> int:
        source = getattr(self, "stored", None)
        return len(getattr(self, fields(self)[0].name) if source is None else source)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StreamTable(Table):
    """A row per stream: the scalar fields of :class:`Stream` and :class:`Usage`.

    ``reads`` rows of ``arrivals`` and ``stamped`` rows of ``stamps`` are the stream's own, in order. Columns that older
    runs lack may be left out; nothing of them was measured.
    """

    slot: Ints
    due: Ints
    start: Ints
    headers: Ints
    end: Ints
    status: Ints
    bytes: Ints
    first_stamp_ns: Ints
    run_wait_ns: Ints
    total_ns: Ints
    load_ns: Ints
    prompt_tokens: Ints
    prompt_ns: Ints
    server_tokens: Ints
    decode_ns: Ints
    end_stamp_ns: Ints
    reads: Ints
    text_events: Ints
    stamped: Ints
    outcome: NDArray[Any]  # text
    error: NDArray[Any]  # text
    drain_ns: Ints = None  # type: ignore[assignment]
    first_answer: Ints = None  # type: ignore[assignment]
    thinking_events: Ints = None  # type: ignore[assignment]
    tool_call_events: Ints = None  # type: ignore[assignment]
    refusal_events: Ints = None  # type: ignore[assignment]
    server_thinking_tokens: Ints = None  # type: ignore[assignment]
    sent: Ints = None  # type: ignore[assignment]
    server_cached_tokens: Ints = None  # type: ignore[assignment]
    prompt: Ints = None  # type: ignore[assignment]
    input_asked: Ints = None  # type: ignore[assignment]
    output_asked: Ints = None  # type: ignore[assignment]
    session: Ints = None  # type: ignore[assignment]
    turn: Ints = None  # type: ignore[assignment]
    held_ns: Ints = None  # type: ignore[assignment]
    dns_ns: Ints = None  # type: ignore[assignment]
    connect_ns: Ints = None  # type: ignore[assignment]
    tls_ns: Ints = None  # type: ignore[assignment]
    finish_reason: NDArray[Any] = None  # type: ignore[assignment] # text
    http: NDArray[Any] = None  # type: ignore[assignment] # text
    port: Ints = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if column is None:
                object.__setattr__(self, name, self.missing(name, len(self)))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ArrivalTable(Table):
    """A row per read: when it arrived, and how many text events it completed."""

    at: Ints
    count: NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StampTable(Table):
    """A row per text event: the server's time in microseconds after the stream's ``first_stamp_ns``."""

    us: NDArray[np.int32] | Ints


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SizeTable(Table):
    """A row per read of streams without tokens: its bytes. No rows where tokens count, and in older runs."""

    bytes: NDArray[np.uint32] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.bytes is None:
            import numpy as np  # not in an engine

            object.__setattr__(self, "bytes", np.zeros(0, dtype=np.uint32))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SampleTable(Table):
    """A row per :class:`Sample`."""

    at: Ints
    rss_kib: Ints
    peak_rss_kib: Ints
    threads: Ints
    cpu_ns: Ints
    voluntary: Ints
    involuntary: Ints
    run_wait_ns: Ints
    streams_open: Ints


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PauseTable(Table):
    """A row per :class:`Pause`, its ``kind`` as the place in ``PAUSES``."""

    kind: NDArray[np.int8]
    begin: Ints
    end: Ints


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CpuSampleTable(Table):
    """A row per :class:`CpuSample`."""

    at: Ints
    cpu_ns: Ints
    run_wait_ns: Ints
