"""A document as one HTML page that needs nothing but itself: its charts, and scripts, styles and data inside it.

A content security policy lets a page run exactly the scripts that it carries and load nothing. Every text that a
template prints goes through :func:`~loadgen.report.text.plain` and is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from loadgen.model import Estimate
from loadgen.report import blocks, language
from loadgen.report.blocks import Document
from loadgen.report.columns import level_text
from loadgen.report.sentences import sentences
from loadgen.report.text import interval, number, percent, plain

if TYPE_CHECKING:
    from jinja2 import Environment

    from loadgen.report.charts.style import Chart

DASHES = {"solid": "none", "dashed": "6 3", "dotted": "2 3", "dotdash": "2 3 6 3", "dashdot": "6 3 2 3"}


def report(document: Document) -> str:
    """Return the page, well under 5 MB; the same text from the same document."""
    return _Page(document).text()


class _Page:
    """A page in the making: renders its templates, and collects the charts that they place."""

    def __init__(self, document: Document) -> None:
        self._charts: list[Chart] = []
        self._shared: dict[str, Any] = {
            "document": document,
            "page": self,
            "styles": list(document.styles.values()),
            "language": language.current(),
        }

    def text(self) -> str:
        scripts = [*_bokeh_js(), _resource("report.js")]
        shell = {"css": _resource("report.css"), "scripts": scripts, "policy": _policy(scripts)}
        return _environment().get_template("document.html").render(**self._shared, **shell)

    def markup(self, block: blocks.Markup) -> Markup:
        """Return a block's own template, rendered."""
        template = _environment().get_template(block.template)
        return Markup(template.render(**self._shared, **block.context))

    def place(self, chart: Chart) -> str:
        """Add the chart to the page's data; return the id of the element that it is drawn into."""
        self._charts.append(chart)
        return f"chart-{len(self._charts) - 1}"

    def data(self) -> Markup:
        """Return the charts placed so far as JSON that may stand inside a script element."""
        numbers: dict[str, str] = {}
        items = [
            {"target": f"chart-{place}", "item": _renumbered(_item(chart), numbers)}
            for place, chart in enumerate(self._charts)
        ]
        return _json(items)

    def files(self) -> Markup:
        """Return the files that can be saved, as JSON that may stand inside a script element."""
        return _json(dict(self._shared["document"].files))


def _json(value: Any) -> Markup:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _item(chart: Chart) -> dict[str, Any]:
    """Return what Bokeh's ``json_item`` does, without a document, which goes through all models of the chart again."""
    from bokeh.core.serialization import Serializer
    from bokeh.document import Document as Empty

    document = Empty(title="").to_json(deferred=False)
    document["roots"] = Serializer(deferred=False).encode([chart.figure])
    return {"target_id": None, "root_id": chart.figure.id, "doc": document, "version": document["version"]}


def _renumbered(value: Any, numbers: dict[str, str]) -> Any:
    """Count Bokeh's models anew: it counts over the life of the process, and a run must give one text only."""
    if isinstance(value, dict):
        return {
            key: numbers.setdefault(inner, f"m{len(numbers)}")
            if key in ("id", "root_id") and isinstance(inner, str)
            else _renumbered(inner, numbers)
            for key, inner in value.items()
        }
    return [_renumbered(inner, numbers) for inner in value] if isinstance(value, list | tuple) else value


@cache
def _bokeh_js() -> Iterable[str]:
    from bokeh.resources import Resources

    return tuple(Resources(mode="inline", components=["bokeh"], log_level="error").js_raw)


@cache
def _resource(name: str) -> str:
    return resources.files("loadgen.report").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """Return the policy: exactly these scripts may run, and nothing may be loaded."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _code(text: str) -> Markup:
    """Return text in which `words` in backticks are code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _interval(estimate: Estimate) -> str:
    return interval(estimate.low, estimate.high, estimate.value)


def _runs(columns: Sequence[blocks.Column]) -> list[tuple[str, list[blocks.Column]]]:
    """Return neighbouring columns by the heading above them."""
    return [(above, list(of)) for above, of in groupby(columns, key=lambda column: column.above)]


def _kind(block: blocks.Block) -> str:
    return type(block).__name__


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("loadgen.report"),
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else plain(value),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["_"] = language._
    made.filters |= {"code": _code, "count": "{:,}".format, "cut": plain, "dash": DASHES.get}
    made.filters |= {"interval": _interval, "number": number, "percent": percent, "sentences": sentences}
    made.filters |= {"level": level_text, "cells": blocks.cells, "kind": _kind, "runs": _runs}
    return made
