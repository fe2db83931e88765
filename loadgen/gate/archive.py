"""Read files of unknown origin: never wait for one, and never read more than it may hold."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray

from loadgen.gate import BadData

MAX_DIRECTORY: Final = 64 << 10  # bytes of an archive's list of members
_SPARSE: Final = 64  # a file that takes so many times less room on disk is mostly holes
_END: Final = 22  # bytes of the record at the end of an archive
_LOCATOR: Final = 20  # bytes before it, of an archive of 4 GiB or more


def opened(path: Path, limit: int) -> BinaryIO:
    """Open a regular file of at most ``limit`` bytes. Raises BadData, OSError."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    if path.is_symlink():
        raise BadData("", "is a link, not a file")
    handle = os.open(path, flags)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise BadData("", "is not a regular file")
        if found.st_size > limit:
            raise BadData("", f"has {found.st_size:,} bytes, more than {limit:,}")
        if found.st_size > 512 * _SPARSE * max(getattr(found, "st_blocks", found.st_size), 128):
            raise BadData("", f"has {found.st_size:,} bytes, almost all of them holes")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def content(path: Path, limit: int) -> bytes:
    """Return the content of a regular file. Raises BadData, OSError."""
    with opened(path, limit) as file:
        return file.read(limit)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data of a column is in a file, which is still the same one if it has ``mark``."""

    path: Path
    mark: tuple[int, ...]
    offset: int
    dtype: np.dtype[Any]
    rows: int

    def read(self, selected: slice = slice(None)) -> NDArray[Any]:
        """Return some rows of the column, one after the other. Raises BadData, OSError."""
        begin, end, _ = selected.indices(self.rows)
        found = np.empty(max(end - begin, 0), self.dtype)
        with opened(self.path, self.mark[2]) as file:
            if _mark(file) != self.mark:
                raise BadData("", "has changed since it was read")
            file.seek(self.offset + begin * self.dtype.itemsize)
            if file.readinto(found.data.cast("B")) != found.nbytes:  # type: ignore[attr-defined]
                raise BadData("", "has become shorter since it was read")
        return found


def _mark(file: BinaryIO) -> tuple[int, ...]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def places(path: Path, limit: int, names: Iterable[str]) -> dict[str, Place]:
    """Return where those columns are that :func:`columns` has returned. Raises BadData, OSError."""
    found = {}
    with opened(path, limit) as file:
        mark, members = _mark(file), ZipFile(file).NameToInfo
        for name in names:
            file.seek(members[f"{name}.npy"].header_offset + 26)
            lengths = file.read(4)  # of the name and of the extra field of this member
            file.seek(
                int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), os.SEEK_CUR
            )
            np.lib.format.read_magic(file)
            shape, dtype = _header(file)
            found[name] = Place(path, mark, file.tell(), dtype, shape[0])
    return found


def columns(path: Path, limit: int, dtypes: Mapping[str, Sequence[str]]) -> dict[str, NDArray[Any]]:
    """Return those columns of a NumPy archive that it has; each has one of its ``dtypes`` and one dimension.

    Its members are not compressed: all of them are no larger than the file. Raises BadData, OSError.
    """
    with opened(path, limit) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            _check_directory(file, size)
            archive = ZipFile(file)
            members = archive.NameToInfo
            for name, each in members.items():
                is_stored = each.compress_type == ZIP_STORED and each.compress_size == each.file_size
                if not is_stored or each.flag_bits & 1:
                    raise BadData(name.removesuffix(".npy"), "is compressed")
            if sum(each.file_size for each in members.values()) > size:
                raise BadData("", "its columns are larger than the file")
        except BadData:
            raise
        except Exception as error:  # whatever the library makes of hostile bytes
            raise BadData("", f"is not an archive of NumPy ({error})") from error
        found = {}
        for name, allowed in dtypes.items():
            member = members.get(f"{name}.npy")
            if member is None:
                continue
            try:
                with archive.open(member) as column:
                    found[name] = _column(name, column.read(member.file_size), allowed)
            except BadData:
                raise
            except Exception as error:
                raise BadData(name, f"is not a column of NumPy ({error})") from error
    return found


def _check_directory(file: BinaryIO, size: int) -> None:
    """Raise BadData where the archive's list of members is longer than any of ours."""
    tail = min(size, _END + _LOCATOR)
    file.seek(-tail, os.SEEK_END)
    locator, end = (data := file.read(tail))[:-_END], data[-_END:]
    if len(end) < _END or not end.startswith(b"PK\5\6") or end[-2:] != b"\0\0":
        raise BadData("", "is not an archive of NumPy, or its end is missing")
    if locator.startswith(b"PK\6\7") or int.from_bytes(end[12:16], "little") > MAX_DIRECTORY:
        raise BadData("", "has too many members")


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read the header of a column: its shape and type."""
    length = file.read(2)
    return _parsed(length + file.read(int.from_bytes(length, "little")))


@lru_cache(maxsize=256)
def _parsed(header: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type that a header of version (1, 0) gives: most columns of a file have the same one."""
    shape, _, dtype = np.lib.format.read_array_header_1_0(BytesIO(header))
    return shape, dtype


def _column(name: str, data: bytes, allowed: Sequence[str]) -> NDArray[Any]:
    header = BytesIO(data)
    version = np.lib.format.read_magic(header)
    if version != (1, 0):
        raise BadData(name, f"has version {version} of NumPy's format, not (1, 0)")
    shape, dtype = _header(header)
    if dtype not in [np.dtype(each) for each in allowed]:
        raise BadData(name, f"is {dtype}, not {' or '.join(allowed)}")
    if len(shape) != 1 or shape[0] * dtype.itemsize != len(data) - header.tell():
        raise BadData(name, f"is not one column of {dtype}")
    return np.frombuffer(data, dtype, offset=header.tell())
