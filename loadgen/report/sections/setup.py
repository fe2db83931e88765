"""What was run, and where: configuration, machine, versions, workers, prompts."""

from __future__ import annotations

from typing import Any

from loadgen.analysis.facts import facts, text
from loadgen.model import RunInfo
from loadgen.report import markdown
from loadgen.report.sections.section import Section, View
from loadgen.report.text import several

Facts = dict[str, list[tuple[str, str]]]

PROMPTS = 5


class Setup(Section):
    id = "setup"
    title = "What was run, and where"
    short = "Setup"

    def context(self, view: View) -> dict[str, Any]:
        return {"facts": _facts(view.run.info) | _workers(view), "shown": PROMPTS}

    def markdown(self, view: View) -> str:
        info = view.run.info
        target = info.scenario.target.url or "the embedded simulator"
        lines = {
            "Target": f"{target}, {info.scenario.workload.protocol}, {info.scenario.workload.model}",
            "Machine": f"{info.machine.processor}, {info.machine.cores} cores, Python {info.versions.get('python')}",
            "Started": info.started,
            "loadgen": info.loadgen,
        }
        return markdown.bullets(f"{name}: {value}" for name, value in lines.items())


def _facts(info: RunInfo) -> Facts:
    """Return run.json but for prompts and cells, by part: dotted names and values."""
    named = ("name", "state", "failure", "started", "ended", "url", "seed")
    parts: Facts = {"run": [(name, value) for name in named if (value := text(getattr(info, name)))]}
    for path, value in facts(info):
        title, _, name = path.partition(".")
        if shown := text(value):
            parts.setdefault(title if name else "run", []).append((name or path, shown))
    return parts


def _workers(view: View) -> Facts:
    """Return what each worker did, and what became of it; nothing where there were none."""
    if not view.distributed:
        return {}
    workers = dict.fromkeys(m.recording.worker for repeat in view.order for m in repeat.parts)
    shown = []
    for worker in workers:
        parts = [part for part in view.run.recordings if part.worker == worker]
        streams = several(sum(len(part.streams) for part in parts), "stream")
        ended = dict.fromkeys(part.ended for part in parts if part.ended)
        shown.append((worker, "; ".join([f"{streams} in {several(len(parts), 'cell')}", *ended])))
    return {"workers": shown}
