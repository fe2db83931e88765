"""Validate a document: the keys by Pydantic, and what no single key can know. Problems go to the document."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loadgen import clients, protocols
from loadgen.scenario import thresholds
from loadgen.scenario.problems import Path
from loadgen.scenario.shape import ScenarioShape, choose_key
from loadgen.scenario.source import BAD, Document, at, kind
from loadgen.scenario.values import shown

# Pydantic's own errors -> what is wrong, what would be right.
_MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "list_type": ("is {kind}", "a list, in [ ] or with a - before each entry"),
    "dict_type": ("is {kind}", "a mapping, such as {{key: value}}"),
    "model_type": ("is {kind}", "a mapping, such as {{key: value}}"),
    "too_short": ("is an empty list", "at least one entry"),
    "greater_than_equal": ("{value} is too small", "at least {ge:,}"),
    "less_than_equal": ("{value} is too large", "at most {le:,}"),
    "less_than": ("{value} is too large", "less than {lt:,}"),
}
_EXAMPLES: Final = {
    "name": "smoke",
    "target": "{simulator: {}}",
    "prompts": '["Write a haiku."]',
    "clients": "[requests, aiohttp]",
    "concurrency": "[1, 10]",
    "load": "{duration: 10s, ramp: 2s}",
}


def validate(document: Document, in_file: Mapping[str, Any]) -> ScenarioShape | None:
    """Return the validated keys, or ``None``; ``in_file`` are the values without the command line's."""
    shape = None
    try:
        context = thresholds.in_file(in_file, document.folder)
        shape = ScenarioShape.model_validate(document.data, context=context)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            _report(document, error)
    _check_pairs(document)
    if shape is not None:
        _check_protocol(document, shape)
    return shape


def _report(document: Document, error: ErrorDetails) -> None:
    path, context = error["loc"], error.get("ctx", {})
    if error["type"] == "problems":
        for inner, wrong, right in context["found"]:
            _add(document, (*path, *inner), wrong, right)
    elif error["type"] == "missing":
        _missing(document, str(path[-1]))
    elif error["type"] == "extra_forbidden":
        _add(document, path, "unknown key", choose_key(path))
    else:
        value = at(document.data, path)[1]
        wrong, right = _MESSAGES[error["type"]]
        _add(document, path, wrong.format(kind=kind(value), value=shown(value)), right.format(**context))


def _add(document: Document, path: Path, wrong: str, right: str) -> None:
    path, value = at(document.data, path)
    if value is not BAD:
        document.report(path, wrong, right)


def _missing(document: Document, key: str) -> None:
    document.report((key,), "is missing", f"such as  {key}: {_EXAMPLES[key]}")


def _check_pairs(document: Document) -> None:
    """Report keys that exclude each other, and pairs of which there is none."""
    data = document.data
    for key in ("concurrency", "load"):
        if "stages" in data and key in data:
            right = "only one of the two: the stages say how many streams, and how long"
            document.report((key,), "is mutually exclusive with stages", right)
        elif "stages" not in data and key not in data:
            _missing(document, key)
    for key, one, other in (("target", "simulator", "url"), ("load", "duration", "requests")):
        inner = data.get(key)
        if not isinstance(inner, dict):
            continue
        if one in inner and other in inner:
            wrong = f"is mutually exclusive with {key}.{one}"
            document.report((key, other), wrong, "only one of the two")
        elif one not in inner and other not in inner:
            document.report((key,), f"has neither {one} nor {other}", "one of the two")
        for name in (one, other):
            if name in inner and inner[name] is None:
                document.report((key, name), "is empty", "a value, or leave the key out")


def _check_protocol(document: Document, shape: ScenarioShape) -> None:
    """Report a protocol that the simulator or a client does not speak."""
    # A missing library of another package's client or protocol is reported when that is loaded.
    with suppress(ImportError):
        if shape.target.simulator is not None and not protocols.is_simulated(shape.protocol):
            served = " or ".join(filter(protocols.is_simulated, protocols.BUILTIN))
            right = f"{served}, or a target.url"
            document.report(("protocol",), f"the simulator does not speak {shape.protocol}", right)
    for place, client in enumerate(shape.clients):
        with suppress(ImportError):
            known = clients.info(client.name).protocols
            if known and shape.protocol not in known:
                wrong = f"{client.name} does not speak {shape.protocol}"
                right = f"another client, or the protocol {' or '.join(known)}"
                _add(document, ("clients", place), wrong, right)
