"""What two runs were told and where they ran, laid side by side: may their figures be compared at all?

Of the scenario, all that shapes the load or the answers must agree, and the machine must be the same. Versions
may differ, since they are often what one wants to compare; so may the clients, levels, repeats and thresholds,
since only what both runs have is compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loadgen.analysis.facts import facts, text
from loadgen.model import Run

# What may differ, by its path.
FREE = (
    "loadgen",
    "versions",
    "machine.python",
    "scenario.name",
    "scenario.source",
    "scenario.seed",
    "scenario.clients",
    "scenario.concurrency",
    "scenario.rate",
    "scenario.repeats",
    "scenario.thresholds",
    "scenario.answers",
)
_MEMORY = 0.05  # kernels of one machine tell its memory differently by less than this share


@dataclass(frozen=True, slots=True)
class Difference:
    """``key`` is the dotted path; a side that lacks it has an empty text. ``grave``: not comparable for it."""

    key: str
    base: str
    head: str
    grave: bool


def differences(base: Run, head: Run) -> list[Difference]:
    """In the order of run.json. Times, folders and the port of the embedded simulator are none."""
    one, other = dict(_facts(base)), dict(_facts(head))
    return [
        Difference(key, text(one.get(key)), text(other.get(key)), not _free(key))
        for key in dict.fromkeys([*one, *other])
        if not _same(key, one.get(key), other.get(key))
    ]


def schedules_agree(base: Run, head: Run) -> bool:
    """Whether a repeat of one run started its streams when the same repeat of the other did."""
    found = differences(base, head)
    return not any(
        d.key == "scenario.seed" or (d.grave and d.key.startswith(("scenario.", "workers"))) for d in found
    )


def _facts(run: Run) -> Iterator[tuple[str, Any]]:
    yield from facts(run.info)
    yield "scenario.prompts", run.info.scenario.workload.prompts
    yield "workers", len({r.worker for r in run.recordings if r.worker})


def _free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in FREE)


def _same(key: str, one: Any, other: Any) -> bool:
    if key == "machine.memory_kib" and one and other:
        return bool(abs(one - other) <= _MEMORY * max(one, other))
    return one == other or not (text(one) or text(other))
