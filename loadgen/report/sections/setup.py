"""What was run, and where: what differs from the defaults, machine, versions, workers, prompts, the order of cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from loadgen.analysis.differences import facts, text
from loadgen.model import AUTO, Load, Prediction, RunInfo, Scenario, Simulator, Target, Workload
from loadgen.report.blocks import Bullets, Cell, Column, Details, Facts, Heading, Row, Table, Text
from loadgen.report.columns import level_text, where
from loadgen.report.language import _, plural
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences.server import described
from loadgen.report.text import clauses, joined, number

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
            named = [scenario.workload.model] if scenario.workload.names_model else []
            said = list(described(info.server)) if info.server else named
            lines = [
                (_("Target"), joined([target, *scenario.protocols, *said])),
                (
                    _("Machine"),
                    _("{processor}, {cores} cores, Python {python}").format(
                        processor=machine.processor,
                        cores=machine.cores,
                        python=info.versions.get("python"),
                    ),
                ),
                (_("Started"), info.started),
                *([(_("Resumed"), joined(info.resumed))] if info.resumed else []),
                ("loadgen", info.loadgen),
            ]
            yield Facts({"": [(name, str(value)) for name, value in lines]})
            return
        yield from configuration(info)
        if view.distributed:
            yield Facts({_("workers"): _workers(view)})
        if rows := _order(view):
            headings = _("cell"), _("client"), _("level"), _("round"), _("ended early")
            if not any(row[-1] for row in rows):
                rows = [row[:-1] for row in rows]
            columns = [Column(headings[n], text=n in (1, 4)) for n in range(len(rows[0]))]
            yield Details(_("Cells in the order in which they ran"), [Table(columns, {"": rows})])


def configuration(info: RunInfo) -> Iterable[Block]:
    """Yield run.json but for its cells: first what differs from the defaults, then machine and versions."""
    named = ("name", "state", "failure", "started", "ended", "resumed", "url", "seed")
    run = [(name, value) for name in named if (value := text(getattr(info, name)))]
    clients = {core for cell in info.cells for core in cell.cores}
    for name, cores in ((_("cores of the clients"), clients), (_("cores of the server"), info.server_cores)):
        if cores:
            run.append((name, joined(map(str, sorted(cores)))))
    usual = dict(facts(replace(info, scenario=_defaults(info.scenario))))
    groups: Groups = {_("differs from the defaults"): [], _("as by default"): []}
    for path, value in facts(info):
        title, _dot, name = path.partition(".")
        if not (shown := text(value)):
            continue
        if title == "scenario":
            title = _("as by default") if shown == text(usual.get(path)) else _("differs from the defaults")
        groups.setdefault(_(title) if name else _("run"), []).append((name or path, shown))
    default = groups.pop(_("as by default"))
    groups[_("run")] = run + groups.get(_("run"), [])
    yield Facts(groups)
    if engines := _engines(info):
        yield Facts({_("engines, each with a core"): engines})
    prompts = [prompt for prompt in info.scenario.workload.prompts if str(prompt)]
    if prompts:
        yield Heading(_("Prompts"))
        yield Bullets([str(prompt) for prompt in prompts[:PROMPTS]])
    if len(prompts) > PROMPTS:
        yield Text(_("and {n} more").format(n=len(prompts) - PROMPTS))
    yield Details(_("Settings that are as by default"), [Facts({"": default})])


def _engines(info: RunInfo) -> list[tuple[str, str]]:
    """Return how many engines each client had at each level, and why; nothing where all had one, as by default."""
    if info.scenario.engines == 1:
        return []
    why = {(each.client, each.level): each for each in info.predictions}
    found = {(cell.client, cell.level): cell.engines for cell in info.cells if not cell.client.control}
    return [
        (
            where(client, level),
            _why(engines, why.get((client, level)), auto=info.scenario.engines == AUTO),
        )
        for (client, level), engines in sorted(found.items(), key=lambda each: (each[0][0].label, each[0][1]))
    ]


def _why(engines: int, of: Prediction | None, *, auto: bool) -> str:
    """Return a number of engines, and why it was chosen."""
    text = "{engines}"
    if of is not None:
        text = _("{engines}; predicted to need {cores} cores")
        if auto and of.lacks(engines):
            text = _("{engines}, as many as there are cores for; predicted to need {cores} cores")
    elif auto:
        text = _("{engines}; how many cores it needs is not known")
    return text.format(engines=engines, cores=number(of.cores if of else None))


def _defaults(scenario: Scenario) -> Scenario:
    """Return a scenario that sets nothing but what kind of target it has."""
    target = Target(simulator=Simulator() if scenario.target.simulator else None)
    return Scenario(name="", target=target, clients=(), levels=(), workload=Workload(prompts=(), load=Load()))


def _workers(view: View) -> list[tuple[str, str]]:
    """Return what each worker did, and what became of it."""
    shown = []
    for worker in dict.fromkeys(m.recording.worker for repeat in view.order for m in repeat.parts):
        parts = [part for part in view.run.recordings if part.worker == worker]
        streams = plural(sum(len(part.streams) for part in parts), "{n} stream", "{n} streams")
        cells = plural(len(parts), "{n} cell", "{n} cells")
        ended = dict.fromkeys(part.ended for part in parts if part.ended)
        shown.append((worker, clauses([joined([streams, cells]), *ended])))
    return shown


def _order(view: View) -> list[Row]:
    """Return a row per cell, in the order in which they ran."""
    rows: list[Row] = []
    for place, repeat in enumerate(view.order, 1):
        recording = repeat.recording
        ended = [
            f"{part.recording.worker}: {part.recording.ended}"
            if part.recording.worker
            else part.recording.ended
            for part in repeat.parts
            if part.recording.ended
        ]
        ended = list(dict.fromkeys(ended))
        rows.append(
            [
                str(place),
                Cell(recording.client.label, client=recording.client),
                level_text(recording.level),
                str(recording.repeat + 1),
                clauses(ended),
            ]
        )
    return rows
