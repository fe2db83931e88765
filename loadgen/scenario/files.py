"""Read the files of a scenario: its YAML, and the bytes or the text of another."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Final

from loadgen.scenario.places import SUFFIXES
from loadgen.scenario.problems import Problem, ScenarioError, nearest
from loadgen.scenario.shape import SHAPES, ScenarioShape
from loadgen.scenario.source import BAD, Document, kind, parse

MAX_BYTES: Final = 1 << 20
_KEY: Final = re.compile(r"(?:^|[{,])[ \t]*([A-Za-z_][\w-]*)[ \t]*:", re.MULTILINE)


def read(path: str | os.PathLike[str]) -> Document:
    """Return the YAML file at ``path``. Raises ScenarioError where there is nothing to validate."""
    file, name = FilePath(path), str(path)
    text = read_text(file, MAX_BYTES, name, "scenario", SUFFIXES)
    try:
        document = parse(name, text)
    except ScenarioError:
        if not _is_like_a_scenario(_KEY.findall(text)):
            raise _no_scenario(name) from None
        raise
    document.folder = file.parent
    if isinstance(document.data, dict) and not _is_like_a_scenario(list(document.data)):
        raise _no_scenario(name)
    if not isinstance(document.data, dict):
        if document.data is not BAD:
            wrong = "is empty" if document.data is None else f"is {kind(document.data)} and not a mapping"
            document.report((), wrong, "keys and values, such as  name: smoke")
        raise ScenarioError(document.problems)
    return document


def _is_like_a_scenario(keys: Sequence[str]) -> bool:
    """Return whether half of the keys are a scenario's. Problems with another file would show what is in it."""
    known = {key for shape in SHAPES.values() for key in shape.model_fields}
    return 2 * sum(key in known for key in keys) >= len(keys) > 0


def _no_scenario(name: str) -> ScenarioError:
    keys = ", ".join(list(ScenarioShape.model_fields)[:4])
    return ScenarioError(
        [Problem(f"{name}:1", "scenario", "is no scenario", f"a file with the keys {keys} …")]
    )


def read_text(path: FilePath, limit: int, where: str, key: str, suffixes: tuple[str, ...]) -> str:
    """Return the text of a UTF-8 file as :func:`read_bytes` reads it. Raises ScenarioError."""
    content = read_bytes(path, limit, where, key, suffixes)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = content.count(b"\n", 0, bad.start) + 1
        problem = Problem(f"{path}:{line}", key, "is not UTF-8 text", "a text file in UTF-8")
        raise ScenarioError([problem]) from None


def read_bytes(path: FilePath, limit: int, where: str, key: str, suffixes: tuple[str, ...]) -> bytes:
    """Return the bytes of a file of at most ``limit`` of them. Raises ScenarioError.

    A file that is too large is refused without reading it; ``where`` is what names the file.
    """
    with readable(path, where, key, suffixes):
        size = path.stat().st_size
        if size <= limit:
            with path.open("rb") as file:
                content = file.read(limit + 1)
            size = len(content)
    if size > limit:
        wrong = f"has {size:,} bytes"
        raise ScenarioError([Problem(where, key, wrong, f"at most {limit:,} bytes")])
    return content


@contextmanager
def readable(path: FilePath, where: str, key: str, suffixes: tuple[str, ...]) -> Iterator[None]:
    """Check that a file can be read, and turn an error of the block into a ScenarioError."""

    def error(wrong: str, right: str) -> ScenarioError:
        return ScenarioError([Problem(where, key, wrong, right)])

    kinds = f"a file that ends in {' or '.join(suffixes)}"
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise error("is a folder", kinds)
        if not stat.S_ISREG(mode):
            raise error("is not a regular file", "a file on disk")
        yield
    except FileNotFoundError:
        raise error("there is no such file", _suggest(path, suffixes) or kinds) from None
    except (OSError, ValueError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else "not a file name"
        raise error(f"cannot be read: {reason}", "a file that can be read") from None


def _suggest(path: FilePath, suffixes: tuple[str, ...]) -> str:
    """Return the nearest file of the folder, or all of them where they are few, or ""."""
    try:
        names = sorted(file.name for file in path.parent.iterdir() if file.suffix in suffixes)
    except (OSError, ValueError):
        return ""
    if near := nearest(path.name, names):
        return f"did you mean {path.parent / near}?"
    return f"one of {', '.join(names)}" if 0 < len(names) <= 10 else ""
