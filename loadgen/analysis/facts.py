"""run.json as dotted names and values, for the report's configuration and for comparing two runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from loadgen.model import RunInfo, Stage


def facts(info: RunInfo) -> Iterator[tuple[str, Any]]:
    """Yield every setting of the run but its prompts and cells, keys as in the scenario file."""
    scenario = info.scenario
    workload = asdict(scenario.workload)
    del workload["prompts"]
    shown = {
        "name": scenario.name,
        "target": asdict(scenario.target),
        "clients": [client.label for client in scenario.clients],
        "concurrency": [level.streams for level in scenario.levels if level.streams is not None],
        "rate": [level.rate for level in scenario.levels if level.rate is not None],
        **workload,
        "repeats": scenario.repeats,
        "thresholds": [threshold.text for threshold in scenario.thresholds],
        "answers": scenario.answers,
        "seed": scenario.seed,
        "source": scenario.source,
    }
    shown["load"]["stages"] = list(_stages(scenario.workload.load.stages))
    yield from _flat(info.loadgen, "loadgen")
    yield from _flat(shown, "scenario")
    yield from _flat(info.versions, "versions")
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


def _stages(stages: tuple[Stage, ...]) -> Iterator[str]:
    before = 0
    for stage in stages:
        if stage.to == before:
            yield f"hold {stage.over:g} s"
        else:
            yield f"to {stage.to:,} over {stage.over:g} s" if stage.over else f"to {stage.to:,} at once"
        before = stage.to


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}")
    else:
        yield path, value
