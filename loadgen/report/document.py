"""The document of a run: what every form of its report prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from loadgen.model import Level, RunInfo, Scenario
from loadgen.report.blocks import Document, Form
from loadgen.report.columns import level_text
from loadgen.report.language import _, plural
from loadgen.report.sections import parts
from loadgen.report.sentences.server import described
from loadgen.report.text import duration
from loadgen.report.view import View


def document(view: View, form: Form) -> Document:
    """Return the run's report for that form."""
    from loadgen.report.renderers import csv

    return Document(
        title=view.run.info.scenario.name or view.run.folder.name,
        kind=_("Streaming load test"),
        about=about(view.run.info, len({r.worker for r in view.run.recordings if r.worker})),
        parts=parts(view, form),
        styles=view.styles,
        footer=_(
            "The data of this page is in `summary.csv`, `streams.csv`, `samples.csv` and `run.json` beside it. "
            "`loadgen report` makes them again from the run folder."
        ),
        files={"summary.csv": csv.summary(view)} if form == "html" else {},
    )


def summary(view: View) -> Document:
    """Return what a command prints last."""
    return Document(
        title="  ".join(_what(view)),
        kind="",
        parts=parts(view, "summary"),
        styles=view.styles,
    )


def _what(view: View) -> Iterable[str]:
    """Return what was run: the scenario, how much of it, against what, for how long."""
    info = view.run.info
    scenario = info.scenario
    yield scenario.name or view.run.folder.name
    yield size(scenario, list(view.levels) or scenario.levels)
    yield target(scenario)
    if time := took(info):
        yield time


def size(scenario: Scenario, levels: Sequence[Level]) -> str:
    """Return ``4 clients × 1 to 100 streams × 3 rounds``."""
    clients = sum(not client.control for client in scenario.clients)
    between = _("{low} to {high}").format(low=f"{levels[0].value:,g}", high=level_text(levels[-1]))
    return " × ".join(
        [
            plural(clients, "{n} client", "{n} clients"),
            level_text(levels[0]) if len(levels) == 1 else between,
            plural(scenario.repeats, "{n} round", "{n} rounds"),
        ]
    )


def target(scenario: Scenario) -> str:
    """Return the server that is measured."""
    return scenario.target.url or _("embedded simulator")


def took(info: RunInfo) -> str:
    """Return how long the run took, such as ``1m32s``; empty where that is unknown, or it was resumed."""
    if info.resumed:
        return ""
    try:
        ran = datetime.fromisoformat(info.ended or "") - datetime.fromisoformat(info.started)
    except ValueError:
        return ""
    return duration(ran.total_seconds())


def html(view: View) -> str:
    """Return ``report.html``."""
    from loadgen.report.renderers import html

    return html.report(document(view, "html"))


def _moment(stamp: str) -> str:
    """Return an ISO time as people write it; as it is where it is none."""
    try:
        moment = datetime.fromisoformat(stamp).astimezone(UTC)
    except ValueError:
        return stamp
    return _("{moment.day} {moment:%B %Y, %H:%M} UTC").format(moment=moment)


def about(info: RunInfo, workers: int = 0) -> list[str]:
    """Return the lines below the title: when, the target, the protocol, the model, the machine, the workers."""
    scenario, machine = info.scenario, info.machine
    used = scenario.protocols
    named = [scenario.workload.model] if scenario.workload.names_model else []
    found = (
        _moment(info.started),
        scenario.target.url or (_("the embedded simulator") if scenario.target.simulator else None),
        used[0] if len(used) == 1 else plural(len(used), "{n} protocol", "{n} protocols"),
        *(described(info.server) if info.server else named),
        machine.processor,
        plural(machine.cores, "{n} core", "{n} cores") if machine.cores else None,
        plural(workers, "{n} worker", "{n} workers") if workers else None,
    )
    return list(filter(None, found))
