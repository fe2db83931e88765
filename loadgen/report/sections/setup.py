"""What was run, and where: configuration, machine, versions, workers, prompts."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.analysis.differences import facts, text
from loadgen.model import RunInfo
from loadgen.report.blocks import Bullets, Facts, Heading, Text
from loadgen.report.language import _, plural
from loadgen.report.sections.section import Block, Form, Section, View

PROMPTS = 5

Groups = dict[str, list[tuple[str, str]]]


class Setup(Section):
    id = "setup"
    title = "What was run, and where"
    short = "Setup"
    forms = frozenset({"html", "markdown"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        info = view.run.info
        scenario, machine = info.scenario, info.machine
        if form == "markdown":
            target = scenario.target.url or _("the embedded simulator")
            lines = [
                (_("Target"), f"{target}, {scenario.workload.protocol}, {scenario.workload.model}"),
                (
                    _("Machine"),
                    f"{machine.processor}, {machine.cores} cores, Python {info.versions.get('python')}",
                ),
                (_("Started"), info.started),
                ("loadgen", info.loadgen),
            ]
            yield Facts({"": [(name, str(value)) for name, value in lines]})
            return
        yield Facts(groups(info) | _workers(view))
        prompts = scenario.workload.prompts
        if prompts:
            yield Heading(_("Prompts"))
            yield Bullets(prompts[:PROMPTS])
        if len(prompts) > PROMPTS:
            yield Text(_("and {n} more").format(n=len(prompts) - PROMPTS))


def groups(info: RunInfo) -> Groups:
    """Return run.json but for prompts and cells, by part: dotted names and values."""
    named = ("name", "state", "failure", "started", "ended", "url", "seed")
    parts: Groups = {_("run"): [(name, value) for name in named if (value := text(getattr(info, name)))]}
    for path, value in facts(info):
        title, _dot, name = path.partition(".")
        if shown := text(value):
            parts.setdefault(_(title) if name else _("run"), []).append((name or path, shown))
    return parts


def _workers(view: View) -> Groups:
    """Return what each worker did, and what became of it; nothing where there were none."""
    if not view.distributed:
        return {}
    shown = []
    for worker in dict.fromkeys(m.recording.worker for repeat in view.order for m in repeat.parts):
        parts = [part for part in view.run.recordings if part.worker == worker]
        streams = plural(sum(len(part.streams) for part in parts), "{n} stream", "{n} streams")
        cells = plural(len(parts), "{n} cell", "{n} cells")
        ended = dict.fromkeys(part.ended for part in parts if part.ended)
        shown.append((worker, "; ".join([f"{streams}, {cells}", *ended])))
    return {_("workers"): shown}
