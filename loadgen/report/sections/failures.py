"""Streams that failed, by client, level and outcome, with the most frequent errors."""

from __future__ import annotations

from collections import Counter
from typing import Any

from loadgen.model import ClientId, Level, Outcome
from loadgen.report.sections.section import Section, View


class Failures(Section):
    id = "failures"
    title = "Failed streams, with the most frequent errors"
    short = "Failures"

    def applies(self, view: View) -> bool:
        return any((r.streams.outcome != Outcome.OK.value).any() for r in view.run.recordings)

    def context(self, view: View) -> dict[str, Any]:
        counts: dict[tuple[Level, ClientId, str], Counter[str]] = {}
        for recording in view.run.recordings:
            failed = recording.streams.rows(recording.streams.outcome != Outcome.OK.value)
            for outcome, error in zip(failed.outcome.tolist(), failed.error.tolist(), strict=True):
                counts.setdefault((recording.level, recording.client, outcome), Counter())[error] += 1
        failures = [(*key, errors) for key, errors in counts.items()]
        return {"failures": sorted(failures, key=lambda of: (of[0], of[1].label, of[2])), "shown": 4}
