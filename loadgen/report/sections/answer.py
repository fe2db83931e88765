"""The answer, first of all: what the run says, in a few plain sentences."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.model import Answer as AnswerFinding
from loadgen.model import Failures, Run
from loadgen.report.blocks import Text
from loadgen.report.language import _, plural
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences.answer import paragraphs
from loadgen.report.text import duration

SENTENCES = 4  # of the summary


class Answer(Section):
    id = "answer"
    top = True
    forms = frozenset({"html", "terminal", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        if text := unfinished(view.run):
            yield Text(text, "warn")
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


def unfinished(run: Run) -> str:
    """Return why the run is not complete, and how much of it is here; empty where all of it is."""
    return " ".join(filter(None, (_not_ended(run), left_out(run))))


def left_out(run: Run) -> str:
    """Return how many recordings could not be read, and why not the first; empty where there are none."""
    if not run.left_out:
        return ""
    first = run.left_out[0]
    return plural(
        len(run.left_out),
        "{n} recording could not be read and is left out: {file}: {reason}.",
        "{n} recordings could not be read and are left out, the first {file}: {reason}.",
        file=first.file,
        reason=first.reason,
    )


def _not_ended(run: Run) -> str:
    states = {
        "interrupted": _("The run was interrupted"), "failed": _("The run failed"),
        "running": _("The run never ended"),
    }  # fmt: skip
    if run.info.max_time_s is not None:
        text = _("The run was ended by --max-time, after {time}")
        states["interrupted"] = text.format(time=duration(run.info.max_time_s))
    if run.info.state not in states:
        return ""
    half = {cell.index for cell in run.info.cells if cell.ended is None and cell.files}
    measured, planned = len({r.index for r in run.recordings} - half), len(run.info.cells)
    text = _("{run}: {measured} of {planned} cells were measured").format(
        run=states[run.info.state], measured=measured, planned=planned
    )
    return f"{text} ({run.info.failure})." if run.info.failure else f"{text}."
