"""Distributions of others, with clients and protocols that come in through entry points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    source: str,
    *,
    clients: Mapping[str, str] | None = None,
    protocols: Mapping[str, str] | None = None,
    requires: Sequence[str] = (),
) -> None:
    """Make a distribution of one module, version 1.2, known here and to processes started from here.

    ``clients`` and ``protocols`` are entry points: name -> class of the module. It ``requires`` other distributions.
    """
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    needed = "".join(f"Requires-Dist: {name}\n" for name in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n{needed}")
    groups = {"loadgen.clients": clients or {}, "loadgen.protocols": protocols or {}}
    lines = [
        line
        for group, points in groups.items()
        for line in [f"[{group}]", *(f"{name} = {module}:{attribute}" for name, attribute in points.items())]
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
