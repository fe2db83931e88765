"""The report as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from loadgen.report.markdown import escaped
from loadgen.report.sections import shown
from loadgen.report.view import View


def report(view: View) -> str:
    """Return the Markdown form of every section that has one."""
    parts = [f"# {escaped(view.run.info.scenario.name or view.run.folder.name)}"]
    for section in shown(view):
        if body := section.markdown(view):
            title = section.heading(view)
            parts.append(f"## {title}\n\n{body}" if title else body)
    return "\n\n".join(parts) + "\n"
