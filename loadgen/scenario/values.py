"""The values of a scenario: durations, sizes, fractions, numbers, text. A validator raises with what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Annotated, Any, Final, TypeGuard, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from loadgen.clients import SIZES
from loadgen.clients import size as bytes_of
from loadgen.scenario.environment import Filled, FilledPlain, meaning
from loadgen.scenario.problems import Path, choose
from loadgen.scenario.source import BAD, kind, with_leaves

T = TypeVar("T")
Found = Iterator[tuple[Path, str, str]]
"""Problems of one value: the path that leads from the value to the problem, what is wrong, what would be right."""

MAX_DURATION_S: Final = 24 * 3600.0
LEAST_RATE: Final = 1 / MAX_DURATION_S
MAX_RATE: Final = 1_000_000  # what less cannot be started is known only on the machine that runs it
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_QUANTITY: Final = re.compile(
    r"(?P<sign>[-+]?)(?P<number>[0-9]{1,12}(\.[0-9]{1,12})?)\s?(?P<unit>[A-Za-zµ%]*)"
)

_PER: Final = {"s": 1, "m": 60, "h": 3600}
_RATE: Final = re.compile(r"(?P<number>[-+]?[0-9]{1,12}(\.[0-9]{1,12})?)\s?(/\s?(?P<per>[smh]))?")


def wrong(problem: str, right: str, at: Path = ()) -> PydanticCustomError:
    """Return the error to raise from a validator; ``at`` leads from the validated value to the problem."""
    return PydanticCustomError("problems", "problems", {"found": [(at, problem, right)]})


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
    for inner, problem, right in (error.context or {})["found"]:
        yield (*at, *inner), problem, right


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
    if isinstance(value, str) and len(value) <= 40:
        return repr(value)
    return str(value) if _is_number(value) else kind(value)


def duration(value: Any) -> float:
    """Return ``300ms``, ``5s``, ``2m``, ``1h`` or 0 in seconds."""
    text, value = shown(value), meaning(value)
    match = _quantity(value)
    if match is None:
        raise wrong(f"{text} is not a duration", "such as 500ms, 5s, 2m or 1h")
    if _is_number(value) and value == 0:
        return 0.0
    if match["sign"] == "-":
        raise wrong(f"{text} is negative", "0 or more, such as 5s")
    if match["unit"] not in _UNITS:
        known = "known unit" if match["unit"] else "unit"
        raise wrong(
            f"{text} has no {known}", "a duration: ms, s, m or h after the number, such as 500ms or 5s"
        )
    seconds = float(match["number"]) * _UNITS[match["unit"]]
    if seconds > MAX_DURATION_S:
        raise wrong(f"{text} is too long", "at most 24h")
    return seconds


def rate(value: Any) -> float:
    """Return ``20``, ``20/s``, ``30/m`` or ``1800/h`` in arrivals per second; it may be 0."""
    text, value = shown(value), meaning(value)
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        value = float(match["number"]) / _PER[match["per"] or "s"]
    if not _is_number(value) or not math.isfinite(value):
        raise wrong(f"{text} is not a rate", "arrivals per second, such as 20, 0.5, 20/s or 30/m")
    if value < 0:
        raise wrong(f"{text} is negative", "arrivals per second, such as 20")
    if value > MAX_RATE:
        raise wrong(f"{text} is more than a machine starts", f"at most {MAX_RATE:,} per second")
    return float(value)


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
        problem = f"{text} is too {'small' if found < least else 'large'}"
        raise wrong(problem, f"from {with_unit(least)} to {with_unit(most)}")
    if found % step:
        right = f"such as {with_unit(-(-found // step) * step)}"
        raise wrong(f"{text} is not a multiple of {with_unit(step)}", right)
    return with_unit(found)


def _quantity(value: Any) -> re.Match[str] | None:
    return _QUANTITY.fullmatch(str(value).strip()) if isinstance(value, str | int | float) else None


def with_unit(size: float) -> str:
    """Return ``256KiB`` for so many bytes."""
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


def _valid(valid: Callable[[Any], bool], problem: str, right: str) -> Callable[[Any], Any]:

    def validate(value: Any) -> Any:
        found = meaning(value)
        if not valid(found):
            raise wrong(f"{shown(value)} {problem}", right)
        return found

    return validate


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


number = _valid(
    lambda value: _is_number(value) and math.isfinite(value),
    "is not a finite number",
    "a number such as 0.5, without quotes",
)
integer: Final = _valid(
    lambda value: _is_number(value) and isinstance(value, int),
    "is not an integer",
    "an integer such as 3, without quotes",
)


def _switch(value: Any) -> bool:
    """Return ``on`` and ``off``, which are text in YAML 1.2, as true and false."""
    found = (
        {"on": True, "off": False}.get(plain, plain) if isinstance(plain := meaning(value), str) else plain
    )
    if not isinstance(found, bool):
        raise wrong(f"{shown(value)} is neither on nor off", "on or off")
    return found


_boolean: Final = _valid(lambda value: isinstance(value, bool), "is neither true nor false", "true or false")


def is_text(value: Any) -> TypeGuard[str]:
    """Return whether the value is text that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def text(value: Any) -> str:
    if not is_text(value):
        problem = "is empty" if isinstance(value, str) else f"is {kind(value)}"
        raise wrong(problem, "text; in quotes where it looks like something else")
    return str(value)


