"""The sections of a report, a file each.

Their order on the page, in its navigation, in the terminal and in Markdown is the table's. A new section is one new
file with a :class:`~loadgen.report.sections.section.Section`, and one line here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pkgutil import resolve_name

from loadgen.report.blocks import Form, Part
from loadgen.report.columns import of_summaries, per_event
from loadgen.report.language import _
from loadgen.report.sections.section import Section
from loadgen.report.view import View

SECTIONS: Sequence[str] = (
    "loadgen.report.sections.answer:Answer",
    "loadgen.report.sections.study:Study",
    "loadgen.report.sections.objectives:Objectives",
    "loadgen.report.sections.scaling:Scaling",
    "loadgen.report.sections.figures:Figures",
    "loadgen.report.sections.thresholds:Thresholds",
    "loadgen.report.sections.confidence:Confidence",
    "loadgen.report.sections.metrics:Metrics",
    "loadgen.report.sections.failures:Failures",
    "loadgen.report.sections.prompts:Prompts",
    "loadgen.report.sections.delivery_lag:DeliveryLag",
    "loadgen.report.sections.costs:Costs",
    "loadgen.report.sections.claims:Claims",
    "loadgen.report.sections.article:Article",
    "loadgen.report.sections.distributions:Distributions",
    "loadgen.report.sections.timeline:Timeline",
    "loadgen.report.sections.usage:Usage",
    "loadgen.report.sections.watched:WatchedMetrics",
    "loadgen.report.sections.quality:Quality",
    "loadgen.report.sections.setup:Setup",
    "loadgen.report.sections.glossary:Glossary",
)


def sections() -> list[Section]:
    """Return every section, in order."""
    return [resolve_name(path)() for path in SECTIONS]


def parts(view: View, form: Form) -> list[Part]:
    """Return the sections that have something to say about this run, in that form."""
    with per_event(of_summaries(view.summaries)):
        found = [
            Part(
                id=each.id,
                title=each.title and _(each.title),
                blocks=list(each.blocks(view, form)),
                short=each.short and _(each.short),
                folded=each.folded,
                top=each.top,
            )
            for each in sections()
            if form in each.forms
        ]
    return [part for part in found if part.blocks]
