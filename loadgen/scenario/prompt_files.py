"""Read the prompts in a file, relative to the scenario: ``.jsonl``, ``.csv``, ``.parquet`` or ``.txt``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple

from loadgen.model import Prompt
from loadgen.prompts import CHAT, TEXT, InvalidPrompt, number_of_tokens, prompt_of
from loadgen.scenario.files import read_bytes, read_text
from loadgen.scenario.problems import Problem, ScenarioError, choose

MAX_PROMPTS_BYTES: Final = 16 << 20
MAX_PROBLEMS: Final = 20  # of one file
LENGTH: Final = "output_tokens"
_KEY: Final = "prompts.file"
_EXAMPLES: Final = {
    ".jsonl": 'a JSON string, or an object such as {"prompt": "Write a haiku."}',
    ".csv": f"text in the column {TEXT}, or in the one that prompts.column names",
    ".parquet": f"text or messages in the column {TEXT}, or in the one that prompts.column names",
    ".txt": "one in each line",
}


class _Source(NamedTuple):
    """The file, as the scenario names it: ``where`` is the place that does, ``column`` the one that has the prompts."""

    path: FilePath
    where: str
    column: str | None

    def error(self, line: int | None, wrong: str, right: str = "") -> ScenarioError:
        place = self.where if line is None else f"{self.path}:{line}"
        return ScenarioError([Problem(place, _KEY, wrong, right or _EXAMPLES[self.path.suffix])])


_Rows = Iterator[tuple[int, Any]]  # the number of the line or row, and what it has, or InvalidPrompt


def read_prompts(folder: FilePath, file: str, column: str | None, where: str) -> tuple[Prompt, ...]:
    """Return the prompts in ``file``, relative to ``folder``; ``where`` is the place that names the file.

    Raises ScenarioError with every line that has no prompt, or the first of them.
    """
    source = _Source(folder / file, where, column)
    if (rows := _READERS.get(source.path.suffix)) is None:
        raise ScenarioError(
            [Problem(where, _KEY, f"ends in none of {', '.join(_READERS)}", "such as prompts.jsonl")]
        )
    prompts: list[Prompt] = []
    problems: list[Problem] = []
    for line, found in rows(source):
        try:
            prompts.append(_prompt(found, column))
        except InvalidPrompt as invalid:
            problems += source.error(line, str(invalid)).problems
            if len(problems) == MAX_PROBLEMS:
                break
    if not prompts and not problems:
        problems = source.error(1, "holds no prompt").problems
    if problems:
        raise ScenarioError(problems)
    return tuple(prompts)


def _prompt(found: Any, column: str | None) -> Prompt:
    """Return the prompt that a line or row has: a text, or a mapping with one. Raises InvalidPrompt."""
    if isinstance(found, InvalidPrompt):
        raise found
    if not isinstance(found, Mapping):
        if column is not None:
            raise InvalidPrompt(f"has no column {column!r}")
        return prompt_of(found)
    if column is None:
        column = CHAT if found.get(CHAT) is not None else TEXT
    if column not in found and len(found):
        raise InvalidPrompt(f"has no column {column!r}: {choose(column, found)}")
    asked = found.get(column)
    if column == CHAT and isinstance(asked, str):  # in CSV
        with suppress(ValueError, RecursionError):
            asked = json.loads(asked)
    return prompt_of(asked, number_of_tokens(found.get(LENGTH), LENGTH))


def _lines(source: _Source) -> Iterator[tuple[int, str]]:
    text = read_text(source.path, MAX_PROMPTS_BYTES, source.where, _KEY, (*_READERS,))
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if line:
            yield number, line


def _jsonl(source: _Source) -> _Rows:
    for number, line in _lines(source):
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError):
            yield number, InvalidPrompt("is not JSON")


def _csv(source: _Source) -> _Rows:
    """Yield the rows of a CSV file (RFC 4180) with a header."""
    text = read_text(source.path, MAX_PROMPTS_BYTES, source.where, _KEY, (*_READERS,))
    csv.field_size_limit(MAX_PROMPTS_BYTES)
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        header = next(rows, [])
        wanted = source.column or (CHAT if CHAT in header else TEXT)
        if wanted not in header:
            raise source.error(1, f"has no column {wanted!r}", f"prompts.column: {choose(wanted, header)}")
        line = rows.line_num + 1
        for row in rows:
            if row:
                if len(row) != len(header):
                    wrong = f"has {len(row)} fields, the header {len(header)}"
                    raise source.error(line, wrong, "as many; a field with a comma or line break in quotes")
                yield line, dict(zip(header, row, strict=True))
            line = rows.line_num + 1
    except csv.Error as error:
        raise source.error(line, f"is not CSV: {error}", "commas, and quotes doubled inside quotes") from None


def _parquet(source: _Source) -> _Rows:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        right = 'pip install "loadgen[parquet]"'
        raise source.error(None, "cannot be read: pyarrow is not installed", right) from None
    content = read_bytes(source.path, MAX_PROMPTS_BYTES, source.where, _KEY, (*_READERS,))
    try:
        with parquet.ParquetFile(pyarrow.BufferReader(content)) as file:
            wanted = source.column or (CHAT if CHAT in file.schema_arrow.names else TEXT)
            if wanted not in file.schema_arrow.names:
                right = f"prompts.column: {choose(wanted, file.schema_arrow.names)}"
                raise source.error(None, f"has no column {wanted!r}", right)
            columns = [name for name in (wanted, LENGTH) if name in file.schema_arrow.names]
            number = size = 0
            for batch in file.iter_batches(batch_size=1024, columns=columns):
                size += batch.nbytes
                if size > MAX_PROMPTS_BYTES:
                    right = f"at most {MAX_PROMPTS_BYTES:,} bytes"
                    raise source.error(None, f"has more than {right.removeprefix('at most ')}", right)
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pyarrow.ArrowException, OSError) as error:
        wrong = str(error).splitlines()[0]
        raise source.error(None, f"is not Parquet: {wrong}", "a file of Parquet") from None


_READERS: Final[Mapping[str, Callable[[_Source], _Rows]]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".parquet": _parquet,
    ".txt": _lines,
}
