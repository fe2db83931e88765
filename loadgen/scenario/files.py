"""Read the files of a scenario: a text file within bounds, and a helpful error where there is none."""

from __future__ import annotations

import os
import stat
from pathlib import Path as FilePath
from typing import Final

from loadgen.scenario.problems import Problem, ScenarioError, choose, nearest
from loadgen.scenario.source import BAD, Document, kind, parse

MAX_BYTES: Final = 1 << 20


def read(path: str | os.PathLike[str]) -> Document:
    """Return the YAML file at ``path``. Raises ScenarioError where there is nothing to validate."""
    file, name = FilePath(path), str(path)
    text = read_text(file, MAX_BYTES, name, "scenario", (".yaml", ".yml"))
    document = parse(name, text)
    document.folder = file.parent
    if not isinstance(document.data, dict):
        if document.data is not BAD:
            wrong = "is empty" if document.data is None else f"is {kind(document.data)} and not a mapping"
            document.report((), wrong, "keys and values, such as  name: smoke")
        raise ScenarioError(document.problems)
    return document


def read_text(path: FilePath, limit: int, where: str, key: str, suffixes: tuple[str, ...]) -> str:
    """Return the text of a UTF-8 file of at most ``limit`` bytes. Raises ScenarioError.

    A file that is too large is refused without reading it; ``where`` is what names the file.
    """

    def error(wrong: str, right: str) -> ScenarioError:
        return ScenarioError([Problem(where, key, wrong, right)])

    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise error("is a folder", f"a file that ends in {' or '.join(suffixes)}")
        if not stat.S_ISREG(found.st_mode):
            raise error("is not a regular file", "a file on disk")
        if found.st_size > limit:
            raise error(f"has {found.st_size:,} bytes", f"at most {limit:,} bytes")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise error("there is no such file", _suggest(path, suffixes)) from None
    except (OSError, ValueError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else "not a file name"
        raise error(f"cannot be read: {reason}", "a file that can be read") from None
    if len(content) > limit:
        raise error(f"has more than {limit:,} bytes", f"at most {limit:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = content.count(b"\n", 0, bad.start) + 1
        raise ScenarioError(
            [Problem(f"{path}:{line}", key, "is not UTF-8 text", "a text file in UTF-8")]
        ) from None


def _suggest(path: FilePath, suffixes: tuple[str, ...]) -> str:
    """Return the nearest file of the folder, or all of them where they are few."""
    try:
        names = sorted(file.name for file in path.parent.iterdir() if file.suffix in suffixes)
    except (OSError, ValueError):
        names = []
    near = nearest(path.name, names)
    if near:
        return f"did you mean {path.parent / near}?"
    return (
        choose(path.name, names) if 0 < len(names) <= 10 else f"a file that ends in {' or '.join(suffixes)}"
    )
