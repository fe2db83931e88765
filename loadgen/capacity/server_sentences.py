"""What a search found of the server, in words: what it carries within the objectives, whose limit that is."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis.metrics import columns
from loadgen.capacity.measure import SearchResult
from loadgen.capacity.readings import Reading
from loadgen.capacity.search import Capacity
from loadgen.capacity.sentences import bound, describe, ended, interval, label, near
from loadgen.capacity.server import carried, mean
from loadgen.model import Limit
from loadgen.report.columns import at, level_text
from loadgen.report.language import _
from loadgen.report.sentences.answer import paragraphs, value
from loadgen.report.text import flowing, percent


def answer(found: SearchResult) -> list[str]:
    """Return what the server carries with each client, the most first, whose limit that is, and where it saturates."""
    ranked = sorted(found.clients, key=lambda each: carried(each, found.rules) or 0.0, reverse=True)
    knees = [knee for each in ranked for knee in found.saturates if knee.client == each.client]
    return [*(flowing(_of(each, found)) for each in ranked), *paragraphs(knees[:1])]


def _of(each: Capacity, found: SearchResult) -> Iterator[str]:
    most, several = carried(each, found.rules), len(found.clients) > 1
    at_least = found.limited_by.get(each.client) is not Limit.SERVER
    text = _("At no level the objectives hold: {objectives}.")
    if several:
        text = _("With {client}, the objectives hold at no level: {objectives}.")
    if most and at_least:
        text = _("The server carries at least {level} within the objectives: {objectives}.")
        if several:
            text = _(
                "With {client}, the server carries at least {level} within the objectives: {objectives}."
            )
    elif most:
        text = _("The server carries {level} within the objectives: {objectives}.")
        if several:
            text = _("With {client}, the server carries {level} within the objectives: {objectives}.")
    level = at(found.rules.level(most or 0))
    yield text.format(client=label(each.client), level=level, objectives=describe(found.goal))
    if each.limit:
        text = _(
            "All of {n} cells held at {limit}; other searches end at {interval}, and the lower end is quoted."
        )
        yield text.format(n=found.rules.confirm, limit=near(each.limit.value), interval=interval(each.limit))
    if each.bound:
        yield from _whose(each, found)
    else:
        yield _("{clients}: {why}.").format(clients=label(each.client), why=ended(each, found))


def _whose(each: Capacity, found: SearchResult) -> Iterator[str]:
    """Yield whose limit it is, with what decided it at the lowest level that was over the objectives."""
    name, client = each.bound or "", found.limited_by.get(each.client) is Limit.CLIENT
    cells = _decisive(each, found)
    before, after = _figure(name, mean(cells, name)), _figure(name, mean(cells, name, server=True))
    shown = bound(name)
    if before and after:
        shown = _("{bound} {value}, {server} without what {client} added").format(
            bound=shown, value=before, server=after, client=label(each.client)
        )
    elif before:
        shown = f"{shown} {before}"
    text = (
        _("At {level}: {shown}. {client} is the limit, not the server.")
        if client
        else _("At {level}: {shown}. The server is the limit.")
    )
    yield text.format(level=level_text(cells[0].level), shown=shown, client=label(each.client))
    if client:
        yield _("The server may carry more: use another client, or more cores for it (--cores).")


def _decisive(each: Capacity, found: SearchResult) -> list[Reading]:
    over = [
        r for r in found.steps if r.client == each.client and r.verdict == "over" and r.bound == each.bound
    ]
    return [r for r in over if r.level == min(r.level for r in over)]


def _figure(name: str, of: float | None) -> str:
    if of is None:
        return ""
    return percent(of / 100) if name == "errors" else value(name, of) if name in columns() else ""
