"""What two runs of the same client differ by: smaller differences are noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from loadgen.model import TextFinding
from loadgen.report.page import FINDING
from loadgen.report.sections.section import Section
from loadgen.report.text import figure, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadgen.report.page import Page
    from loadgen.report.screen import Screen
    from loadgen.report.view import View

MAIN = ("TTFT p50", "lag p99", "memory per stream", "CPU per token")


class Noise(Section):
    id = "noise"
    title = "Noise of this run"
    short = "Noise"

    def applies(self, view: View) -> bool:
        return bool(_of(view))

    def html(self, view: View, page: Page) -> str:
        found = _of(view)
        names = dict.fromkeys(effect.name for finding in found for effect in finding.effects)
        thresholds = [{effect.name: effect.line for effect in finding.effects} for finding in found]
        return page.section(
            self.id,
            client=plain(found[0].statement.partition(" measured twice")[0], 80),
            levels=[plain(finding.id.partition("@")[2], 20) for finding in found],
            rows=[
                (plain(name), ["–" if of.get(name) is None else f"{figure(of[name])} %" for of in thresholds])
                for name in names
            ],
        )

    def terminal(self, view: View, screen: Screen) -> Iterable[RenderableType]:
        last = _of(view)[-1]
        main = [effect for effect in last.effects if effect.name in MAIN] or last.effects[:4]
        values = ", ".join(f"{effect.name} {figure(effect.line)} %" for effect in main)
        who = last.statement.partition(":")[0]
        yield screen.text(f"{who} differs from itself by up to: {values}", "dim", limit=FINDING)


def _of(view: View) -> list[TextFinding]:
    return [finding for finding in view.of(TextFinding) if finding.kind == "noise" and finding.effects]
