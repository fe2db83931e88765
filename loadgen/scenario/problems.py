"""What is wrong with a scenario, reported all at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rapidfuzz import fuzz, process

from loadgen.secrets import mask

Path = tuple[str | int, ...]
LONGEST = 600


class Problem(NamedTuple):
    """One problem: ``where`` is ``file:line`` or the flag, ``key`` the path to the value."""

    where: str
    key: str
    wrong: str
    right: str

    def __str__(self) -> str:
        return ": ".join(map(_shown, (self.where, self.key, f"{self.wrong}; {self.right}")))


class ScenarioError(Exception):
    """The scenario cannot be run. ``problems`` has all that is wrong; the message has one on each line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def masked(problems: Iterable[Problem], secrets: Iterable[str]) -> list[Problem]:
    """Return the problems by line, without duplicates and without secrets."""
    hidden = frozenset(secrets)
    masked = (p._replace(wrong=mask(p.wrong, hidden), right=mask(p.right, hidden)) for p in problems)
    return list(dict.fromkeys(sorted(masked, key=_line)))


def dotted(path: Path) -> str:
    """Return ``("clients", 1, "loop")`` as ``clients[1].loop``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "scenario"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word nearest to ``word``; ``None`` where none is near."""
    found = process.extractOne(word, list(known), scorer=fuzz.ratio, processor=str.lower, score_cutoff=60)
    return found[0] if found else None


def choose(word: str, known: Iterable[str]) -> str:
    """Return the nearest known word as a hint, or all of them."""
    known = list(known)
    near = nearest(word, known)
    return f"did you mean {near}?" if near else f"one of {', '.join(known)}"


def _line(problem: Problem) -> tuple[str, int]:
    place, _, line = problem.where.rpartition(":")
    return (place, int(line)) if line.isascii() and line.isdecimal() else (problem.where, 0)


def _shown(text: str) -> str:
    # A key or a file name may hold line breaks and terminal escapes, and be a megabyte long.
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
