"""The table of the article "Exploring streaming HTTP responses …" (2025) beside this run's, and what explains each of
its differences."""

from __future__ import annotations

from typing import Any

from loadgen.model import ArticleDifference, ArticleFinding, ArticleMetric, Estimate
from loadgen.report.charts.forest import Point, axis_of, place, row, ticks
from loadgen.report.sections.section import Rendered, Screen, Section, View
from loadgen.report.sentences import article as english
from loadgen.report.text import number


class Article(Section):
    id = "article"
    title = "The article's table, explained"
    short = "The article"
    finding = ArticleFinding

    def context(self, view: View) -> dict[str, Any]:
        finding = view.of(ArticleFinding)[0]
        return {
            "english": english,
            "times": {(one.client, one.metric): one for one in finding.times},
            "differences": [
                _differences(finding, metric) for metric in english.METRICS if finding.differences
            ],
        }

    def terminal(self, view: View, screen: Screen) -> Rendered:
        finding = view.of(ArticleFinding)[0]
        sentences = english.sentences(finding)
        yield screen.text(f"{sentences.statement}. {english.FIRST}")
        yield screen.rows(
            [
                (
                    english.SOURCES[one.source],
                    f"×{number(one.article)}, here ×{number(one.ours.value if one.ours else None)}",
                    f"{one.client} ÷ {one.baseline}: {english.METRICS[one.metric]}",
                )
                for one in finding.differences
            ]
        )
        if not finding.differences:
            yield screen.text("; ".join(sentences.details), "dim")


def _differences(finding: ArticleFinding, metric: ArticleMetric) -> dict[str, Any]:
    """Return the differences of one metric on one axis: 1, ours, and the article's."""
    found = [one for one in finding.differences if one.metric == metric]
    points = [_point(one) for one in found]
    axis = axis_of(points, [1.0, *(one.article for one in found)], log=True)
    return {
        "name": english.METRICS[metric],
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
