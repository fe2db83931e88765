"""Where delivery lag came from: the tokens that arrived late, by cause."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loadgen.model import Cause, DelayFinding
from loadgen.report.screen import width_of
from loadgen.report.sections.section import Rendered, Screen, Section, View
from loadgen.report.sentences import delivery_lag as english
from loadgen.report.sentences import sentences
from loadgen.report.text import percent


class DeliveryLag(Section):
    id = "delivery_lag"
    title = "Where delivery lag came from"
    short = "Delivery lag"

    def context(self, view: View) -> dict[str, Any]:
        found = view.of(DelayFinding)
        late = {(finding.client, finding.level) for finding in found}
        on_time: dict[str, list[str]] = {}
        for s in view.summaries:
            if s.value("lag_n") and not s.client.control and (s.client, s.level) not in late:
                on_time.setdefault(view.styles[s.client].label, []).append(s.level.label)
        return {
            "english": english,
            "late": sorted(found, key=lambda finding: finding.level or 0),
            "causes": _causes,
            "on_time": [f"{client} at {', '.join(levels)}" for client, levels in on_time.items()],
        }

    def terminal(self, view: View, screen: Screen) -> Rendered:
        found = view.of(DelayFinding)
        if not found:
            return
        causes = _causes(found)
        rows = [["", "late", *(english.SHORT[cause] for cause in causes)]]
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
