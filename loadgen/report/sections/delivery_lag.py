"""Where delivery lag came from: the tokens that arrived late, by cause."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loadgen.model import Cause, DelayFinding
from loadgen.report.page import FINDING
from loadgen.report.screen import width_of
from loadgen.report.sections.section import Page, Rendered, Screen, Section, View
from loadgen.report.sentences import delivery_lag, sentences
from loadgen.report.text import percent, plain


class DeliveryLag(Section):
    id = "delivery_lag"
    title = "Where delivery lag came from"
    short = "Delivery lag"

    def html(self, view: View, page: Page) -> str:
        found = view.of(DelayFinding)
        late = {(finding.client, finding.level) for finding in found}
        on_time: dict[str, list[str]] = {}
        for summary in view.summaries:
            if (
                summary.value("lag_n")
                and not summary.client.control
                and (summary.client, summary.level) not in late
            ):
                on_time.setdefault(plain(summary.client.label, 40), []).append(summary.level.label)
        return page.section(
            self.id,
            rows=[_bar(finding, view) for finding in sorted(found, key=lambda f: f.level or 0)],
            on_time=[f"{client} at {', '.join(levels)}" for client, levels in on_time.items()],
            key=[(cause.value, delivery_lag.CAUSES[cause]) for cause in _causes(found)],
            budget=f"{found[0].budget_ms:g} ms" if found else "",
        )

    def terminal(self, view: View, screen: Screen) -> Rendered:
        found = view.of(DelayFinding)
        if not found:
            return
        causes = _causes(found)
        rows = [["", "late", *(delivery_lag.SHORT[cause] for cause in causes)]]
        for finding in found:
            shares = {delay.cause: percent(delay.share) for delay in finding.delays}
            late = percent(finding.late / finding.tokens)
            rows.append(
                [f"{finding.client} at {finding.level}", late, *(shares.get(cause, "") for cause in causes)]
            )
        if width_of(rows) <= screen.width:
            yield screen.rows(rows)
            text = f"late: of all tokens, those that arrived over {found[0].budget_ms:g} ms after the server sent them"
            yield screen.text(f"  {text}; the other columns divide these by cause", "dim")
        else:
            yield from (screen.text(sentences(finding).statement) for finding in found)


def _causes(findings: Iterable[DelayFinding]) -> list[Cause]:
    used = {delay.cause for finding in findings for delay in finding.delays}
    return [cause for cause in Cause if cause in used]


def _bar(finding: DelayFinding, view: View) -> dict[str, Any]:
    shares = {delay.cause: delay.share for delay in finding.delays}
    return {
        "where": f"{plain(finding.client, 40)} at {finding.level}",
        "style": view.styles.get(finding.client) if finding.client else None,
        "late": delivery_lag.late(finding),
        "why": delivery_lag.causes(finding),
        "parts": [
            {"cause": cause.value, "width": round(100 * shares[cause], 2), "share": percent(shares[cause])}
            for cause in _causes([finding])
        ],
        "more": [plain(line, FINDING) for line in sentences(finding).details],
    }
