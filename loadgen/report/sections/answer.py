"""The answer, first of all: what the run says, in a few plain sentences."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.model import Answer as AnswerFinding
from loadgen.model import Failures
from loadgen.report.blocks import Text
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences.answer import paragraphs

SENTENCES = 4  # of the summary


class Answer(Section):
    id = "answer"
    forms = frozenset({"html", "terminal", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        if not view.summaries:
            yield Text(_("Nothing was measured."), "bad")
            return
        answers = view.of(AnswerFinding)
        failed = [one for one in answers if isinstance(one, Failures)]
        for text in paragraphs(failed):
            yield Text(text, "bad")
        others = paragraphs(one for one in answers if not isinstance(one, Failures))
        if form == "summary":
            others = others[: SENTENCES - len(failed)]
        yield from (Text(text, "strong" if form == "html" else "") for text in others)
