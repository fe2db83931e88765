"""The values of a scenario: durations, sizes, fractions, numbers, text. A validator raises with what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from loadgen.clients import SIZES
from loadgen.scenario.environment import Filled, meaning
from loadgen.scenario.problems import Path, choose
from loadgen.scenario.source import kind

T = TypeVar("T")
Found = Iterator[tuple[Path, str, str]]
"""Problems of one value: the path that leads from the value to the problem, what is wrong, what would be right."""

MAX_DURATION_S: Final = 24 * 3600.0
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_QUANTITY: Final = re.compile(
    r"(?P<sign>[-+]?)(?P<number>[0-9]{1,12}(\.[0-9]{1,12})?)\s?(?P<unit>[A-Za-zµ%]*)"
)


def wrong(says: str, right: str, at: Path = ()) -> PydanticCustomError:
    """Return the error to raise from a validator; ``at`` leads from the validated value to the problem."""
    return PydanticCustomError("problems", "problems", {"found": [(at, says, right)]})


def check(value: T, found: Iterable[tuple[Path, str, str]]) -> T:
    """Return ``value``; raise all problems found, if there are any."""
    if problems := list(found):
        raise PydanticCustomError("problems", "problems", {"found": problems})
    return value


def checked(problems: Callable[[Any], Found]) -> AfterValidator:
    """Return a validator of values that are parsed."""
    return AfterValidator(lambda value: check(value, problems(value)))


def problems_of(error: PydanticCustomError, at: Path = ()) -> Found:
    """Yield the problems that a validator raised, from one level up."""
    for inner, says, right in (error.context or {})["found"]:
        yield (*at, *inner), says, right


def one_of(what: str, known: Callable[[], Iterable[str]]) -> BeforeValidator:
    """Return a validator of names, such as those of protocols; ``what`` says what they are."""

    def validate(value: Any) -> str:
        names = list(known())
        if not isinstance(value, str) or value not in names:
            near = choose(value if isinstance(value, str) else "", names)
            raise wrong(f"{shown(value)} is not {what}", near)
        return str(value)

    return BeforeValidator(validate)


def shown(value: Any) -> str:
    """Return the value for a message, or only its type where it may be secret or long."""
    if isinstance(value, Filled):
        return "***"
    if isinstance(value, str) and 0 < len(value) <= 40:
        return repr(value)
    return str(value) if _is_number(value) else kind(value)


def duration(value: Any) -> float:
    """Return ``300ms``, ``5s``, ``2m``, ``1h`` or 0 in seconds."""
    text, value = shown(value), meaning(value)
    if _is_number(value):
        if value == 0:
            return 0.0
        if value < 0:
            raise wrong(f"{text} is negative", "0 or more, such as 5s")
        raise wrong(f"{text} has no unit", "a duration: ms, s, m or h after the number, such as 500ms or 5s")
    match = _quantity(value)
    if match is None:
        raise wrong(f"{text} is not a duration", "such as 500ms, 5s, 2m or 1h")
    if match["sign"] == "-":
        raise wrong(f"{text} is negative", "0 or more, such as 5s")
    if match["unit"] not in _UNITS:
        raise wrong(f"{text} has no known unit", "ms, s, m or h, such as 500ms or 5s")
    seconds = float(match["number"]) * _UNITS[match["unit"]]
    if seconds > MAX_DURATION_S:
        raise wrong(f"{text} is too long", "at most 24h")
    return seconds


def size(value: Any, least: int, most: int, step: int) -> str:
    """Return ``256KiB`` or ``1MiB``, in the largest unit that makes it an integer; the bounds are bytes."""
    text, value = shown(value), meaning(value)
    match = _quantity(value)
    if match is None or match["sign"]:
        raise wrong(f"{text} is not a size", "such as 256KiB or 1MiB")
    if match["unit"] not in SIZES:
        raise wrong(f"{text} has no known unit", "KiB, MiB or GiB, such as 256KiB or 1MiB")
    found = float(match["number"]) * SIZES[match["unit"]]
    if not least <= found <= most:
        says = f"{text} is too {'small' if found < least else 'large'}"
        raise wrong(says, f"from {_with_unit(least)} to {_with_unit(most)}")
    if found % step:
        right = f"such as {_with_unit(-(-found // step) * step)}"
        raise wrong(f"{text} is not a multiple of {_with_unit(step)}", right)
    return _with_unit(found)


def _quantity(value: Any) -> re.Match[str] | None:
    return _QUANTITY.fullmatch(str(value).strip()) if isinstance(value, str | int | float) else None


def _with_unit(size: float) -> str:
    unit = max((unit for unit in SIZES if size % SIZES[unit] == 0), key=lambda unit: SIZES[unit])
    return f"{size / SIZES[unit]:.0f}{unit}"


def fraction(value: Any) -> float:
    """Return a number from 0 to 1, or ``5%``."""
    text, value = shown(value), meaning(value)
    right = "a number from 0 to 1, or a percentage such as 5%"
    match = _quantity(value)
    if match and match["unit"] == "%":
        value = float(match["sign"] + match["number"]) / 100
    if not _is_number(value):
        raise wrong(f"{text} is not a fraction", right)
    if not 0 <= value <= 1:
        raise wrong(f"{text} is not between 0 and 1", right)
    return float(value)


def integer(value: Any) -> int:
    """Return an integer."""
    text, value = shown(value), meaning(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(f"{text} is not an integer", "an integer such as 3, without quotes")
    return value


def number(value: Any) -> float:
    """Return a finite number."""
    text, value = shown(value), meaning(value)
    if not _is_number(value):
        raise wrong(f"{text} is not a number", "a number such as 0.5, without quotes")
    if not math.isfinite(value):
        raise wrong(f"{text} is not finite", "a number such as 0.5")
    return float(value)


def multiple(value: Any) -> float:
    """Return a number above 1."""
    found = number(value)
    if found <= 1:
        raise wrong(f"{shown(value)} is not more than 1", "a multiple, such as 1.5")
    return found


def boolean(value: Any) -> bool:
    """Return true or false."""
    text, value = shown(value), meaning(value)
    if not isinstance(value, bool):
        raise wrong(f"{text} is neither true nor false", "true or false")
    return value


def text(value: Any) -> str:
    """Return text that is not blank."""
    if not isinstance(value, str):
        raise wrong(f"is {kind(value)}", "text; in quotes where it looks like something else")
    if not value.strip():
        raise wrong("is empty", "some text")
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _positive(seconds: float) -> Found:
    if seconds <= 0:
        yield (), "0 is too short", "longer than 0, such as 5s"


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

INTEGER: Final = BeforeValidator(integer)
NUMBER: Final = BeforeValidator(number)
Duration = Annotated[float, BeforeValidator(duration), WithJsonSchema(_DURATION_SCHEMA)]
PositiveDuration = Annotated[
    float, BeforeValidator(duration), checked(_positive), WithJsonSchema(_DURATION_SCHEMA["anyOf"][0])
]
Fraction = Annotated[float, BeforeValidator(fraction), WithJsonSchema(_FRACTION_SCHEMA)]
Boolean = Annotated[bool, BeforeValidator(boolean)]
Text = Annotated[str, Field(min_length=1), BeforeValidator(text)]
