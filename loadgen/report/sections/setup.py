"""What was run, and where: configuration, machine, versions, workers, prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadgen.analysis.facts import facts, text
from loadgen.report import markdown
from loadgen.report.page import TEXT
from loadgen.report.sections.section import Page, Section, View
from loadgen.report.text import plain

if TYPE_CHECKING:
    from loadgen.model import Recording, RunInfo

    Facts = list[tuple[str, list[tuple[str, str]]]]

PROMPTS = 5


class Setup(Section):
    id = "setup"
    title = "What was run, and where"
    short = "Setup"

    def html(self, view: View, page: Page) -> str:
        prompts = view.run.info.scenario.workload.prompts
        return page.section(
            self.id,
            facts=[*_facts(view.run.info), *_workers(view)],
            prompts=[plain(prompt, TEXT) for prompt in prompts[:PROMPTS]],
            more=max(0, len(prompts) - PROMPTS),
        )

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
    """Return run.json but for prompts and cells, as lists of dotted names and values."""
    parts: dict[str, list[tuple[str, str]]] = {
        "run": [
            (name, plain(value, TEXT))
            for name in ("name", "state", "failure", "started", "ended", "url", "seed")
            if (value := text(getattr(info, name)))
        ]
    }
    for path, value in facts(info):
        title, _, name = path.partition(".")
        if shown := text(value):
            of = parts.setdefault(plain(title if name else "run"), [])
            of.append((plain(name or path, 80), plain(shown, TEXT)))
    return [(title.capitalize(), of) for title, of in parts.items() if of]


def _workers(view: View) -> Facts:
    """Return what each worker did, and what became of it; nothing where there were none."""
    if not view.distributed:
        return []
    by_worker: dict[str, list[Recording]] = {}
    for repeat in view.order:
        for m in repeat.parts:
            by_worker.setdefault(m.recording.worker, []).append(m.recording)
    shown = []
    for worker, parts in by_worker.items():
        streams = sum(len(part.streams.slot) for part in parts)
        ended = "; ".join(dict.fromkeys(part.ended for part in parts if part.ended))
        work = f"{streams:,} streams in {len(parts):,} cell{'' if len(parts) == 1 else 's'}"
        shown.append((plain(worker, 80), plain(f"{work}; {ended}" if ended else work, TEXT)))
    return [("Workers", shown)]
