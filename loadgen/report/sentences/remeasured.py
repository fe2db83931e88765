"""What was measured again, in English."""

from __future__ import annotations

from collections.abc import Sequence

from loadgen.analysis.machine import disturbance
from loadgen.analysis.repeats import attempts_of
from loadgen.model import ConfidenceCause, Recording, RemeasuredFinding
from loadgen.report.sentences import Sentences
from loadgen.report.sentences.confidence import cause
from loadgen.report.text import several

MAX_CAUSES = 2


def sentences(finding: RemeasuredFinding) -> Sentences:
    """Return that a cell was measured again, how often and how long; why, of each attempt, in the details."""
    again = len(finding.attempts) - 1
    counted = next((each.attempt for each in finding.attempts if each.included), 0) + 1
    state = "undisturbed" if finding.verdict == "undisturbed" else "disturbed least, but still disturbed"
    return Sentences(
        f"{finding.client} at {finding.level}, round {finding.repeat + 1}, was measured again "
        f"{several(again, 'time')} ({finding.seconds:.0f} s); attempt {counted} counts: {state}",
        tuple(
            f"attempt {each.attempt + 1}: {_causes(each.causes) if each.disturbance > 1 else 'undisturbed'}"
            for each in finding.attempts
        ),
    )


def why_disturbed(parts: Sequence[Recording]) -> str:
    """Return what the machine did to the figures of one cell; empty if it ran undisturbed, or not to its end."""
    if not parts or any(part.ended for part in parts):
        return ""
    ((repeat,),) = attempts_of(parts)
    size, causes = disturbance(repeat.parts)
    return cause(causes[0]) if size > 1 and causes else ""


def _causes(causes: Sequence[ConfidenceCause]) -> str:
    return "; ".join(map(cause, causes[:MAX_CAUSES]))
