"""How to read the report: its metrics, as the metric table describes them, and its other terms."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.analysis.metrics import metrics
from loadgen.report.blocks import Facts
from loadgen.report.columns import title_of
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View


class Glossary(Section):
    id = "glossary"
    title = "How to read this report"
    short = "How to read it"
    forms = frozenset({"html"})
    folded = True

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        terms = [
            (title_of(metric), _(metric.description))
            for metric in metrics()
            if metric.tabled and view.concerns(metric)
        ]
        terms += [
            (
                _("p50, p99, n"),
                _(
                    "Nearest-rank percentiles of the n raw values. Percentiles without enough samples are omitted; a "
                    "p99 needs 100 values, and below 1,000 it is marked ~, low sample size."
                ),
            ),
            (
                _("±, confidence"),
                _(
                    "± is half of the 95 % interval over the rounds. The confidence in a group of figures is high "
                    "where the ± of none of its main figures is wider than 10 %, medium up to 30 %, and low above."
                ),
            ),
            (
                _("Threads, tasks"),
                _(
                    "How a client’s streams are driven: a thread for each (sync libraries), or a task for each on one "
                    "event loop (async libraries)."
                ),
            ),
            (
                _("Validity"),
                _(
                    "valid: no problem was found. suspect: disturbed, or low sample size. invalid: do not use it."
                ),
            ),
        ]
        if view.distributed:
            text = _(
                "The streams of a cell were spread over several workers. Percentiles are over the streams of all of "
                "them; memory, threads, CPU and context switches are their sums. Each worker has its own clock, so "
                "times that are drawn together count from each worker’s start."
            )
            terms.append((_("Workers"), text))
        if any(client.name == "floor" for client in view.styles):
            text = _(
                "A minimal client that shows what is possible on this machine, as a reference for the others; it is "
                "not a library to choose."
            )
            terms.append(("floor", text))
        yield Facts({"": terms})
