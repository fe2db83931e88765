"""Run folders as a damaged disk, another version or a stranger may leave them: a small run, altered by seeded draws."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests import synthetic

Alter = Callable[[Path, random.Random], str]

WRONG = (
    *(None, True, "", "x", "\0<script>\x1b[2J", "é" * 300, -1, 0, 1, 7, 3.5, -0.0, 1e308, 2**31, 10**18),
    *(
        2**62,
        -(2**62),
        2**63 - 1,
        2**63,
        2**64,
        -(2**70),
        10**30,
        [],
        {},
        [[]],
        [None],
        {"x": 1},
        {"": None},
        {"\x1b[2J": 1e308},
    ),
)
DEEP = "[" * 200_000 + "]" * 200_000


def small(folder: Path) -> Path:
    """Write a run with two clients at two levels, twice, one cell of it spread over two workers."""
    made = [
        synthetic.recording(
            client=client, mode=mode, concurrency=level, repeat=repeat, index=4 * repeat + 2 * at + way + 1,
            streams=12, tokens=6, jitter=0.3, outcomes={"reset": 1, "http_status": 1}, lag_jitter=1.0,
        )
        for repeat in (0, 1)
        for at, level in enumerate((2, 6))
        for way, (client, mode) in enumerate((("requests", "threads"), ("aiohttp", "tasks")))
    ]  # fmt: skip
    recordings = [*made[:-1], *synthetic.split(made[-1])]
    return synthetic.save(folder, synthetic.run(folder, recordings).info, recordings)


def recordings(folder: Path) -> list[Path]:
    return sorted((folder / "arrivals").iterdir())


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _leaves(each, (*path, key))


def _altered_json(plain: Any, draw: random.Random) -> tuple[bytes, str]:
    """Replace, remove or add a value at one place."""
    path = draw.choice([each for each in _leaves(plain) if each])
    inside = plain
    for key in path[:-1]:
        inside = inside[key]
    way = draw.randrange(6)
    if way == 0:
        del inside[path[-1]]
        return json.dumps(plain).encode(), f"{path} removed"
    if way == 1:
        inside[path[-1]] = "DEEP"
        return json.dumps(plain).replace('"DEEP"', DEEP).encode(), f"{path} nested"
    if way == 2 and isinstance(inside, list):
        inside += inside
        return json.dumps(plain).encode(), f"{path[:-1]} doubled"
    inside[path[-1]] = wrong = draw.choice(WRONG)
    return json.dumps(plain).encode(), f"{path} = {wrong!r}"


def _bytes(data: bytes, draw: random.Random) -> tuple[bytes, str]:
    """Flip bits, cut, repeat, or overwrite with noise."""
    way = draw.choice(("flip", "cut", "repeat", "noise", "zero", "swap"))
    at, size = draw.randrange(len(data)), draw.choice((1, 8, 64, 4096))
    match way:
        case "flip":
            made = bytearray(data)
            for _ in range(draw.choice((1, 1, 4, 64))):
                made[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            return bytes(made), way
        case "cut":
            return data[:at], f"cut at {at}"
        case "repeat":
            return data[:at] + data[at : at + size] * draw.choice((2, 50)) + data[at + size :], way
        case "zero":
            return data[:at] + bytes(size) + data[at + size :], f"zeros at {at}"
        case "swap":
            return data[at:] + data[:at], f"rotated by {at}"
        case _:
            return data[:at] + draw.randbytes(size) + data[at + size :], f"noise at {at}"


def info_json(folder: Path, draw: random.Random) -> str:
    path = folder / "run.json"
    data, what = _altered_json(json.loads(path.read_bytes()), draw)
    path.write_bytes(data)
    return f"run.json: {what}"


def any_bytes(folder: Path, draw: random.Random) -> str:
    path = draw.choice([folder / "run.json", *recordings(folder)])
    data, what = _bytes(path.read_bytes(), draw)
    path.write_bytes(data)
    return f"{path.name}: {what}"


def packed(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(path) as archive:
        return dict(archive)


def meta_json(folder: Path, draw: random.Random) -> str:
    path = draw.choice(recordings(folder))
    columns = packed(path)
    data, what = _altered_json(json.loads(columns["meta"].tobytes()), draw)
    np.savez(path, **(columns | {"meta": np.frombuffer(data, np.uint8)}))
    return f"{path.name}: meta {what}"


def _odd(column: np.ndarray[Any, Any], draw: random.Random) -> Any:
    """Return a column of another type, shape or length, or with values out of range."""
    made, n = column.copy(), len(column)
    way = draw.randrange(12)
    if way < 6 and n and column.dtype.kind in "iu":
        info = np.iinfo(column.dtype)
        value = draw.choice(
            (info.min, info.max, -1, 0, 1, 2, 10**6, 2**40, 25 * 10**14, 2**53, 2**62, -(2**62))
        )
        made[draw.randrange(n) if draw.random() < 0.7 else slice(None)] = np.clip(value, info.min, info.max)
        return made
    return (
        made[:-1], np.concatenate([made, made]), made.reshape(1, -1), made[:0], made.astype(np.float64),
        made.astype(str), made.astype(np.complex128), np.array(3), made.astype(">i8"), made[::-1], np.full(n, np.nan),
        np.zeros(n, dtype=[("a", "<i8"), ("b", "<U3")]),
    )[draw.randrange(12)]  # fmt: skip


def column(folder: Path, draw: random.Random) -> str:
    """Alter one or several columns, remove one, or add one."""
    path = draw.choice(recordings(folder))
    columns = packed(path)
    name = draw.choice(list(columns))
    way = draw.randrange(8)
    if way == 0:
        del columns[name]
    elif way == 1:
        columns[draw.choice(("odd", "../../x", "streams.x", "meta.npy"))] = columns[name]
    elif way == 2:  # all columns of a table
        table = name.partition(".")[0]
        columns |= {each: _odd(of, draw) for each, of in columns.items() if each.startswith(table)}
    else:
        columns[name] = _odd(columns[name], draw)
    np.savez(path, **columns)
    return f"{path.name}: {name} way {way}"


def exchanged(folder: Path, draw: random.Random) -> str:
    """Put one cell's file where another's is, or a column of one into another."""
    one, other = draw.sample(recordings(folder), 2)
    if draw.random() < 0.5:
        data = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(data)
        return f"{one.name} and {other.name} exchanged"
    columns, others = packed(one), packed(other)
    name = draw.choice(list(columns))
    np.savez(one, **(columns | {name: others[name]}))
    return f"{name} of {other.name} in {one.name}"


def bomb(folder: Path, draw: random.Random) -> str:
    """Compress members, of a gigabyte of zeros, or with overlapping or unknown ones."""
    path = draw.choice(recordings(folder))
    columns = packed(path)
    way = draw.randrange(5)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED if way < 3 else zipfile.ZIP_STORED) as archive:
        for name, of in columns.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, of)
        if way == 1:
            with archive.open("big.npy", "w") as member:
                member.write(bytes(64 << 20))
    data = bytearray(made.getvalue())
    if way == 3:  # an unknown compression, in every header
        for signature, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
            place = -1
            while (place := data.find(signature, place + 1)) >= 0:
                data[place + at : place + at + 2] = struct.pack("<H", 99)
    elif way == 4:  # every member is the first, which claims to be as large as the archive
        place = -1
        while (place := data.find(b"PK\1\2", place + 1)) >= 0:
            data[place + 42 : place + 46] = bytes(4)
            data[place + 20 : place + 28] = struct.pack("<II", len(data) - 100, len(data) - 100)
    path.write_bytes(data)
    return f"{path.name}: bomb {way}"


def odd_file(folder: Path, draw: random.Random) -> str:
    """Put something that is no regular file of ours where one is, or beside it."""
    path = draw.choice([folder / "run.json", *recordings(folder)])
    way = draw.choice(
        ("fifo", "zero", "null", "self", "folder", "sparse", "empty", "gone", "stray", "other", "loop")
    )
    if way == "stray":
        data = path.read_bytes()
        (
            folder / "arrivals" / draw.choice(("0001.1.npz", "0099.npz", "0001-x.npz", "zzz", ".npz"))
        ).write_bytes(data)
        return way
    path.unlink()
    match way:
        case "fifo":
            os.mkfifo(path)
        case "zero":
            path.symlink_to("/dev/zero")
        case "null":
            path.symlink_to("/dev/null")
        case "self":
            path.symlink_to("/proc/self/mem")
        case "loop":
            path.symlink_to(path.name)
        case "folder":
            path.mkdir()
        case "sparse":
            with path.open("wb") as file:
                file.truncate(draw.choice((1 << 30, 1 << 40)))
        case "empty":
            path.write_bytes(b"")
        case "other":
            path.write_bytes(
                draw.choice((b"root:x:0:0\n" * 99, draw.randbytes(999), b"PK\5\6" + bytes(18), b"{}"))
            )
    return f"{path.name}: {way}"


ALTERATIONS: tuple[Alter, ...] = (
    *(info_json, info_json, meta_json, meta_json, column, column, column),
    *(any_bytes, any_bytes, exchanged, bomb, odd_file, odd_file),
)
