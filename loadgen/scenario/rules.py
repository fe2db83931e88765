"""What the keys with rules of their own may hold: a validator each, which tells every mistake."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from loadgen import protocols
from loadgen.loads import LOADS
from loadgen.model import ClientId, Level, Threshold
from loadgen.model.faults import FAULTS
from loadgen.scenario import variants
from loadgen.scenario.environment import Filled, FilledPlain, meaning
from loadgen.scenario.problems import Path, choose, nearest
from loadgen.scenario.source import BAD, kind
from loadgen.scenario.values import shown, text, wrong, wrongs

DISTRIBUTIONS: Final = ("constant", "uniform", "lognormal", "gamma")


@dataclasses.dataclass(frozen=True)
class PromptsFile:
    """``prompts: {file: …}``, not yet read."""

    file: str


def metrics() -> dict[str, str]:
    """Return the columns of ``summary.csv`` that a threshold may name, with their units.

    ``errors`` counts streams in ``summary.csv``, and is their percentage in a threshold.
    """
    from loadgen.analysis.metrics import columns

    units = {name: column.unit for name, column in columns().items() if column.part in ("value", "n")}
    return units | {"errors": "%"}


def name(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"[^\W_][\w.-]{0,49}", name):
        right = "at most 50 letters, digits, points, dashes and underscores, a letter or digit first"
        raise wrong(f"{shown(value)} cannot name a folder", right)
    return name


def url(value: Any) -> str:
    # A URL may carry a password: it is never shown.
    url = text(value)
    right = "such as http://127.0.0.1:11434"
    if not url.isascii() or not url.isprintable() or " " in url:
        raise wrong(
            "holds a blank, a control character or a character outside ASCII", f"{right}, others as %XX"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong("is no URL: its host or port cannot be read", right) from None
    if parts.scheme not in ("http", "https"):
        raise wrong("does not begin with http:// or https://", right)
    if not parts.hostname or port == 0:
        raise wrong("has no host or port to connect to", right)
    if parts.fragment:
        raise wrong("has a fragment (#), which is never sent", right)
    return url


_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING: Final = {"accept-encoding", "connection", "content-length", "content-type", "transfer-encoding"}


def headers(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise wrong(f"is {kind(value)}", 'a mapping, such as {Authorization: "Bearer ${API_KEY}"}')
    found: list[tuple[Path, str, str]] = []
    seen: set[str] = set()
    for name, content in value.items():
        at = (name,)
        if not _TOKEN.fullmatch(name):
            found.append((at, "is no header name", "letters, digits and dashes"))
        elif name.lower() in _FRAMING:
            found.append((at, "is set by loadgen, the same for every client", "leave it out"))
        elif name.lower() in seen:
            found.append((at, "is there twice, in other letters", "one of the two"))
        seen.add(name.lower())
        if not isinstance(content, str):
            found.append((at, f"is {kind(content)}", "text, in quotes"))
        elif not content.isascii() or not content.isprintable():
            found.append(
                (at, "holds a line break, a control character or one outside ASCII", "printable ASCII")
            )
        elif content != content.strip():
            found.append((at, "begins or ends with a blank", "the value without it"))
    if found:
        raise wrongs(found)
    return {name: str(content) for name, content in value.items()}


def distribution(value: Any) -> str:
    if value not in DISTRIBUTIONS:
        right = (
            choose(value, DISTRIBUTIONS) if isinstance(value, str) else f"one of {', '.join(DISTRIBUTIONS)}"
        )
        raise wrong(f"{shown(value)} is no distribution", right)
    return str(value)


def answers(value: Any) -> str:
    if value != "article":
        raise wrong(f"{shown(value)} cannot be answered", "article")
    return "article"


def fault(value: Any) -> str:
    if value not in FAULTS:
        raise wrong("is no fault", choose(str(value), FAULTS))
    return str(value)


def together(value: dict[str, float]) -> dict[str, float]:
    if sum(value.values()) > 1 + 1e-9:
        raise wrong("together are more than 1", "fractions of the requests, at most 1 in all")
    return value


def protocol(value: Any) -> str:
    known = protocols.names()
    if text(value) not in known:
        raise wrong(f"{shown(value)} is no protocol", choose(value, known))
    return str(value)


def arrivals(value: Any) -> str:
    known = [name for name in LOADS if name != "stages"]  # which have a key of their own
    if text(value) not in known:
        raise wrong(f"{shown(value)} is no pattern of arrivals", choose(value, known))
    return str(value)


def client(value: Any, info: ValidationInfo) -> ClientId:
    return variants.client(value, _known(info).folder)


def listed(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


def distinct(value: list[int]) -> list[int]:
    found: list[tuple[Path, str, str]] = [
        ((at,), f"{level} is there twice", "each number once")
        for at, level in enumerate(value)
        if level in value[:at]
    ]
    if found:
        raise wrongs(found)
    return value


def prompts(value: Any) -> tuple[str, ...] | PromptsFile:
    if isinstance(value, dict):
        found: list[tuple[Path, str, str]] = [
            ((key,), "unknown key", choose(key, ["file"])) for key in value if key != "file"
        ]
        if "file" not in value:
            found = found or [((), "has no file", "{file: prompts.jsonl}")]
        elif not isinstance(value["file"], str) or not value["file"].strip():
            found.append((("file",), f"is {kind(value['file'])}", "a file's name, such as prompts.jsonl"))
        if found:
            raise wrongs(found)
        return PromptsFile(str(value["file"]))
    if not isinstance(value, list) or not value:
        wrong_kind = "is an empty list" if isinstance(value, list) else f"is {kind(value)}"
        raise wrong(wrong_kind, 'a list such as ["Write a haiku."], or {file: prompts.jsonl}')
    found = [
        ((at,), "is empty" if isinstance(prompt, str) else f"is {kind(prompt)}", "text, in quotes")
        for at, prompt in enumerate(value)
        if not isinstance(prompt, str) or not prompt.strip()
    ]
    if found:
        raise wrongs(found)
    return tuple(map(str, value))


def options(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(f"is {kind(value)}", "a mapping, such as {num_predict: 100}")
    found: list[tuple[Path, str, str]] = []
    made = _free(value, (), found)
    if found:
        raise wrongs(found)
    return dict(made)


def _free(value: Any, at: Path, found: list[tuple[Path, str, str]]) -> Any:
    if isinstance(value, dict):
        return {key: _free(inner, (*at, key), found) for key, inner in value.items()}
    if isinstance(value, list):
        return [_free(inner, (*at, index), found) for index, inner in enumerate(value)]
    if value is BAD:
        return None
    value = meaning(value) if isinstance(value, FilledPlain) else value
    if isinstance(value, float) and not math.isfinite(value):
        found.append((at, "is not finite", "a number"))
    return str(value) if isinstance(value, str) else value


_THRESHOLD: Final = re.compile(
    r"(?:(?P<client>.+?)(?:@(?P<concurrency>[0-9]{1,9}))?\.)?(?P<metric>[A-Za-z0-9_]+)\s*"
    r"(?P<op><=|>=|<|>)\s*(?P<value>[-+]?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(?P<percent>%?)"
)


def threshold(value: Any, info: ValidationInfo) -> Threshold:
    told, said = shown(value), text(value).strip()
    match = _THRESHOLD.fullmatch(said)
    if match is None:
        right = "[client[@concurrency].]metric, one of < <= > >=, a number: aiohttp@100.ttft_p99_ms < 500"
        raise wrong(f"{told} is no threshold", right)
    about, level, metric = match["client"], match["concurrency"], match["metric"]
    hidden = isinstance(value, Filled)
    figures, elsewhere = metrics(), _known(info)
    found: list[tuple[Path, str, str]] = []
    if metric not in figures:
        found.append(
            (
                (),
                f"{'***' if hidden else metric} is no metric of the summary",
                _choose_metric(metric, figures),
            )
        )
    elif metric == "errors" and not match["percent"]:
        found.append(((), "errors without %", "the share of streams that failed, such as errors < 1%"))
    elif match["percent"] and figures[metric] != "%":
        found.append(((), f"{metric} is no percentage", "the number without %"))
    clients_here: list[ClientId] | None = info.data.get("clients")
    if about and clients_here is not None:
        names = _names(clients_here)
        if about not in names | elsewhere.clients:
            says = f"{'***' if hidden else about} is not among the clients of this scenario"
            found.append(((), says, choose(about, sorted(names))))
    levels: list[int] = info.data.get("concurrency") or most(
        [stage.to for stage in info.data.get("stages", ())]
    )
    if level and levels and int(level) not in {*levels, *elsewhere.concurrency}:
        says = f"{'***' if hidden else level} is not among the concurrencies of this scenario"
        found.append(((), says, f"one of {', '.join(map(str, levels))}"))
    if found:
        raise wrongs(found)
    return Threshold(
        text=said,
        metric=metric,
        op=_operator(match["op"]),
        value=float(match["value"]),
        client=about,
        level=Level(streams=int(level)) if level else None,
    )


class Known(NamedTuple):
    """What the validators must know beside the value. The sets are what a threshold may name because the file
    names it, even if the command line leaves it out."""

    folder: FilePath
    clients: set[str]
    concurrency: set[int]


def known(data: Mapping[str, Any], folder: FilePath) -> Known:
    """What is known of the scenario that stands in a file of ``folder``."""
    made: list[ClientId] = []
    for value in data["clients"] if isinstance(data.get("clients"), list) else ():
        with suppress(PydanticCustomError):
            made.append(variants.client(value, folder))
    levels = listed(data.get("concurrency")) or []
    stages = data["stages"] if isinstance(data.get("stages"), list) else []
    levels = [*levels, *most([stage.get("to") for stage in stages if isinstance(stage, dict)])]
    return Known(
        folder,
        _names(variants.apart(made)),
        {level for level in levels if isinstance(level, int)},
    )


def _known(info: ValidationInfo) -> Known:
    assert isinstance(info.context, Known)
    return info.context


def most(numbers: Iterable[Any]) -> list[int]:
    """The concurrency of stages that go to these numbers, where any of them is one."""
    return sorted(number for number in numbers if isinstance(number, int))[-1:]


def applies(threshold: Threshold, told: Sequence[ClientId], levels: Sequence[int]) -> bool:
    """Whether a threshold speaks of anything that is measured."""
    return threshold.client in (None, *_names(told)) and (
        threshold.level is None or threshold.level.streams in levels
    )


def _names(told: Iterable[ClientId]) -> set[str]:
    return {name for one in told for name in (one.label, one.name)}


def _operator(op: str) -> Literal["<", "<=", ">", ">="]:
    return "<" if op == "<" else "<=" if op == "<=" else ">" if op == ">" else ">="


def _choose_metric(metric: str, known: Iterable[str]) -> str:
    near = nearest(metric, known)
    return f"did you mean {near}?" if near else "a column of summary.csv such as ttft_p99_ms, or errors"
