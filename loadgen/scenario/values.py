"""The values that a scenario is written in: durations, fractions, numbers, and what is said of wrong ones."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from loadgen.clients import SIZES
from loadgen.scenario.environment import Filled, meaning
from loadgen.scenario.problems import Path
from loadgen.scenario.source import kind

LONGEST: Final = 24 * 3600.0
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(
    r"(?P<sign>[-+]?)(?P<number>[0-9]{1,12}(\.[0-9]{1,12})?)\s?(?P<unit>[A-Za-zµ]*)"
)
_SIZE: Final = re.compile(r"(?P<number>[0-9]{1,12}(\.[0-9]{1,12})?)\s?(?P<unit>[A-Za-z]*)")
_PERCENT: Final = re.compile(r"[-+]?[0-9]{1,12}(\.[0-9]{1,12})?\s?%")


def wrong(says: str, right: str, at: Path = ()) -> PydanticCustomError:
    """The error to raise from a validator; ``at`` leads from the value that is validated to the mistake."""
    return wrongs([(at, says, right)])


def wrongs(found: Sequence[tuple[Path, str, str]]) -> PydanticCustomError:
    """The same for several mistakes in one value: where, what is wrong, what would be right."""
    return PydanticCustomError("problems", "problems", {"found": list(found)})


def shown(value: Any) -> str:
    """The value for a message, or only its kind where it may be secret or long."""
    if isinstance(value, str) and not isinstance(value, Filled) and 0 < len(value) <= 40:
        return repr(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return "***" if isinstance(value, Filled) else kind(value)


def duration(value: Any) -> float:
    """``300ms``, ``5s``, ``2m``, ``1h`` or 0 as seconds."""
    told, value = shown(value), meaning(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value == 0:
            return 0.0
        if value < 0:
            raise wrong(f"{told} is negative", "0 or more, such as 5s")
        raise wrong(f"{told} has no unit", "a duration: ms, s, m or h after the number, such as 500ms or 5s")
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise wrong(f"{told} is no duration", "such as 500ms, 5s, 2m or 1h")
    if match["sign"] == "-":
        raise wrong(f"{told} is negative", "0 or more, such as 5s")
    if match["unit"] not in _UNITS:
        raise wrong(f"{told} has no known unit", "ms, s, m or h, such as 500ms or 5s")
    seconds = float(match["number"]) * _UNITS[match["unit"]]
    if seconds > LONGEST:
        raise wrong(f"{told} is too long", "at most 24h")
    return seconds


def size(value: Any, least: int, most: int, step: int) -> str:
    """``256KiB`` or ``1MiB``, in the largest unit that makes it whole; the bounds are bytes."""
    told, value = shown(value), meaning(value)
    match = _SIZE.fullmatch(str(value).strip()) if isinstance(value, str | int | float) else None
    if match is None:
        raise wrong(f"{told} is no size", "such as 256KiB or 1MiB")
    if match["unit"] not in SIZES:
        raise wrong(f"{told} has no known unit", "KiB, MiB or GiB, such as 256KiB or 1MiB")
    found = float(match["number"]) * SIZES[match["unit"]]
    if not least <= found <= most:
        raise wrong(
            f"{told} is too {'small' if found < least else 'large'}",
            f"from {_spelled(least)} to {_spelled(most)}",
        )
    if found % step:
        raise wrong(
            f"{told} is no multiple of {_spelled(step)}", f"such as {_spelled(-(-found // step) * step)}"
        )
    return _spelled(found)


def _spelled(size: float) -> str:
    unit = max((unit for unit in SIZES if size % SIZES[unit] == 0), key=lambda unit: SIZES[unit])
    return f"{size / SIZES[unit]:.0f}{unit}"


def fraction(value: Any) -> float:
    """0..1 or ``5%``."""
    told, value = shown(value), meaning(value)
    if isinstance(value, str) and _PERCENT.fullmatch(value.strip()):
        value = float(value.strip().rstrip("%")) / 100
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"{told} is no fraction", "a number from 0 to 1, or a percentage such as 5%")
    if not 0 <= value <= 1:
        raise wrong(f"{told} is not between 0 and 1", "a number from 0 to 1, or a percentage such as 5%")
    return float(value)


def whole(value: Any) -> int:
    told, value = shown(value), meaning(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(f"{told} is no whole number", "a whole number such as 3, without quotes")
    return value


def number(value: Any) -> float:
    told, value = shown(value), meaning(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"{told} is no number", "a number such as 0.5, without quotes")
    if not math.isfinite(value):
        raise wrong(f"{told} is not finite", "a number such as 0.5")
    return float(value)


def times(value: Any) -> float:
    """How many times something: more than 1."""
    found = number(value)
    if found <= 1:
        raise wrong(f"{shown(value)} is not more than 1", "how many times the value, such as 1.5")
    return found


def _truth(value: Any) -> bool:
    told, value = shown(value), meaning(value)
    if not isinstance(value, bool):
        raise wrong(f"{told} is neither true nor false", "true or false")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(f"is {kind(value)}", "text; in quotes where it looks like something else")
    if not value.strip():
        raise wrong("is empty", "some text")
    return str(value)


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise wrong("0 is too short", "longer than 0, such as 5s")
    return seconds


_DURATION_SCHEMA: Final = {
    "anyOf": [{"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s?(ms|s|m|h)$"}, {"const": 0}]
}
SIZE_SCHEMA: Final = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s?(KiB|MiB|GiB)$"}
_FRACTION_SCHEMA: Final = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s?%$"},
    ]
}

Duration = Annotated[float, BeforeValidator(duration), WithJsonSchema(_DURATION_SCHEMA)]
PositiveDuration = Annotated[
    float, BeforeValidator(duration), AfterValidator(_positive), WithJsonSchema(_DURATION_SCHEMA["anyOf"][0])
]
Fraction = Annotated[float, BeforeValidator(fraction), WithJsonSchema(_FRACTION_SCHEMA)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Text = Annotated[str, Field(min_length=1), BeforeValidator(text)]
Seed = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(whole)]
