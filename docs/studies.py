"""Measure the shipped studies, and write what comes out into their pages: ``python docs/studies.py [NAME …]``.

A study is ``scenarios/studies/NAME.yaml`` with ``docs/studies/NAME.md``; the page has the figures between
``<!-- measured by docs/studies.py -->`` and ``<!-- end -->``. ``--dry`` prints the verdicts only. Measure on a machine
that does nothing else.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import loadgen
from loadgen import Run
from loadgen.model import StudyFinding
from loadgen.report.blocks import Verdict
from loadgen.report.renderers import markdown
from loadgen.report.sections.figures import Figures
from loadgen.report.sections.study import Study

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = ROOT / "scenarios/studies"
BLOCK = re.compile(r"(<!-- measured by docs/studies\.py -->\n\n)(.*?)(<!-- end -->)", re.DOTALL)


def measured(run: Run) -> str:
    """Return the verdicts with their figures, the table of the clients, and with what it was measured."""
    view = run.view
    lines: list[str] = []
    for block in Study().blocks(view, "markdown"):
        assert isinstance(block, Verdict)
        lines += [f"- **{block.word.capitalize()}:** {block.statement} {block.details[0]}."]
    tables = [markdown.render(block) for block in Figures().blocks(view, "markdown")]
    versions = ", ".join(
        f"{name} {version.split(', /')[0]}" for name, version in sorted(run.info.versions.items())
    )
    about = f"Measured on {run.info.started[:10]} on {run.info.machine.cores} cores; {versions}."
    return "\n".join([*lines, "", *tables, "", about, ""]) + "\n"


def main() -> None:
    """Run the studies that are named, or all."""
    names = [word for word in sys.argv[1:] if not word.startswith("-")]
    for file in sorted(SCENARIOS.glob("*.yaml")):
        if names and file.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            run = loadgen.run(file, out=Path(folder) / "run")
            for finding in run.findings:
                if isinstance(finding, StudyFinding):
                    print(f"{file.stem}: {finding.verdict}: {finding.claim.test}", flush=True)  # noqa: T201
            page = ROOT / "docs/studies" / f"{file.stem}.md"
            if "--dry" not in sys.argv:
                text = page.read_text(encoding="utf-8")
                made = measured(run)
                page.write_text(
                    BLOCK.sub(lambda found, made=made: found[1] + made + found[3], text), encoding="utf-8"
                )


if __name__ == "__main__":
    main()
