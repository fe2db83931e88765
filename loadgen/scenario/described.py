"""What may be wrong with the request and the events of a protocol that the scenario describes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import Any, Final

from loadgen.model import ClientId, Template
from loadgen.protocols import template
from loadgen.protocols.pointers import is_pointer
from loadgen.scenario.problems import Path, nearest
from loadgen.scenario.values import shown, text, wrong

Found = Iterator[tuple[Path, str, str]]

DESCRIBED: Final = {"bytes": ("request",), "ndjson": ("request", "events"), "sse": ("request", "events")}
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
BODIES: Final = ("text", "json", "file")
MAX_FILE_BYTES: Final = 64 << 20
_JSON_PATH: Final = re.compile(r"\$?\.?[A-Za-z_]\w*(?:\.\w+|\[\d+\])*")


def pointer(value: Any) -> str:
    """Return a JSON Pointer."""
    if value == "":
        return ""
    found = text(value)
    if not is_pointer(found):
        raise wrong(f"{shown(found)} is not a JSON Pointer", _likely(found))
    return found


def end(value: Any) -> str:
    """Return where the end is, or the data of the last event."""
    found = text(value)
    if found.startswith("/") and not is_pointer(found):
        raise wrong(f"{shown(found)} is not a JSON Pointer", _likely(found))
    return found


def _likely(found: str) -> str:
    if _JSON_PATH.fullmatch(found):
        names = re.findall(r"\w+", found)
        return f"did you mean /{'/'.join(names)}?"
    return "such as /choices/0/delta/content, with ~0 for ~ and ~1 for / in a key"


def in_template(made: Template) -> Found:
    """Yield what is wrong in the texts of a template, by their path in it."""
    known = [f"{{{name}}}" for name in template.PLACEHOLDERS]
    clean = True
    for at, each in template.all_texts(made):
        for name in dict.fromkeys(template.placeholders(each)):
            if name not in template.PLACEHOLDERS:
                clean = False
                near = nearest(name, template.PLACEHOLDERS)
                right = f"did you mean {{{near}}}?" if near else f"{' or '.join(known)}"
                yield (
                    at,
                    f"has the unknown placeholder {{{name}}}",
                    f"{right} ({{{{{name}}}}} for the text itself)",
                )
    if made.method == "GET" and any(getattr(made, name) not in (None, "") for name in BODIES):
        name = next(name for name in BODIES if getattr(made, name) not in (None, ""))
        yield (name,), "is a body, which a GET has not", "method: POST, or no body"
    if clean and made.text is not None and template.is_json(template.text_type(made)):
        yield from _as_json(made)


def _as_json(made: Template) -> Found:
    values = dict.fromkeys(template.PLACEHOLDERS, "Why?")
    filled = template.content(made, values)[1].decode()
    try:
        json.loads(filled)
    except ValueError as error:
        about = (
            f"{error.msg} at {shown(filled[error.pos :][:30]) if filled[error.pos :] else 'the end'}"
            if isinstance(error, json.JSONDecodeError)
            else error
        )
        right = (
            "JSON, in which {{ and }} are braces, as far as they stand together; or json: in place of text:; "
            "or a header Content-Type of other text"
        )
        yield ("text",), f"is not JSON after filling: {about}", right


def misplaced(keys: set[str], protocol: str, clients: Sequence[ClientId], *, events_end: str | None) -> Found:
    """Yield the keys that the protocol does not take, in the scenario and at its clients."""
    spoken = {protocol, *(str(client.options.get("protocol", protocol)) for client in clients)}
    for name in ("request", "events"):
        takers = [each for each, taken in DESCRIBED.items() if name in taken]
        if name in keys and not spoken & {*takers}:
            right = f"leave it out, or the protocol {' or '.join(takers)}"
            yield (name,), f"is not for {protocol}, which has {_OWN[name][protocol == 'bytes']}", right
    if spoken <= {*DESCRIBED}:
        for name in ("options", "body"):
            if name in keys:
                yield (
                    (name,),
                    f"is not for {protocol}, whose request is written out",
                    "the same under request.json",
                )
        if "stream" in keys:
            yield ("stream",), f"is not for {protocol}, whose request is written out", "leave it out"
    if events_end is not None and not events_end.startswith("/") and "ndjson" in spoken:
        yield ("events", "end"), f"{shown(events_end)} is not a JSON Pointer", _likely(events_end)
    for place, client in enumerate(clients):
        own = str(client.options.get("protocol", protocol))
        if own in DESCRIBED and "stream" in client.options:
            yield (
                ("clients", place, "stream"),
                f"is not for {own}, whose request is written out",
                "leave it out",
            )


_OWN: Final = {"request": ("a request of its own",) * 2, "events": ("events of its own", "no events")}


def unreadable(path: FilePath) -> tuple[str, str] | None:
    """Return what is wrong with the file of a body, and what would be right; ``None`` where it can be sent."""
    try:
        if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            with path.open("rb"):
                return None
        if path.is_file():
            return f"has {path.stat().st_size:,} bytes", f"at most {MAX_FILE_BYTES:,} bytes"
        if path.exists():
            return "is not a regular file", "a file on disk"
        near = (
            nearest(path.name, [each.name for each in path.parent.iterdir()])
            if path.parent.is_dir()
            else None
        )
    except (OSError, ValueError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else "not a file name"
        return f"cannot be read: {reason}", "a file that can be read"
    return "there is no such file", f"did you mean {near}?" if near else "relative to the scenario's folder"
