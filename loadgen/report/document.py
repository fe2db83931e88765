"""The document of a run: what every form of its report prints."""

from __future__ import annotations

from datetime import UTC, datetime

from loadgen.report.blocks import Document, Form
from loadgen.report.language import _, plural
from loadgen.report.sections import parts
from loadgen.report.view import View


def document(view: View, form: Form) -> Document:
    """Return the run's report for that form."""
    return Document(
        title=view.run.info.scenario.name or view.run.folder.name,
        kind=_("Streaming load test"),
        about=_about(view),
        parts=parts(view, form),
        styles=view.styles,
        footer=_(
            "The data of this page is in `summary.csv`, `streams.csv`, `samples.csv` and `run.json` beside it. "
            "`loadgen report` makes them again from the run folder."
        ),
    )


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
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _about(view: View) -> list[str]:
    """Return the lines below the title: when, the target, the protocol, the model, the machine, the workers."""
    scenario, machine = view.run.info.scenario, view.run.info.machine
    workers = len({r.worker for r in view.run.recordings if r.worker})
    found = (
        _moment(view.run.info.started),
        scenario.target.url or (_("the embedded simulator") if scenario.target.simulator else None),
        scenario.workload.protocol,
        scenario.workload.model,
        machine.processor,
        plural(machine.cores, "{n} core", "{n} cores") if machine.cores else None,
        plural(workers, "{n} worker", "{n} workers") if workers else None,
    )
    return list(filter(None, found))
