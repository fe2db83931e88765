"""How the settings and machines of two runs differ, and whether they can be compared at all.

Everything in the scenario that determines the load or the answers must agree, and the machine must be the same.
Versions may differ, since they are often what is compared; so may clients, levels, repeats and thresholds, since only
what both runs have is compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loadgen.analysis.facts import facts, text
from loadgen.model import Run

MAY_DIFFER = (  # dotted paths, and what is below them
    "loadgen.",
    "versions.",
    "machine.python.",
    "scenario.name.",
    "scenario.source.",
    "scenario.seed.",
    "scenario.clients.",
    "scenario.concurrency.",
    "scenario.rate.",
    "scenario.repeats.",
    "scenario.thresholds.",
    "scenario.answers.",
)
_MEMORY_SHARE = 0.05  # kernels report the memory of one machine differently by less


@dataclass(frozen=True, slots=True)
class Difference:
    """``key`` is the dotted path; a side that lacks it has an empty text. ``blocking``: it forbids a comparison."""

    key: str
    base: str
    head: str
    blocking: bool


def differences(base: Run, head: Run) -> list[Difference]:
    """Return the differences in the order of run.json, but for times, folders and the port of the simulator."""
    one, other = dict(_facts(base)), dict(_facts(head))
    return [
        Difference(
            key, text(one.get(key)), text(other.get(key)), blocking=not f"{key}.".startswith(MAY_DIFFER)
        )
        for key in dict.fromkeys([*one, *other])
        if not _same(key, one.get(key), other.get(key))
    ]


def schedules_agree(base: Run, head: Run) -> bool:
    """Return whether a repeat of one run started its streams when the same repeat of the other did."""
    found = differences(base, head)
    return not any(
        d.key == "scenario.seed" or (d.blocking and d.key.startswith(("scenario.", "workers"))) for d in found
    )


def _facts(run: Run) -> Iterator[tuple[str, Any]]:
    yield from facts(run.info)
    yield "scenario.prompts", run.info.scenario.workload.prompts
    yield "workers", len({r.worker for r in run.recordings if r.worker})


def _same(key: str, one: Any, other: Any) -> bool:
    if key == "machine.memory_kib" and one and other:
        return bool(abs(one - other) <= _MEMORY_SHARE * max(one, other))
    return one == other or not (text(one) or text(other))
