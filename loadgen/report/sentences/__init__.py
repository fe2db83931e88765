"""Findings in English: the only place where sentences are made of them, one file for each kind.

Terminal, HTML and Markdown print the same sentences. A new kind is one file and one line in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name

from loadgen.model import Finding

SENTENCES: Mapping[str, str] = {  # the kind of a finding -> what makes its sentences
    "claim": "loadgen.report.sentences.claims:sentences",
    "study": "loadgen.report.sentences.study:sentences",
    "cost": "loadgen.report.sentences.costs:sentences",
    "article": "loadgen.report.sentences.article:sentences",
    "noise": "loadgen.report.sentences.noise:sentences",
    "drift": "loadgen.report.sentences.drift:sentences",
    "time": "loadgen.report.sentences.times:sentences",
    "delivery_lag": "loadgen.report.sentences.delivery_lag:sentences",
    "server_clock": "loadgen.report.sentences.server_clock:sentences",
    "threshold": "loadgen.report.sentences.thresholds:sentences",
    "validity": "loadgen.report.sentences.validity:sentences",
    "neighbours": "loadgen.report.sentences.neighbours:sentences",
    "limit": "loadgen.report.sentences.limit:sentences",
    "watched": "loadgen.report.sentences.watched:sentences",
    "server_changed": "loadgen.report.sentences.server:during",
    "unwatched": "loadgen.report.sentences.watched:unseen",
    "prompt_cache": "loadgen.report.sentences.prompt_cache:sentences",
    "prediction": "loadgen.report.sentences.prediction:sentences",
    "remeasured": "loadgen.report.sentences.remeasured:sentences",
}


@dataclass(frozen=True, slots=True)
class Sentences:
    """A finding in English: its statement, and the lines below it."""

    statement: str
    details: tuple[str, ...] = ()


def sentences(finding: Finding) -> Sentences:
    """Return the finding in English."""
    made: Sentences = resolve_name(SENTENCES[finding.kind])(finding)
    return made
