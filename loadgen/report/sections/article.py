"""The table of the article "Exploring streaming HTTP responses …" (2025) beside this run's, and what explains each of
its differences."""

from __future__ import annotations

from typing import Any

from loadgen.model import ArticleDifference, ArticleFinding, ArticleMetric, Estimate, SourceKind
from loadgen.report.charts.forest import Point, axis_of, place, row, ticks
from loadgen.report.page import FINDING
from loadgen.report.sections.section import Page, Rendered, Screen, Section, View
from loadgen.report.sentences import article as english
from loadgen.report.text import interval, number, plain


class Article(Section):
    id = "article"
    title = "The article's table, explained"
    short = "The article"

    def applies(self, view: View) -> bool:
        return bool(view.of(ArticleFinding))

    def html(self, view: View, page: Page) -> str:
        finding = view.of(ArticleFinding)[0]
        sentences = english.sentences(finding)
        return page.section(
            self.id,
            article=english.ARTICLE,
            statement=plain(sentences.statement, FINDING),
            details=[plain(line, FINDING) for line in sentences.details],
            metrics=list(english.METRICS.values()),
            rows=_table(finding),
            differences=[_differences(finding, metric) for metric in english.METRICS if finding.differences],
            sources=[
                f"{english.METRICS[source.metric]}, {english.SOURCES[source.source]} ×{number(source.ratio)}"
                for source in finding.sources
            ],
        )

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


def _table(finding: ArticleFinding) -> list[dict[str, Any]]:
    """Return a row per client: for each metric the article's time and ours."""
    times = {(one.client, one.metric): one for one in finding.times}
    rows = []
    for client in dict.fromkeys(one.client for one in finding.times):
        cells = []
        for metric in english.METRICS:
            one = times[client, metric]
            ours = one.ours or Estimate()
            cells.append({"text": number(one.article), "between": ""})
            cells.append({"text": number(ours.value), "between": interval(ours.low, ours.high)})
        rows.append({"client": plain(client.label), "cells": cells})
    return rows


def _differences(finding: ArticleFinding, metric: ArticleMetric) -> dict[str, Any]:
    """Return the differences of one metric on one axis: 1, ours, and the article's."""
    found = [one for one in finding.differences if one.metric == metric]
    points = [_point(one) for one in found]
    axis = axis_of(points, [1.0, *(one.article for one in found)], log=True)
    return {
        "name": english.METRICS[found[0].metric],
        "one": place(axis, 1.0),
        "ticks": ticks(axis),
        "rows": [
            {
                "ours": row(point, axis),
                "article": number(one.article),
                "at": place(axis, one.article),
                "source": english.SOURCES[one.source],
                "client": one.source is SourceKind.CLIENT,
                "reason": plain(f"{english.reason(one)}. {english.runs(one)}.", FINDING),
            }
            for one, point in zip(found, points, strict=True)
        ],
    }


def _point(difference: ArticleDifference) -> Point:
    ours = difference.ours or Estimate()
    return Point(f"{difference.client} ÷ {difference.baseline}", ours.value, ours.low, ours.high)
