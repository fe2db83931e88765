"""The five claims about sync and async clients, each with its statements, their verdicts and what decides them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loadgen.model import ClaimEffect, ClaimFinding, ClaimStatement, Statement
from loadgen.report.blocks import Bullets, Cell, Column, Markup, Row, Table, Text, Tone, Verdict
from loadgen.report.charts import forest
from loadgen.report.columns import level_text
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import claims as english
from loadgen.report.text import clauses, joined, with_interval

_FIRST = (
    "contradicts",
    "undecided",
    "once",
    "supports",
)  # of a statement's effects, the first of these is shown
TONES: Mapping[str, Tone] = {
    "supported": "good",
    "contradicted": "bad",
    "mixed": "warn",
    "undecided": "quiet",
}


class Claims(Section):
    id = "claims"
    title = "Five claims about sync and async clients"
    short = "Claims"
    forms = frozenset({"html", "terminal"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        found = view.of(ClaimFinding)
        closed = any(s.level.streams for s in view.summaries)  # the claims are about closed loops
        if (
            not found
            or not closed
            or not view.has_tokens
            or len({s.client for s in view.summaries if not s.client.control}) < 2
        ):
            return
        if found[0].shortfalls:
            yield Text(english.not_decided(found[0].shortfalls), "quiet")
            return
        if form == "html":
            yield Markup("claims.html", {"findings": found, "english": english, "plot_of": _plot})
            return
        seen: set[str] = set()
        yield Text(_("They are made in {article}.").format(article=_(english.ARTICLE)), "quiet")
        columns = [Column(""), Column(""), Column(""), Column("", text=True)]
        for finding in found:
            yield Verdict(_(finding.verdict), _(english.CLAIMS[finding.claim]), TONES[finding.verdict])
            yield Table(columns, {"": [_row(one) for one in finding.statements if one.effects]})
            mixed = [english.statement(one) for one in finding.statements if one.verdict == "mixed"]
            new = [line for line in [*mixed, *english.reasons(finding)] if line not in seen]
            seen.update(new)
            if new:
                yield Bullets([clauses(new)], "quiet")


def _plot(tested: ClaimStatement) -> forest.Plot:
    """Return the effects on one axis; the level is in the title where it is the same for all."""
    one, levels = tested.statement, {effect.level for effect in tested.effects}
    level = next(iter(levels)) if len(levels) == 1 else None
    name, above = english.measures(tested.effects), english.criterion(one, _("more than"), _("less than"))
    supports = (
        _("{criterion} supports it; one is enough")
        if one.decided_by == "any"
        else _("{criterion} supports it")
    )
    return forest.plot(
        _("{metric} at {level}").format(metric=name, level=level_text(level)) if level else name,
        "%" if one.unit == "share" else _(one.unit),
        [_point(one, effect, english.who(effect, level=len(levels) > 1)) for effect in tested.effects],
        line=_shown(one, one.line) or 0.0,
        direction=one.direction,
        criterion=supports.format(criterion=above),
        log=one.unit == "times",
    )


def _point(one: Statement, effect: ClaimEffect, label: str) -> forest.Point:
    estimate = effect.estimate
    value, low, high = (_shown(one, bound) for bound in (estimate.value, estimate.low, estimate.high))
    return forest.Point(
        label, value, low, high, "once" if low is None else effect.result, english.note(effect)
    )


def _shown(one: Statement, value: float | None) -> float | None:
    """Return the value as it is printed: a share in percent."""
    return 100 * value if one.unit == "share" and value is not None else value


def _row(tested: ClaimStatement) -> Row:
    """Return the verdict, the effect that decides most, and whose it is beside the others."""
    one, decides = tested.statement, max if tested.statement.decided_by == "any" else min
    points = [_point(one, effect, english.who(effect)) for effect in tested.effects]
    place = decides(range(len(points)), key=lambda place: _FIRST.index(points[place].result))
    point = points[place]
    others = [other.label for other in points if other is not point]
    text = _("one of {n} pairs") if tested.effects[0].baseline else _("also {clients}")
    named = text.format(n=len(points), clients=joined(others))
    metric = english.measures([tested.effects[place]])
    whose = _("{metric}: {clients}").format(metric=metric, clients=point.label)
    return (
        Cell(_(tested.verdict), tone=TONES[tested.verdict]),
        with_interval(point.value, point.low, point.high, " %" if one.unit == "share" else ""),
        english.criterion(one),
        clauses(filter(None, [f"{whose} ({named})" if others else whose, point.note])),
    )