def name(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"[^\W_][\w.-]{0,49}", name):
        right = "at most 50 letters, digits, points, dashes and underscores, a letter or digit first"
        raise wrong(f"{shown(value)} cannot name a folder", right)
    return name


_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


def url(value: Any) -> str:
    """Return the URL of a server. It may hold a password, so messages never show it."""
    url = text(value)
    right = "such as http://127.0.0.1:11434"
    if not url.isascii() or not url.isprintable() or " " in url:
        raise wrong(
            "has a blank, a control character or a character outside ASCII", f"{right}, others as %XX"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong("is not a URL: its host or port cannot be read", right) from None
    if parts.scheme not in ("http", "https"):
        raise wrong("does not begin with http:// or https://", right)
    if not parts.hostname or port == 0:
        raise wrong("has no host or port to connect to", right)
    if parts.fragment:
        raise wrong("has a fragment (#), which is never sent", right)
    check_path(parts._replace(scheme="", netloc="").geturl(), f"{right}, others as %XX")
    return url


def path(value: Any) -> str:
    """Return the path of a request, and its query. It may hold a key, so messages never show it."""
    path = text(value)
    right = "such as /v1/chat/completions, other characters as %XX"
    if not path.startswith("/"):
        raise wrong("is not the path of a request", right)
    check_path(path, right)
    return path


def check_path(path: str, right: str) -> None:
    """Raise where libraries would send another path or query than this one."""
    if not _PATH.fullmatch(path):
        raise wrong("has a character that a URL cannot hold in its path or query", right)
    if {".", ".."} & set(path.partition("?")[0].split("/")):
        raise wrong("has . or .. in its path, which some libraries take out", right)


_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING: Final = {"accept-encoding", "connection", "content-length", "content-type", "transfer-encoding"}


def headers(value: Any, framing: Set[str] = _FRAMING) -> dict[str, str]:
    """Return headers that every client can send as they are; those of ``framing`` are refused."""
    if not isinstance(value, dict):
        raise wrong(f"is {kind(value)}", 'a mapping, such as {Authorization: "Bearer ${API_KEY}"}')
    check(value, _headers(value, framing))
    return {name: str(content) for name, content in value.items()}


def request_headers(value: Any) -> dict[str, str]:
    """Return headers as :func:`headers` does; of a request that the scenario describes, with the type of its body."""
    return headers(value, _FRAMING - {"content-type"})


def _headers(value: dict[str, Any], framing: Set[str]) -> Found:
    names = [name.lower() for name in value]
    for place, (name, content) in enumerate(value.items()):
        at = (name,)
        if not _TOKEN.fullmatch(name):
            yield at, "is not a header name", "letters, digits and dashes"
        elif name.lower() in framing:
            yield at, "is set by loadgen, the same for every client", "leave it out"
        elif name.lower() in names[:place]:
            yield at, "is defined twice, in another case", "one of the two"
        if not isinstance(content, str):
            yield at, f"is {kind(content)}", "text, in quotes"
        elif not content.isascii() or not content.isprintable():
            yield at, "has a line break, a control character or one outside ASCII", "printable ASCII"
        elif content != content.strip():
            yield at, "begins or ends with a blank", "the value without it"


def twice(values: Sequence[Any], right: str) -> Found:
    for at, value in enumerate(values):
        if value in values[:at]:
            yield (
                (at,),
                f"{value:g} is listed twice" if isinstance(value, float) else f"{value} is listed twice",
                right,
            )


def options(value: Any) -> dict[str, Any]:
    """Return the protocol's own options, as they are."""
    if not isinstance(value, dict):
        raise wrong(f"is {kind(value)}", "a mapping, such as {key: value}")
    return dict(json(value))


def json(value: Any) -> Any:
    """Return what can be written as JSON."""
    found: list[tuple[Path, str, str]] = []

    def plain(value: Any, at: Path) -> Any:
        if value is BAD:
            return None
        value = meaning(value) if isinstance(value, FilledPlain) else value
        if isinstance(value, float) and not math.isfinite(value):
            found.append((at, "is not finite", "a number"))
        return str(value) if isinstance(value, str) else value

    made = with_leaves(value, plain)
    return check(made, found)


def _arrives(rate: float) -> Found:
    if rate < LEAST_RATE:
        problem = f"{rate:g} is too slow" if rate else "0: nothing would arrive"
        yield (), problem, "arrivals per second, such as 5, or per minute: 2/m"


def _positive(seconds: float) -> Found:
    if seconds <= 0:
        yield (), "0 is too short", "longer than 0, such as 5s"


def milliseconds(value: Any) -> float:
    """Return ``1000``, which are milliseconds, or a duration such as ``1s``, in milliseconds."""
    found = meaning(value)
    if not _is_number(found):
        found = 1000 * duration(value)
    if not math.isfinite(found) or not 0 < found <= 1000 * MAX_DURATION_S:
        raise wrong(
            f"{shown(value)} is not a time to stay within", "milliseconds above 0, or a duration such as 1s"
        )
    return float(found)


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

RATE_SCHEMA: Final = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(\s?/\s?[smh])?$"},
    ]
}

INTEGER: Final = BeforeValidator(integer)
NUMBER: Final = BeforeValidator(number)
Duration = Annotated[float, BeforeValidator(duration), WithJsonSchema(_DURATION_SCHEMA)]
PositiveDuration = Annotated[
    float, BeforeValidator(duration), checked(_positive), WithJsonSchema(_DURATION_SCHEMA["anyOf"][0])
]
Milliseconds = Annotated[
    float,
    BeforeValidator(milliseconds),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _DURATION_SCHEMA["anyOf"][0]]}),
]
Rate = Annotated[float, BeforeValidator(rate), checked(_arrives), WithJsonSchema(RATE_SCHEMA)]
Fraction = Annotated[float, BeforeValidator(fraction), WithJsonSchema(_FRACTION_SCHEMA)]
MessageSize = Annotated[
    int,
    BeforeValidator(lambda value: bytes_of(size(value, 1 << 10, 1 << 40, 1 << 10))),
    WithJsonSchema(SIZE_SCHEMA),
]
Boolean = Annotated[bool, BeforeValidator(_boolean)]
Switch = Annotated[
    bool, BeforeValidator(_switch), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": ["on", "off"]}]})
]
Text = Annotated[str, Field(min_length=1), BeforeValidator(text)]
