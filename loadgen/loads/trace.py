"""Trace: streams arrive when a file says, which is read line by line while it runs.

A line has a time, and maybe what its stream asks: a prompt, messages, or lengths. Lines are JSON, or CSV with a header.
"""

import codecs
import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from math import isfinite
from typing import IO, Any, NamedTuple

import msgspec

from loadgen.model import Arrival, Cell, Prompt
from loadgen.prompts import CHAT, TEXT, InvalidPrompt, number_of_tokens, prompt_of

SUFFIXES = (".jsonl", ".csv")
MAX_LINE_BYTES = 64 << 20
CHECKED_BYTES = (
    256 << 20
)  # of a file are read before it is run; the times of the rest are checked when they come
CHECKED_LINES = 1000  # of which all that they have is checked
TAIL_BYTES = 1 << 20  # of a larger one hold its last line
BLOCK_BYTES, BLOCK_ROWS = (
    1 << 16,
    200,
)  # more are slower: they leave the cache, and wake the garbage collector
EXAMPLE = '{"timestamp": 0.25, "prompt": "Why?"}'


class Columns(NamedTuple):
    """What the columns of a format are called; ``per_s``: how much a number in ``at`` grows in a second."""

    at: str
    input_tokens: str
    output_tokens: str
    per_s: int = 1


