"""What was measured again, in English."""

from __future__ import annotations

from collections.abc import Sequence

from loadgen.analysis.machine import disturbance
from loadgen.analysis.repeats import attempts_of
from loadgen.model import ConfidenceCause, Recording, RemeasuredFinding
from loadgen.model.remeasured import Attempt
from loadgen.report.columns import where
from loadgen.report.language import _, plural
from loadgen.report.sentences import Sentences
from loadgen.report.sentences.confidence import cause
from loadgen.report.text import clauses

MAX_CAUSES = 2


def sentences(finding: RemeasuredFinding) -> Sentences:
    """Return that a cell was measured again, how often and how long; why, of each attempt, in the details."""
    seconds = f"{finding.seconds:.0f}"
    again = len(finding.attempts) - 1
    counted = next((each.attempt for each in finding.attempts if each.included), 0) + 1
    state = (
        _("undisturbed") if finding.verdict == "undisturbed" else _("disturbed least, but still disturbed")
    )
    statement = plural(
        again,
        "{where}, round {round}, was measured again {n} time ({seconds} s); attempt {attempt} counts: {state}",
        "{where}, round {round}, was measured again {n} times ({seconds} s); attempt {attempt} counts: {state}",
        where=where(finding.client, finding.level),
        round=finding.repeat + 1,
        seconds=seconds,
        attempt=counted,
        state=state,
    )
    details = (
        _("attempt {n}: {causes}").format(n=each.attempt + 1, causes=_state(each))
        for each in finding.attempts
    )
    return Sentences(statement, tuple(details))


def _state(attempt: Attempt) -> str:
    if attempt.ended:
        return _("the cell ended early: {ended}").format(ended=attempt.ended)
    return _causes(attempt.causes) if attempt.disturbance > 1 else _("undisturbed")


def why_disturbed(parts: Sequence[Recording]) -> str:
    """Return what the machine did to the figures of one cell; empty if it ran undisturbed, or not to its end."""
    if not parts or any(part.ended for part in parts):
        return ""
    ((repeat,),) = attempts_of(parts)
    size, causes = disturbance(repeat.parts)
    return cause(causes[0]) if size > 1 and causes else ""


def _causes(causes: Sequence[ConfidenceCause]) -> str:
    return clauses(map(cause, causes[:MAX_CAUSES]))
