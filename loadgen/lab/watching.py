"""Watch the server beside the streams, where the scenario says how, or its GPUs are this machine's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec

from loadgen import store
from loadgen.lab import engine, plan
from loadgen.lab.lifecycle import RunWriter
from loadgen.model import Cell, Scenario, Source
from loadgen.preflight.requirements import Refused
from loadgen.watch.nvidia import Nvidia
from loadgen.watch.process import Watcher
from loadgen.watch.sources import Wanted


def require(scenario: Scenario) -> None:
    """Raise Refused where the scenario names metrics that nothing installed can read."""
    if scenario.target.metrics is not None and find_spec("prometheus_client") is None:
        raise Refused('target.metrics needs prometheus-client; install it: pip install "loadgen[prometheus]"')


@contextlib.contextmanager
def watching(
    scenario: Scenario, cell: Cell, writer: RunWriter, note: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Watch while the block runs; yield what to call between cells, which notes a source that gives nothing, once."""
    has_gpus = not cell.simulated and engine.is_here(cell.url) and Nvidia.of_this_host() is not None
    if scenario.target.metrics is None and not has_gpus:
        yield lambda: None
        return
    file = store.watched_file(len({each.file for each in writer.info.watched}))
    named: set[str] = set()

    def hear(found: Sequence[Source]) -> None:
        if found:
            writer.watched(found)
        for each in found:
            if each.why and each.name not in named:
                named.add(each.name)
                name = writer.shown(each.url or each.name)
                note(f"{name}: {writer.shown(each.why)}; the run goes on without it")

    metrics = scenario.target.metrics
    headers: Mapping[str, str] = {}
    if metrics is not None:
        url, headers = plan.without_user(metrics.url, {})
        metrics = replace(metrics, url=url)
    wanted = Wanted(
        file=str(writer.folder / file),
        cell=replace(cell, workload=replace(cell.workload, prompts=())),
        metrics=metrics,
        headers=headers,
        nvidia=has_gpus,
        secrets=tuple(scenario.secrets),
    )
    with Watcher(wanted) as watcher:
        hear(watcher.await_first())
        yield lambda: hear(watcher.sources())
        hear(watcher.stop())