# The first whose time and one of whose lengths are there; the last where neither is. ``at`` may be a date and time.
FORMATS: dict[str, Columns] = {
    "Mooncake": Columns("timestamp", "input_length", "output_length", per_s=1000),
    "BurstGPT": Columns("Timestamp", "Request tokens", "Response tokens"),
    "Azure": Columns("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    "loadgen": Columns("timestamp", "input_tokens", "output_tokens"),
}
BLOCKS = "hash_ids"  # of Mooncake: equal ids are equal blocks of a prompt


class TraceError(ValueError):
    """A trace cannot be used: ``wrong`` is what is so at ``line``, ``right`` what would be right."""

    def __init__(self, file: str, line: int, wrong: str, right: str) -> None:
        super().__init__(f"{os.path.basename(file)}:{line}: {wrong}; {right}")
        self.line, self.wrong, self.right = line, wrong, right


class _Invalid(ValueError):
    """What is wrong with a line, and what would be right."""


class Row(NamedTuple):
    """A line: nanoseconds since the first, and what its stream asks; ``None`` where it has only a time.

    A prompt with nothing but ``output_tokens`` is one of the workload's that asks for so many.
    """

    line: int
    at: int
    asks: Prompt | None


class Survey(NamedTuple):
    """A trace before it is run: ``rate`` is how many arrive per second on average, for ``seconds``.

    Both are estimated from the beginning and the end of a file that is large. ``first`` is what its first line asks.
    """

    rate: float
    seconds: float
    digest: str
    first: Prompt | None


def arrivals(cell: Cell) -> Iterator[Arrival]:
    """Yield an arrival for each line that is due within the load's duration. Raises TraceError, OSError."""
    load, prompts = cell.workload.load, cell.workload.prompts
    trace = load.trace
    assert trace is not None
    speed = (cell.level.rate or 0.0) / trace.rate
    until = int((load.duration or 0.0) * 1e9)
    for number, row in enumerate(rows(trace.file, chat=trace.chat, needs_prompts=not prompts)):
        if (due := int(row.at / speed)) >= until:
            return
        asks = row.asks
        if asks is not None and not _is_complete(asks):
            asks = replace(prompts[number % len(prompts)], output_tokens=asks.output_tokens)
        yield Arrival(due, prompt=number, own=asks)


def rows(file: str, *, chat: bool, needs_prompts: bool) -> Iterator[Row]:
    """Yield the lines of a trace, one after the other. Raises TraceError where one is wrong, OSError.

    ``chat``: it may have messages; ``needs_prompts``: each line must have a prompt, or its length.
    """
    reader = _Csv(file) if file.endswith(".csv") else _Jsonl(file)
    first = last = None
    try:
        for found in reader:
            at = _seconds(found.get(reader.columns.at), reader.columns)
            first = at if first is None else first
            if last is not None and at < last:
                raise _Invalid(f"goes back in time, by {last - at:g} s", "lines in the order of their times")
            last = at
            asks = _asks(found, reader.columns)
            if asks is not None and asks.messages and not chat:
                raise _Invalid("has messages, and the protocol takes a text", "a protocol of chats")
            if needs_prompts and not (asks and _is_complete(asks)):
                raise _Invalid(
                    "has neither a prompt nor its length", "prompts in the scenario, or in every line"
                )
            yield Row(reader.line, round((at - first) * 1e9), asks)
        if first is None:
            raise _Invalid("has no arrival", f"a line for each, such as {EXAMPLE}")
    except _Invalid as invalid:
        raise TraceError(file, max(1, reader.line), *invalid.args) from None
    except InvalidPrompt as invalid:
        raise TraceError(file, reader.line, str(invalid), "a text, messages, or numbers of tokens") from None
    finally:
        reader.close()


class _Reader:
    """The objects of a file, each with the columns of its format; ``line`` is where the last one began."""

    def __init__(self, lines: IO[Any]) -> None:
        self.line = 0
        self.columns = FORMATS["loadgen"]
        self._lines = lines
        self.close = lines.close


class _Jsonl(_Reader):
    def __init__(self, file: str) -> None:
        super().__init__(open(file, "rb"))  # noqa: SIM115 - its reader closes it

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        is_first = True
        while line := self._lines.readline(MAX_LINE_BYTES):
            self.line += 1
            if self.line == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.isspace():
                continue
            try:
                found = decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise _Invalid("is not a JSON object", f"such as {EXAMPLE}") from None
            if is_first:
                self.columns = columns_of(found)
                is_first = False
            yield found


class _Csv(_Reader):
    def __init__(self, file: str) -> None:
        super().__init__(open(file, encoding="utf-8-sig", newline=""))  # noqa: SIM115 - its reader closes it

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        found = csv.reader(self._lines, strict=True)
        try:
            header = next(found, [])
            self.line = 1
            self.columns = columns_of(header)
            if self.columns.at not in header:
                times = ", ".join(dict.fromkeys(known.at for known in FORMATS.values()))
                raise _Invalid("has no column of times", f"a header with one of {times}")
            self.line = found.line_num + 1
            for row in found:
                if row:
                    if len(row) != len(header):
                        raise _Invalid(f"has {len(row)} fields, the header {len(header)}", "as many")
                    yield dict(zip(header, row, strict=True))
                self.line = found.line_num + 1
        except (csv.Error, UnicodeDecodeError) as error:
            raise _Invalid(
                f"is not CSV in UTF-8: {error}", "commas, and quotes doubled inside quotes"
            ) from None


def columns_of(keys: Mapping[str, Any] | list[str]) -> Columns:
    """Return the columns of the format that has these, which are those of a header or a line."""
    for known in FORMATS.values():
        if known.at in keys and (known.input_tokens in keys or known.output_tokens in keys):
            return known
    return next((known for known in reversed(FORMATS.values()) if known.at in keys), FORMATS["loadgen"])


def _seconds(found: Any, columns: Columns) -> float:
    """Return a time in seconds: a number, or a date and time, of UTC where it names no zone. Raises _Invalid."""
    at = None
    if isinstance(found, str):
        with suppress(ValueError, OverflowError):
            date = datetime.fromisoformat(found)
            return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        with suppress(ValueError):
            at = float(found)
    elif isinstance(found, int | float) and not isinstance(found, bool):
        at = float(found)
    if at is None or not isfinite(at) or abs(at) > 1e15:
        wrong = f"has no {columns.at}" if found in (None, "") else f"has a {columns.at} that is no time"
        raise _Invalid(wrong, "the time of each arrival, as a number or a date and time")
    return at / columns.per_s


def _asks(found: Mapping[str, Any], columns: Columns) -> Prompt | None:
    """Return what a line asks. Raises InvalidPrompt."""
    asked = found.get(CHAT) or found.get(TEXT)
    outputs = number_of_tokens(found.get(columns.output_tokens), columns.output_tokens, least=0)
    if asked:
        return prompt_of(asked, outputs)
    inputs = number_of_tokens(found.get(columns.input_tokens), columns.input_tokens, least=0)
    if inputs is None and outputs is None:
        return None
    blocks = found.get(BLOCKS) or ()
    if not isinstance(blocks, list | tuple) or not all(isinstance(each, int) for each in blocks):
        raise InvalidPrompt(f"has {BLOCKS} that are no list of numbers")
    return Prompt(output_tokens=outputs, input_tokens=inputs, blocks=tuple(blocks))


def _is_complete(prompt: Prompt) -> bool:
    return bool(prompt.text or prompt.messages or prompt.input_tokens)


# -- before a run

# Whatever is wrong with a line; which one and what, the slower way finds out.
_WRONG = (ValueError, LookupError, TypeError, OverflowError, csv.Error, msgspec.MsgspecError)


def survey(file: str, *, chat: bool, needs_prompts: bool) -> Survey:
    """Return what must be known of a trace before it is run. Raises TraceError, OSError.

    The first lines are checked in all they have; the others, up to CHECKED_BYTES, only for their times.
    """
    slowly = partial(rows, file, chat=chat, needs_prompts=needs_prompts)
    first, *_ = islice(slowly(), CHECKED_LINES)
    try:
        count, span = _count_and_span(file)
    except _WRONG:
        for count, last in enumerate(slowly(), 1):  # noqa: B007
            pass
        span = last.at / 1e9
    # The last arrival is followed by a gap as long as the mean one; all at one time last a second.
    seconds = span * count / (count - 1) if span else 1.0
    with open(file, "rb") as content:
        digest = hashlib.sha256(b"%d/" % os.path.getsize(file))
        while content.tell() < CHECKED_BYTES and (block := content.read(1 << 20)):
            digest.update(block)
    return Survey(count / seconds, seconds, digest.hexdigest(), first.asks)


def _count_and_span(file: str) -> tuple[float, float]:
    """Return the number of arrivals, estimated where the file is large, and the seconds from the first to the last.

    Decodes many lines at once, which takes a third of the time. Raises _WRONG.
    """
    size = os.path.getsize(file)
    with open(file, "rb") as content:
        blocks = _CsvBlocks(content) if file.endswith(".csv") else _JsonBlocks(content)
        count, first, last = 0, None, None
        latest: list[Any] = []
        for found in blocks:
            times = _comparable(found)
            if [*latest, *times] != sorted([*latest, *times]):
                raise ValueError
            first = found[0] if first is None else first
            count, last, latest = count + len(found), found[-1], times[-1:]
            if content.tell() >= CHECKED_BYTES:
                break
        share = min(1.0, content.tell() / size)
        span = blocks.seconds(last) - blocks.seconds(first)
        if share < 1:
            content.seek(-min(size, TAIL_BYTES), os.SEEK_END)
            end = content.read().rstrip().rpartition(b"\n")[2]
            try:
                span = max(span, blocks.seconds(blocks.of_line(end)[0]) - blocks.seconds(first))
            except _WRONG:  # it will be found when it comes
                span /= share
        return count / share, span


def _comparable(found: list[Any]) -> list[Any]:
    """Return times as numbers, or as dates where they are none. Raises ValueError."""
    try:
        numbers = [*map(float, found)]
    except ValueError:
        return [*map(datetime.fromisoformat, found)]
    if not all(map(isfinite, numbers)):
        raise ValueError
    return numbers


class _JsonBlocks:
    """The times of many lines at once, as they stand there."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self._columns = columns_of(msgspec.json.decode(content.readline(), type=dict[str, Any]))
        content.seek(0)
        at = msgspec.defstruct("At", [("at", float | str)], rename={"at": self._columns.at}, gc=False)
        self._decode: Callable[[bytes], list[Any]] = msgspec.json.Decoder(at).decode_lines

    def __iter__(self) -> Iterator[list[Any]]:
        rest = b""
        while chunk := self._content.read(BLOCK_BYTES):
            head, newline, tail = chunk.rpartition(b"\n")
            if newline and (found := self.of_line(rest + head)):
                yield found
            rest = tail if newline else rest + tail
        if found := self.of_line(rest):
            yield found

    def of_line(self, lines: bytes) -> list[Any]:
        return [each.at for each in self._decode(lines)]

    def seconds(self, found: Any) -> float:
        """Return a time in seconds. Raises _WRONG."""
        return _seconds(found, self._columns)


class _CsvBlocks(_JsonBlocks):
    def __init__(self, content: IO[bytes]) -> None:
        self._rows = csv.reader(io.TextIOWrapper(content, "utf-8-sig", newline=""), strict=True)
        header = next(self._rows)
        self._columns = columns_of(header)
        self._width, self._place = len(header), header.index(self._columns.at)

    def __iter__(self) -> Iterator[list[Any]]:
        while block := [*islice(self._rows, BLOCK_ROWS)]:
            if found := self._of_rows(block):
                yield found

    def of_line(self, lines: bytes) -> list[Any]:
        return self._of_rows([*csv.reader([lines.decode()], strict=True)])

    def _of_rows(self, found: list[list[str]]) -> list[Any]:
        if {*map(len, found)} - {0, self._width}:
            raise ValueError
        return [row[self._place] for row in found if row]
