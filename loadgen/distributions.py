"""What is installed beside loadgen, and what each client needs of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import loadgen
from loadgen import clients, protocols
from loadgen.model import ClientId

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

ENGINE = ("msgspec", "certifi")  # distributions that an engine may use, whichever client it runs


def extra(name: str) -> list[Requirement]:
    """Return what an extra of loadgen installs, ``""`` what loadgen itself does. Raises LookupError."""
    try:
        installed = metadata.distribution("loadgen")
    except metadata.PackageNotFoundError:
        raise LookupError("loadgen is not installed") from None
    about = installed.metadata
    source = Path(loadgen.__file__).parents[1] / "pyproject.toml"
    if source.exists() and any(
        each.name == "METADATA" and Path(str(each.locate())).stat().st_mtime < source.stat().st_mtime
        for each in installed.files or ()
    ):
        raise LookupError(f"the installed loadgen is older than {source}")
    known = {canonicalize_name(each) for each in about.get_all("Provides-Extra") or ()}
    if name and canonicalize_name(name) not in known:
        raise LookupError(f"the installed loadgen {about['Version']} has no extra {name}")
    own = list(_applying(about.get_all("Requires-Dist") or (), ()))
    if not name:
        return own
    return [each for each in _applying(about.get_all("Requires-Dist") or (), (name,)) if each not in own]


def needs(client: ClientId) -> list[Requirement]:
    """Return what a client needs beside loadgen, its engine included. Raises LookupError as :func:`extra`."""
    known = clients.info(client.name)
    found = extra(known.extra) if known.extra else []
    driver = clients.runtime_dependency(client)
    wanted = filter(None, (known.distribution, driver, *ENGINE[:1]))
    pins = {each.name: each for each in (*extra(""), *extra("floor"))}
    names = {each.name for each in found}
    return found + [pins.get(each, Requirement(each)) for each in dict.fromkeys(wanted) if each not in names]


@cache
def hidden(client: ClientId, protocol: str) -> tuple[str, ...]:
    """Return the top-level modules here that are of no distribution which the client needs.

    A library picks up what it finds: with these hidden, it finds what it would find alone. Empty where the installed
    loadgen does not say what the client needs.
    """
    try:
        roots = needs(client)
    except LookupError:
        return ()
    plugins = [
        point.dist.name
        for group, name in ((clients.GROUP, client.name), (protocols.GROUP, protocol))
        for point in metadata.entry_points(group=group, name=name)
        if point.dist is not None
    ]
    own = closure([*roots, *map(Requirement, [*ENGINE, *plugins])]) | {"loadgen"}
    return tuple(sorted(module for module, owners in modules().items() if not owners & own))


def closure(roots: Iterable[Requirement]) -> set[str]:
    """Return the names of the installed distributions that ``roots`` bring, directly or not."""
    seen: set[tuple[str, str]] = set()
    left = [(each, sub) for each in roots for sub in ("", *each.extras)]
    while left:
        requirement, sub = left.pop()
        key = canonicalize_name(requirement.name), sub
        if key in seen:
            continue
        seen.add(key)
        try:
            lines = metadata.requires(requirement.name) or []
        except metadata.PackageNotFoundError:
            continue
        found = _applying(lines, (sub,) if sub else ())
        left += [(each, its) for each in found for its in ("", *each.extras)]
    return {name for name, _ in seen}


def _applying(lines: Iterable[str], extras: Sequence[str]) -> Iterator[Requirement]:
    """Yield the requirements that apply here with the extras, without their markers."""
    for line in lines:
        found = Requirement(line)
        if found.marker is None or any(found.marker.evaluate({"extra": each}) for each in extras or ("",)):
            found.marker = None
            yield found


@cache
def modules() -> dict[str, AbstractSet[str]]:
    """Return the distributions of each top-level module that is installed here."""
    return {
        module: {canonicalize_name(name) for name in names}
        for module, names in metadata.packages_distributions().items()
    }
