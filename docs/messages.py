"""Bring the catalogues of translations up to date with the code: ``python docs/messages.py``.

Messages that the code no longer has are dropped; new ones are added without a translation, and listed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import get_args

import click
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import loadgen
from loadgen.analysis.metrics import METRICS, Metric, metrics
from loadgen.argument.claims import CLAIMS
from loadgen.model import Grade, Validity
from loadgen.model.argument import ClaimVerdict
from loadgen.report.charts import forest
from loadgen.report.comparison.document import LEGEND, SIGNS
from loadgen.report.comparison.sentences import VERDICTS
from loadgen.report.language import LANGUAGES
from loadgen.report.sections import costs as cost_table
from loadgen.report.sections import objectives, sections
from loadgen.report.sections.metrics import TABLES
from loadgen.report.sentences import (
    article,
    claims,
    confidence,
    costs,
    delivery_lag,
    limit,
    server,
    server_clock,
    times,
    validity,
    watched,
)

PACKAGE = Path(loadgen.__file__).parent
LOCALE = PACKAGE / "report" / "locale"
TEMPLATES = (("**.html", "jinja2.ext:babel_extract"),)
MARKS = ("_", "translate", "plural")

Message = str | tuple[str, str]  # one with a plural is a pair


def messages() -> list[Message]:
    """Return every message that can be shown: those in the code, and the texts of the tables that it shows."""
    found = {*_marked(), *validity.OUTCOMES.values(), *texts(_tables())}
    found |= {message for *_place, message, _comments, _context in extract_from_dir(PACKAGE, TEMPLATES)}
    return sorted(found - {"", *(message[0] for message in found if isinstance(message, tuple))}, key=str)


def _marked() -> Iterator[Message]:
    """Yield what modules mark; not by babel, which sees inside f-strings with some versions of Python only."""
    for file in PACKAGE.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in MARKS:
                found = tuple(texts(each.value for each in call.args if isinstance(each, ast.Constant)))
                yield from {found} if len(found) == 2 else found


def _tables() -> Iterator[object]:
    """Yield what is shown through ``_(variable)``: a text, or whatever holds some."""
    for metric in metrics()[: len(METRICS)]:
        yield from _of_metric(metric)
    yield from ((section.title, section.short) for section in sections())
    yield "machine", "versions", "the clients' core", "the simulator's core", "core {n}"
    yield from (Grade, Validity, get_args(ClaimVerdict), "held", "failed", VERDICTS, TABLES, LEGEND, [*SIGNS])
    yield from (objectives.FIGURES, objectives.COUNTS)
    yield from (cost_table.RESOURCES, costs.COSTS, costs.INSEPARABLE, confidence.GROUPS, confidence.HALTED)
    yield from (claims.ARTICLE, claims.CLAIMS, claims.STATEMENTS, claims.MEASURES, claims.SHORTFALLS)
    yield from (claims.MODES, claims.TRUE_OF, forest.WORDS)
    yield {one.unit for of in CLAIMS.values() for one in of} - {"share"}
    yield from (article.METRICS, article.SOURCES, article.REASONS)
    yield from (
        delivery_lag.CAUSES,
        delivery_lag.SHORT,
        server_clock.FAULTS,
        times.PARTS,
        times.SHORT,
        server.WORDS,
        watched.REASONS,
        limit.LIMITS,
        limit.DELAYS,
    )


def _of_metric(metric: Metric) -> Iterator[object]:
    yield metric.label, metric.heading, metric.grouped, metric.unit.replace("share", "")
    yield [lines for _place, *lines in metric.headline.values()]
    if metric.tabled or metric.headline or metric.short or metric.needs:
        yield metric.description


def texts(table: object) -> Iterator[str]:
    if isinstance(table, str):
        yield str(table)
    elif isinstance(table, Mapping):
        yield from texts([*table.values()])
    elif isinstance(table, Iterable):
        for each in table:
            yield from texts(each)


def catalogue(language: str) -> Catalog:
    """Return the catalogue of that language as it is."""
    with (LOCALE / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """Return the catalogue with exactly the messages of the code; new ones have an empty translation."""
    before, made = catalogue(language), Catalog(locale=language)
    for message in messages():
        there = before.get(message[0] if isinstance(message, tuple) else message)
        made.add(message, string=there.string if there and there.id == message else None)
    return made


if __name__ == "__main__":
    for name in LANGUAGES[1:]:
        found = updated(name)
        with (LOCALE / f"{name}.po").open("wb") as out:
            write_po(out, found, omit_header=True, width=0, sort_output=True)
        for entry in found:
            if entry.id and not entry.string:
                click.echo(f"{name}: no translation: {entry.id}")
