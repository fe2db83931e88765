"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

from datetime import UTC, datetime

from loadgen.report.page import Page
from loadgen.report.sections import shown
from loadgen.report.text import several
from loadgen.report.view import View


def report(view: View) -> str:
    """Return the page, well under 5 MB; the same text from the same run."""
    page = Page(view.styles)
    sections = [(section, section.heading(view), section.html(view, page)) for section in shown(view)]
    return page.document(
        "report.html",
        name=view.run.info.scenario.name or view.run.folder.name,
        started=_moment(view.run.info.started),
        about=_about(view),
        sections=[each for each in sections if each[-1]],
    )


def _moment(stamp: str) -> str:
    """Return an ISO time as people write it; as it is where it is none."""
    try:
        moment = datetime.fromisoformat(stamp).astimezone(UTC)
    except ValueError:
        return stamp
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _about(view: View) -> list[str]:
    """Return the lines below the title: the target, the protocol, the model, the machine, the workers."""
    scenario, machine = view.run.info.scenario, view.run.info.machine
    workers = len({r.worker for r in view.run.recordings if r.worker})
    parts = (
        scenario.target.url or ("the embedded simulator" if scenario.target.simulator else None),
        scenario.workload.protocol,
        scenario.workload.model,
        machine.processor,
        f"{machine.cores} cores" if machine.cores else None,
        several(workers, "worker") if workers else None,
    )
    return list(filter(None, parts))
