"""Streams that failed, by client, level and outcome, with the most frequent errors."""

from __future__ import annotations

from collections import Counter
from typing import Any

from loadgen.model import ClientId, Level, Outcome
from loadgen.report.page import TEXT
from loadgen.report.sections.section import Page, Section, View
from loadgen.report.text import plain

ERRORS = 4


class Failures(Section):
    id = "failures"
    title = "Failed streams, with the most frequent errors"
    short = "Failures"

    def applies(self, view: View) -> bool:
        return any((r.streams.outcome != Outcome.OK.value).any() for r in view.run.recordings)

    def html(self, view: View, page: Page) -> str:
        return page.section(self.id, failures=_failures(view))


def _failures(view: View) -> list[dict[str, Any]]:
    counted: dict[tuple[Level, ClientId, str], Counter[str]] = {}
    for recording in view.run.recordings:
        outcomes, errors = recording.streams.outcome, recording.streams.error
        for row in (outcomes != Outcome.OK.value).nonzero()[0].tolist():
            key = (recording.level, recording.client, str(outcomes[row]))
            counted.setdefault(key, Counter())[str(errors[row])] += 1
    return [
        {
            "style": view.styles.get(client),
            "client": plain(client.label, 60),
            "level": level.value,
            "outcome": plain(outcome).replace("_", " "),
            "count": errors.total(),
            "errors": [(plain(error, TEXT), n) for error, n in errors.most_common(ERRORS) if error],
            "more": max(0, len(errors) - ERRORS),
        }
        for (level, client, outcome), errors in sorted(
            counted.items(), key=lambda item: (item[0][0], item[0][1].label, item[0][2])
        )
    ]
