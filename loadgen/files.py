"""Files that appear complete or not at all, and files without a name."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file that replaces ``path`` when the block ends well, and leaves it as it was otherwise.

    Raises OSError.
    """
    name = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    # Not tempfile, whose files are the owner's alone: this one has the mode that the umask leaves.
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def scratch() -> BinaryIO:
    """Open a temporary file; where no folder takes one, a file that keeps nothing."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "r+b")
