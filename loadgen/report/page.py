"""One HTML page that needs nothing but itself: its charts, and scripts, styles and data inside it.

A content security policy lets a page run exactly the scripts that it carries and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from jinja2 import Environment

    from loadgen.model import Level
    from loadgen.report.charts.style import Chart
    from loadgen.report.client_style import Styles

TEXT = 400  # characters of one foreign text that a page shows
FINDING = 2000


@dataclass(frozen=True, slots=True)
class Placed:
    """A chart with the id of the element that it is put into."""

    id: str
    chart: Chart


@dataclass(frozen=True, slots=True)
class Group:
    """Charts under one heading."""

    title: str
    charts: tuple[Placed, ...]


class Page:
    """A page in the making: renders its templates, and gives its charts their ids, in order."""

    def __init__(self, styles: Styles) -> None:
        self._styles = list(styles.values())
        self._placed: list[Placed] = []

    def place(self, charts: Sequence[Chart]) -> tuple[Placed, ...]:
        """Return the charts with their ids; the page carries their data."""
        new = [Placed(f"chart-{len(self._placed) + n}", chart) for n, chart in enumerate(charts)]
        self._placed.extend(new)
        return tuple(new)

    def group(self, title: str, charts: Sequence[Chart]) -> Group:
        """Return the charts with their ids, under one heading."""
        return Group(title, self.place(charts))

    def section(self, name: str, **parts: Any) -> Markup:
        """Return the markup of ``templates/sections/<name>.html``. ``styles`` are those of all clients."""
        return Markup(self._rendered(f"sections/{name}.html", parts))

    def document(self, template: str, **parts: Any) -> str:
        """Return the whole page, with the charts that were placed."""
        scripts = [*_bokeh_js(), _resource("report.js")]
        shell = {"css": _resource("report.css"), "scripts": scripts, "policy": _policy(scripts)}
        return self._rendered(template, parts | shell | {"data": _data(self._placed)})

    def _rendered(self, template: str, parts: dict[str, Any]) -> str:
        return _environment().get_template(template).render(styles=self._styles, **parts)


def at(level: Level) -> str:
    """Return ``100 streams at once``, or ``2.5 per second``."""
    return f"{level} at once" if level.rate is None else level.label


def _data(placed: Sequence[Placed]) -> str:
    """Return the data of all charts as JSON that may stand inside a script element."""
    from bokeh.embed import json_item

    numbers: dict[str, str] = {}
    items = [{"target": p.id, "item": _renumbered(json_item(p.chart.figure), numbers)} for p in placed]
    text = json.dumps(items, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


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
def _bokeh_js() -> tuple[str, ...]:
    from bokeh.resources import Resources

    return tuple(Resources(mode="inline", components=["bokeh"], log_level="error").js_raw)


@cache
def _resource(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


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


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("loadgen.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["code"] = _code
    made.filters["count"] = lambda n: f"{n:,}"
    made.filters["dash"] = lambda dash: {
        "solid": "none",
        "dashed": "6 3",
        "dotted": "2 3",
        "dotdash": "2 3 6 3",
        "dashdot": "6 3 2 3",
    }[dash]
    return made
