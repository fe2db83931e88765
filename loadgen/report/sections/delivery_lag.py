"""Where delivery lag came from: the tokens that arrived late, by cause."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from loadgen.analysis.causes import BUDGET_NS, CAUSES, LATE
from loadgen.model import TextFinding
from loadgen.report.page import FINDING
from loadgen.report.screen import width_of
from loadgen.report.sections.section import Section
from loadgen.report.text import plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadgen.report.client_style import ClientStyle
    from loadgen.report.page import Page
    from loadgen.report.screen import Screen
    from loadgen.report.view import View

WORDS = {  # cause -> in the key of the page, and at the head of a column
    "server": ("the server sent late", "server"),
    "connect": ("the request waited for a connection", "connect"),
    "gc": ("garbage collection", "GC"),
    "run-queue": ("waiting for CPU", "waiting for CPU"),
    "held": ("event loop or GIL busy", "loop or GIL busy"),
    "coalesced": ("read together with later ones", "coalesced"),
    "unexplained": ("unexplained", "unexplained"),
}


class DeliveryLag(Section):
    id = "delivery_lag"
    title = "Where delivery lag came from"
    short = "Delivery lag"

    def html(self, view: View, page: Page) -> str:
        return page.section(self.id, **_lag(view))

    def terminal(self, view: View, screen: Screen) -> Iterable[RenderableType]:
        found = _of(view)
        if not found:
            return
        shares = [{effect.name: effect.value for effect in finding.effects} for finding in found]
        used = [name for name in CAUSES if any(name in of for of in shares)]
        rows = [["", "late", *(WORDS[name][1] for name in used)]]
        for finding, of in zip(found, shares, strict=True):
            client, _, concurrency = finding.id.rpartition("@")
            rows.append(
                [f"{client} at {int(concurrency):,}", *(_share(of.get(name)) for name in (LATE, *used))]
            )
        if width_of(rows) <= screen.width:
            yield screen.rows(rows)
            late = f"late: of all tokens, those that arrived over {BUDGET_NS / 1e6:g} ms after the server sent them"
            yield screen.text(f"  {late}; the other columns divide these by cause", "dim")
        else:
            yield from (screen.text(finding.statement) for finding in found)


def _of(view: View) -> list[TextFinding]:
    return [finding for finding in view.of(TextFinding) if finding.kind == "cause"]


def _share(percent: float | None) -> str:
    if not percent:
        return ""
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %" if percent >= 0.05 else "<0.1 %"


def _lag(view: View) -> dict[str, Any]:
    """Return a bar for every measurement with late tokens; ``on_time`` are the others whose lag is known."""
    found = {finding.id: finding for finding in _of(view)}
    rows: list[dict[str, Any]] = []
    on_time: dict[str, list[str]] = {}
    for of in view.levels.values():
        for summary in of:
            finding = found.get(f"{summary.client}@{summary.level.value:g}")
            where = f"{plain(summary.client.label, 40)} at {summary.level.value:,g}"
            if finding is not None:
                prefix = f"{summary.client} at {summary.level.value:,g}: "
                rows.append(_bar(finding, where, prefix, view.styles.get(summary.client)))
            elif summary.value("lag_n") and not summary.client.control:
                on_time.setdefault(plain(summary.client.label, 40), []).append(f"{summary.level.value:,g}")
    used = [name for name in CAUSES if any(name == part["cause"] for bar in rows for part in bar["parts"])]
    return {
        "rows": rows,
        "on_time": [f"{client} at {', '.join(levels)}" for client, levels in on_time.items()],
        "key": [(name, WORDS[name][0]) for name in used],
        "budget": rows[0]["budget"] if rows else "",
    }


def _bar(finding: TextFinding, where: str, prefix: str, style: ClientStyle | None) -> dict[str, Any]:
    late, _, why = finding.statement.removeprefix(prefix).rpartition(" late: ")
    parts, left = [], 0.0
    for name in CAUSES:
        share = next((e.value for e in finding.effects if e.name == name and e.value), 0.0)
        if share:
            parts.append(
                {"cause": name, "left": round(left, 2), "width": round(share, 2), "share": f"{share:.0f} %"}
            )
            left += share
    return {
        "where": where,
        "style": style,
        "late": plain(late.partition(" came ")[0], FINDING),
        "budget": plain(late.partition(" came ")[2], FINDING),
        "why": plain(why, FINDING),
        "parts": parts,
        "more": [plain(line, FINDING) for line in finding.evidence],
    }
