"""What a run says about a claim of its scenario's study, in English."""

from __future__ import annotations

from loadgen.analysis.metrics import column
from loadgen.model import ClaimEffect, StudyFinding
from loadgen.report.columns import column_title, unit_of, where
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.sentences.claims import excluded, note, who
from loadgen.report.text import clauses, number, with_interval


def sentences(finding: StudyFinding) -> Sentences:
    """Return the claim; then the figure that decides, which figure would support it, and where it was claimed."""
    lines = [figure(finding)]
    if finding.excluded and finding.verdict == "undecided":
        text = _("Excluded, because not valid (Data quality says why): {measurements}")
        lines.append(text.format(measurements=excluded(finding.excluded)))
    if finding.claim.source:
        lines.append(_("Claimed in {source}").format(source=finding.claim.source))
    return Sentences(finding.claim.claim, tuple(lines))


def figure(finding: StudyFinding) -> str:
    """Return what was measured, and why it does not decide where the interval alone does not show it."""
    effect = finding.effect
    if effect is None:
        return _("There is no measurement that counts; {criterion}").format(criterion=criterion(finding))
    once = (
        _("one repeat gives no estimate of the noise; use repeats: 3") if effect.estimate.low is None else ""
    )
    return clauses(filter(None, [_measured(finding, effect), criterion(finding), note(effect), once]))


def _measured(finding: StudyFinding, effect: ClaimEffect) -> str:
    found, factor = effect.estimate, 100 if finding.unit == "share" else 1
    value, low, high = (
        None if bound is None else factor * bound for bound in (found.value, found.low, found.high)
    )
    return _("{metric}, {whose}: {value}").format(
        metric=column_title(column(effect.measure)),
        whose=where(who(effect), effect.level),
        value=with_interval(value, low, high, unit(finding)),
    )


def unit(finding: StudyFinding) -> str:
    """Return the unit of the figure, with a space in front: `` times`` of two clients, else the metric's."""
    name = _("times") if finding.unit == "times" else unit_of(column(finding.claim.metric).metric)
    return f" {name}".rstrip()


def criterion(finding: StudyFinding) -> str:
    """Return which figures support the claim: ``below 0.8 times supports it``."""
    claim, factor = finding.claim, 100 if finding.unit == "share" else 1
    line = f"{factor * claim.line:g}"
    if claim.direction == "within":
        text = _("{low} to {high}{unit} supports it")
        return text.format(low=number(1 / claim.line), high=line, unit=unit(finding))
    text = (
        _("above {line}{unit} supports it")
        if claim.direction == "above"
        else _("below {line}{unit} supports it")
    )
    return text.format(line=line, unit=unit(finding))
