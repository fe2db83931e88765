"""The settings and the machine of a run, how those of two runs differ, and whether the two can be compared at all.

Everything in the scenario that determines the load or the answers must agree, and the machine must be the same.
Versions may differ, and what the server says of itself, since they are often what is compared; so may clients, levels,
repeats and thresholds, since only what both runs have is compared, and objectives, since both are judged by the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadgen.model import RateStage, Run, RunInfo, Stage

_OTHER = (
    "name", "source", "seed", "clients", "concurrency", "rate", "engines", "repeats", "remeasure", "thresholds",
    "answers", "study", "slo", "stop", "target.metrics",
)  # fmt: skip
MAY_DIFFER = ("loadgen.", "versions.", "server.", "machine.python.", *(f"scenario.{key}." for key in _OTHER))
MAX_SHOWN = 60  # characters of a value in a message
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
    one, other = (
        dict(facts(run.info))
        | {
            "scenario.prompts": [*map(str, run.info.scenario.workload.prompts)],
            "workers": len({recording.worker for recording in run.recordings if recording.worker}),
        }
        for run in (base, head)
    )
    return [
        Difference(key, text(one.get(key)), text(other.get(key)), not f"{key}.".startswith(MAY_DIFFER))
        for key in dict.fromkeys([*one, *other])
        if not _same(key, one.get(key), other.get(key))
    ]


def not_resumable(base: RunInfo, head: RunInfo) -> list[str]:
    """Return what keeps the run ``base`` from being completed as ``head``, each in words: whatever changes figures.

    That is the scenario but for its file's name, loadgen and its libraries, the machine, and the server, but for what
    that knows only while the model is in memory.
    """
    one, other = (Run(folder=Path(), info=info, recordings=()) for info in (base, head))
    return [
        f"{each.key}: {_short(each.base)}, now {_short(each.head)}"
        for each in differences(one, other)
        if each.key not in ("scenario.source", "server.memory")
        and not (each.key in ("server.context", "server.processor") and "" in (each.base, each.head))
    ]


def _short(shown: str) -> str:
    return (shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…") or "nothing"


def schedules_agree(base: Run, head: Run) -> bool:
    """Return whether a repeat of one run started its streams when the same repeat of the other did."""
    return not any(
        d.key == "scenario.seed" or (d.blocking and d.key.startswith(("scenario.", "workers")))
        for d in differences(base, head)
    )


def _same(key: str, one: Any, other: Any) -> bool:
    if key == "machine.memory_kib" and one and other:
        return bool(abs(one - other) <= _MEMORY_SHARE * max(one, other))
    return one == other or not (text(one) or text(other))


def facts(info: RunInfo) -> Iterator[tuple[str, Any]]:
    """Yield every setting of the run but its prompts and cells, keys as in the scenario file."""
    scenario = info.scenario
    workload = asdict(scenario.workload)
    del workload["prompts"], workload["calibration"]
    prompts = {key: workload.pop(key) for key in ("synthetic", "conversations", "unique")}
    target = asdict(scenario.target)
    if target["simulator"]:
        del target["simulator"]["served"]  # the request and the events once more
    shown = {
        "name": scenario.name,
        "target": target,
        "clients": [client.label for client in scenario.clients],
        "concurrency": [level.streams for level in scenario.levels if level.streams is not None],
        "rate": [level.rate for level in scenario.levels if level.rate is not None],
        **workload,
        "prompts": {**prompts, "unique": "prefix" if prompts["unique"] else "off"},
        "engines": scenario.engines,
        "repeats": scenario.repeats,
        "remeasure": scenario.remeasure,
        "thresholds": [threshold.text for threshold in scenario.thresholds],
        "answers": scenario.answers,
        "seed": scenario.seed,
        "source": scenario.source,
    }
    load = scenario.workload.load
    shown["load"]["stages"] = [*_stages(load.stages), *_stages(load.rates, "/s")]
    del shown["load"]["rates"]
    yield from _flat(info.loadgen, "loadgen")
    yield from _flat(shown, "scenario")
    yield from _flat(info.versions, "versions")
    if info.server:
        said = asdict(info.server)
        sizes = [said.pop(f"{what}_bytes") for what in ("size", "vram")]
        said["memory"] = None if sizes[0] is None else f"{sizes[0] / 2**20:,.0f} MiB"
        yield from _flat({**said, "processor": info.server.processor}, "server")
    yield from _flat(asdict(info.machine), "machine")


def text(value: Any) -> str:
    """Return a value as people write it; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _stages(stages: Sequence[Stage | RateStage], unit: str = "") -> Iterator[str]:
    before: float = 0
    for stage in stages:
        to = f"{stage.to:,g}{unit}" if unit else f"{stage.to:,}"
        if stage.to == before:
            yield f"hold {stage.over:g} s"
        else:
            yield f"to {to} over {stage.over:g} s" if stage.over else f"to {to} at once"
        before = stage.to


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}")
    else:
        yield path, value
