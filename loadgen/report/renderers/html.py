"""The report as one HTML page that needs nothing but itself.

Every text goes through :func:`~loadgen.report.text.plain` and the template's own escaping.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from markupsafe import Markup

from loadgen.report.page import TEXT, Page
from loadgen.report.sections import shown
from loadgen.report.text import plain

if TYPE_CHECKING:
    from loadgen.report.view import View


@dataclass(frozen=True, slots=True)
class _Body:
    id: str
    title: str
    short: str
    body: Markup


def report(view: View) -> str:
    """Return the page, well under 5 MB; the same text from the same run."""
    page = Page(view.styles)
    sections = []
    for section in shown(view):
        if body := section.html(view, page):
            title = section.heading(view)
            sections.append(_Body(section.id, title, section.short or title, Markup(body)))
    return page.document(
        "report.html",
        name=plain(view.run.info.scenario.name or view.run.folder.name, TEXT),
        started=_moment(view.run.info.started),
        about=_about(view),
        sections=sections,
    )


def _moment(stamp: str) -> str:
    """Return an ISO time as people write it; as it is where it is none."""
    try:
        moment = datetime.fromisoformat(stamp).astimezone(UTC)
    except ValueError:
        return plain(stamp, 40)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _about(view: View) -> list[str]:
    """Return what stands under the title: the target, the protocol, the model, the machine, the workers."""
    scenario, machine = view.run.info.scenario, view.run.info.machine
    workers = len({r.worker for r in view.run.recordings if r.worker})
    parts = (
        scenario.target.url or ("the embedded simulator" if scenario.target.simulator else None),
        scenario.workload.protocol,
        scenario.workload.model,
        machine.processor,
        f"{machine.cores} cores" if machine.cores else None,
        f"{workers} worker{'' if workers == 1 else 's'}" if workers else None,
    )
    return [plain(part, 120) for part in parts if part]
