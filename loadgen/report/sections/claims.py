"""The five claims about sync and async clients, each with its verdict and the effects that decide it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from rich.padding import Padding

from loadgen.model import ClaimEffect, ClaimFinding, ClaimPart
from loadgen.report.charts import forest
from loadgen.report.sections.section import Rendered, Screen, Section, View
from loadgen.report.sentences import claims as english
from loadgen.report.text import with_interval

_FIRST = ("contradicts", "undecided", "once", "supports")  # of a part's effects, the first of these is shown


class Claims(Section):
    id = "claims"
    title = "Five claims about sync and async clients"
    short = "Claims"
    finding = ClaimFinding

    def applies(self, view: View) -> bool:
        return super().applies(view) and not view.of(ClaimFinding)[0].shortfalls

    def context(self, view: View) -> dict[str, Any]:
        return {"english": english, "plot_of": _plot}

    def terminal(self, view: View, screen: Screen) -> Rendered:
        seen: set[str] = set()
        yield screen.text(f"They are made in {english.ARTICLE}.", "dim")
        for finding in view.of(ClaimFinding):
            yield screen.verdicts([(finding.verdict, english.STATEMENTS[finding.claim], ())])
            yield screen.rows([_row(part) for part in finding.parts if part.effects])
            new = [line for line in english.reasons(finding) if line not in seen]
            seen.update(new)
            if new:
                yield Padding(screen.text("; ".join(new), "dim"), (0, 0, 0, 2))


def _result(effect: ClaimEffect) -> Literal["supports", "contradicts", "undecided", "once"]:
    return "once" if effect.low is None else effect.result


def _plot(part: ClaimPart) -> forest.Plot:
    """Return the part's effects on one axis; the level is in the title where it is the same for all."""
    first, levels = part.effects[0], {effect.level for effect in part.effects}
    level = next(iter(levels)) if len(levels) == 1 else None
    return forest.plot(
        english.measure(part) + (f" at {level}" if level else ""),
        "%" if first.unit == "share" else first.unit,
        [_point(effect, english.who(effect, level=len(levels) > 1)) for effect in part.effects],
        line=_shown(first, first.line),
        direction=first.direction,
        criterion=english.supports(part),
    )


def _point(effect: ClaimEffect, label: str) -> forest.Point:
    low, high = (None if bound is None else _shown(effect, bound) for bound in (effect.low, effect.high))
    return forest.Point(label, _shown(effect, effect.value), low, high, _result(effect), english.note(effect))


def _shown(effect: ClaimEffect, value: float) -> float:
    """Return the value as it is printed: a share in percent."""
    return 100 * value if effect.unit == "share" else value


def _row(part: ClaimPart) -> Sequence[str]:
    """Return the effect that decides most, and whose it is beside the others."""
    decides = max if part.decided_by == "any" else min
    effect = decides(part.effects, key=lambda one: (_FIRST.index(_result(one)), _clear(one)))
    point = _point(effect, english.who(effect))
    others = [english.who(other) for other in part.effects if other is not effect]
    named = f"one of {len(part.effects)} pairs" if effect.baseline else f"also {', '.join(others)}"
    return (
        "noise" if effect.noise is not None else point.result,
        with_interval(point.value, point.low, point.high, " %" if effect.unit == "share" else ""),
        english.criterion(effect),
        f"{english.measure(part)}: {point.label}" + (f" ({named})" if others else ""),
    )


def _clear(effect: ClaimEffect) -> float:
    """Return how far beyond the line, on the side that supports the claim, the nearer end of the interval is."""
    if effect.direction == "above":
        return (effect.value if effect.low is None else effect.low) - effect.line
    return effect.line - (effect.value if effect.high is None else effect.high)
