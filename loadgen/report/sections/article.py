"""The table of the article "Exploring streaming HTTP responses …" (2025) beside this run's, and what explains each of
its differences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loadgen.model import ArticleDifference, ArticleFinding, ArticleMetric, Estimate
from loadgen.report.blocks import Column, Markup, Table, Text
from loadgen.report.charts.forest import Point, axis_of, place, row, ticks
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import article as english
from loadgen.report.text import clauses, number


class Article(Section):
    id = "article"
    title = "The article's table, explained"
    short = "The article"
    forms = frozenset({"html", "terminal"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        for finding in view.of(ArticleFinding):
            if form == "html":
                context = {
                    "english": english,
                    "finding": finding,
                    "times": {(one.client, one.metric): one for one in finding.times},
                    "differences": [_differences(finding, m) for m in english.METRICS if finding.differences],
                }
                yield Markup("article.html", context)
                continue
            sentences = english.sentences(finding)
            yield Text(english.first(finding))
            rows = [
                (
                    _(english.SOURCES[one.source]),
                    _("×{article}, here ×{ours}").format(
                        article=number(one.article), ours=number(one.ours.value if one.ours else None)
                    ),
                    _("{clients}: {metric}").format(
                        clients=f"{one.client} ÷ {one.baseline}", metric=_(english.METRICS[one.metric])
                    ),
                )
                for one in finding.differences
            ]
            yield Table([Column(""), Column("", text=True), Column("", text=True)], {"": rows})
            if not finding.differences:
                yield Text(clauses(sentences.details), "quiet")


def _differences(finding: ArticleFinding, metric: ArticleMetric) -> dict[str, Any]:
    """Return the differences of one metric on one axis: 1, ours, and the article's."""
    found = [one for one in finding.differences if one.metric == metric]
    points = [_point(one) for one in found]
    axis = axis_of(points, [1.0, *(one.article for one in found)], log=True)
    return {
        "name": _(english.METRICS[metric]),
        "line": place(axis, 1.0),
        "ticks": ticks(axis),
        "rows": [
            (one, row(point, axis), place(axis, one.article))
            for one, point in zip(found, points, strict=True)
        ],
    }


def _point(difference: ArticleDifference) -> Point:
    ours = difference.ours or Estimate()
    return Point(f"{difference.client} ÷ {difference.baseline}", ours.value, ours.low, ours.high)
