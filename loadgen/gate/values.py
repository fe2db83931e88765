"""Decode JSON and messages to the types of the model, and bound what they hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeVar

import msgspec

from loadgen.gate import BadData

MAX_VALUES: Final = 3_000_000
MAX_DEPTH: Final = 40  # of values in values; a scenario's own are at most 20 deep
WIDEST: Final = 1 << 62  # so that the difference of two numbers has 64 bits
SPAN_NS: Final = 30 * 86_400 * 10**9  # all marks of a cell lie so near to its start

_COUNT: Final = (0, 10**9)
_SECONDS: Final = (0, 10**9)
# Class and field -> the least and the most that a number may be, where that is not WIDEST.
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "Level.streams": (1, 10**7),
    "Level.rate": (1e-9, 1e9),
    **{
        f"{kind}.{name}": _COUNT
        for kind in ("CellInfo", "RecordingInfo")
        for name in ("index", "repeat", "attempt")
    },
    "RecordingInfo.share": _COUNT,
    "RecordingInfo.number": _COUNT,
    "RecordingInfo.not_started": _COUNT,
    "Scenario.repeats": (1, 10**6),
    "Scenario.seed": (0, 2**63 - 1),
    "RunInfo.seed": (0, 2**63 - 1),
    "Stage.to": _COUNT,
    "Stage.over": _SECONDS,
    "RateStage.to": (0, 1e9),
    "RateStage.over": _SECONDS,
    "Load.shape": (1e-9, 1e9),
    "Trace.rate": (1e-9, 1e9),
    "Trace.seconds": _SECONDS,
    "Load.requests": (1, 10**9),
    "Load.max_streams": (1, 10**9),
    **{f"Load.{name}": _SECONDS for name in ("duration", "ramp", "ramp_per_stream", "warmup")},
    **{f"Timeouts.{name}": _SECONDS for name in ("connect", "first_token", "idle", "total")},
    "Machine.window_ns": (0, WIDEST),
    "Stream.slot": (0, 10**9),
    "Stream.size": (0, WIDEST),
    **{f"Update.{name}": _COUNT for name in ("requested", "most_requested", "open")},
    "Update.tokens": (0, WIDEST),
    "End.grace": _SECONDS,
}

T = TypeVar("T")


def from_json(data: bytes, kind: type[T]) -> T:
    """Return the JSON as that type, its numbers within their ranges. Raises BadData."""
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise BadData("", f"has more than {MAX_VALUES:,} values")
    return _decoded(lambda: msgspec.json.decode(data, type=kind))


def from_plain(plain: Any, kind: type[T], name: str = "") -> T:
    """Return the plain values called ``name`` as that type, their numbers within their ranges. Raises BadData."""
    return _decoded(lambda: msgspec.convert(plain, kind), name)


def from_message(data: bytes, kind: type[T]) -> T:
    """Return the MessagePack as that type, its numbers within their ranges. Raises BadData."""
    return _decoded(lambda: msgspec.msgpack.decode(data, type=kind))


def _decoded(decode: Callable[[], T], name: str = "") -> T:
    try:
        found = decode()
        check(found, name)
    except msgspec.MsgspecError as error:
        wrong, _, field = str(error).partition(" - at ")
        path = field.strip("`").removeprefix("$")
        raise BadData(f"{name}{path}".lstrip("."), wrong) from error
    except (RecursionError, MemoryError, ValueError, TypeError, OverflowError) as error:
        raise BadData(name, f"cannot be decoded: {error or type(error).__name__}") from error
    return found


def check(value: Any, field: str = "", depth: int = 0) -> None:
    """Raise BadData where a number in ``value`` is out of range, or values are nested too deep."""
    if depth > MAX_DEPTH:
        raise BadData(field, f"is nested more than {MAX_DEPTH} deep")
    if isinstance(value, int | float):
        _check_number(value, field, (-WIDEST, WIDEST))
        return
    for name, inner, bounds in _inner(value):
        where = f"{field}[{name}]" if isinstance(name, int) else f"{field}.{name}" if field else str(name)
        if bounds and isinstance(inner, int | float):
            _check_number(inner, where, bounds)
        elif not isinstance(inner, str | bytes | None):
            check(inner, where, depth + 1)


def _inner(value: Any) -> Iterator[tuple[str | int, Any, tuple[float, float] | None]]:
    if is_dataclass(value) or isinstance(value, msgspec.Struct):
        kind = type(value).__name__
        names = fields(value) if is_dataclass(value) else msgspec.structs.fields(type(value))
        for each in names:
            yield each.name, getattr(value, each.name), _RANGES.get(f"{kind}.{each.name}")
    elif isinstance(value, Mapping):
        yield from ((str(name)[:40], inner, None) for name, inner in value.items())
    elif isinstance(value, Sequence | frozenset) and not isinstance(value, str | bytes):
        yield from ((place, inner, None) for place, inner in enumerate(value))


def _check_number(value: float, field: str, bounds: tuple[float, float]) -> None:
    least, most = bounds
    if not (math.isfinite(value) and least <= value <= most):
        raise BadData(field, f"is {value:.6g}, not from {least:.6g} to {most:.6g}")
