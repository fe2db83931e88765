"""Validators of the keys that have rules of their own."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from loadgen.scenario.environment import FilledPlain, meaning
from loadgen.scenario.problems import Path, choose
from loadgen.scenario.source import BAD, kind, with_leaves
from loadgen.scenario.values import Found, check, shown, text, wrong


@dataclass(frozen=True)
class PromptsFile:
    """``prompts: {file: …}``, not yet read."""

    file: str


def name(value: Any) -> str:
    """Return a name that can be that of a folder."""
    name = text(value)
    if not re.fullmatch(r"[^\W_][\w.-]{0,49}", name):
        right = "at most 50 letters, digits, points, dashes and underscores, a letter or digit first"
        raise wrong(f"{shown(value)} cannot name a folder", right)
    return name


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
    return url


_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING: Final = {"accept-encoding", "connection", "content-length", "content-type", "transfer-encoding"}


def headers(value: Any) -> dict[str, str]:
    """Return headers that every client can send as they are."""
    if not isinstance(value, dict):
        raise wrong(f"is {kind(value)}", 'a mapping, such as {Authorization: "Bearer ${API_KEY}"}')
    check(value, _headers(value))
    return {name: str(content) for name, content in value.items()}


def _headers(value: dict[str, Any]) -> Found:
    names = [name.lower() for name in value]
    for place, (name, content) in enumerate(value.items()):
        at = (name,)
        if not _TOKEN.fullmatch(name):
            yield at, "is not a header name", "letters, digits and dashes"
        elif name.lower() in _FRAMING:
            yield at, "is set by loadgen, the same for every client", "leave it out"
        elif name.lower() in names[:place]:
            yield at, "is defined twice, in another case", "one of the two"
        if not isinstance(content, str):
            yield at, f"is {kind(content)}", "text, in quotes"
        elif not content.isascii() or not content.isprintable():
            yield at, "has a line break, a control character or one outside ASCII", "printable ASCII"
        elif content != content.strip():
            yield at, "begins or ends with a blank", "the value without it"


def distinct(value: list[Any]) -> Found:
    """Yield the entries that are listed twice."""
    for at, level in enumerate(value):
        if level in value[:at]:
            yield (at,), f"{level} is listed twice", "each number once"


def prompts(value: Any) -> tuple[str, ...] | PromptsFile:
    """Return the prompts, or the file that has them."""
    if isinstance(value, dict):
        check(value, _prompts_file(value))
        return PromptsFile(str(value["file"]))
    if not isinstance(value, list) or not value:
        says = "is an empty list" if isinstance(value, list) else f"is {kind(value)}"
        raise wrong(says, 'a list such as ["Write a haiku."], or {file: prompts.jsonl}')
    check(
        value,
        (
            ((at,), "is empty" if isinstance(prompt, str) else f"is {kind(prompt)}", "text, in quotes")
            for at, prompt in enumerate(value)
            if not isinstance(prompt, str) or not prompt.strip()
        ),
    )
    return tuple(map(str, value))


def _prompts_file(value: dict[str, Any]) -> Found:
    unknown = [key for key in value if key != "file"]
    yield from (((key,), "unknown key", choose(key, ["file"])) for key in unknown)
    file = value.get("file")
    if "file" not in value and not unknown:
        yield (), "has no file", "{file: prompts.jsonl}"
    elif "file" in value and (not isinstance(file, str) or not file.strip()):
        yield ("file",), f"is {kind(file)}", "a file's name, such as prompts.jsonl"


def options(value: Any) -> dict[str, Any]:
    """Return the protocol's own options, as they are."""
    if not isinstance(value, dict):
        raise wrong(f"is {kind(value)}", "a mapping, such as {num_predict: 100}")
    found: list[tuple[Path, str, str]] = []

    def plain(value: Any, at: Path) -> Any:
        if value is BAD:
            return None
        value = meaning(value) if isinstance(value, FilledPlain) else value
        if isinstance(value, float) and not math.isfinite(value):
            found.append((at, "is not finite", "a number"))
        return str(value) if isinstance(value, str) else value

    made = with_leaves(value, plain)
    return dict(check(made, found))
