"""Whether a threshold held, in English."""

from __future__ import annotations

import re

from loadgen.analysis.metrics import column
from loadgen.model import ThresholdFinding, ThresholdResult
from loadgen.report.columns import level_text, value_text, where
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.text import number, percent

_FEW = 3  # held results that are listed beside failed ones


def sentences(finding: ThresholdFinding) -> Sentences:
    """Return the threshold, and a line for each client and level that it was tested on.

    Of results that held, a few are listed, many are counted.
    """
    failed = [result for result in finding.results if not result.held]
    held = [result for result in finding.results if result.held]
    lines = [line(finding, result) for result in (*failed, *(held if len(held) <= _FEW else ()))]
    if len(held) > _FEW:
        lines.append(_("held in {n} of {all} measurements").format(n=len(held), all=len(finding.results)))
    return Sentences(statement(finding), tuple(lines) or (_("no measurement matches it"),))


def statement(finding: ThresholdFinding) -> str:
    """Return the threshold as its author wrote it, percentages as everywhere else."""
    return re.sub(r"(?<=\d)%", " %", finding.text)


def worst(finding: ThresholdFinding) -> str:
    """Return the value that comes nearest to breaking the threshold, or breaks it most, with its unit and where."""
    if not finding.results:
        return _("no measurement matches it")
    measured = [result for result in finding.results if result.value is not None]
    if not measured:
        return _("not measured")
    pick = max if finding.op.startswith("<") else min
    result = pick(measured, key=lambda of: of.value or 0.0)
    held, every = sum(each.held for each in finding.results), len(finding.results)
    if held == len(measured) < every:
        text = _("not measured in {n} of {all}; worst {value}")
        return text.format(n=every - held, all=every, value=_value(finding, result))
    if held == every:
        where = ""
    elif len({each.level for each in finding.results}) == 1:
        where = _(", {client}").format(client=result.client)
    else:
        where = _(", {client}, {level}").format(client=result.client, level=level_text(result.level))
    return _("worst {value}{where}; held in {n} of {all}").format(
        value=_value(finding, result), where=where, n=held, all=every
    )


def line(finding: ThresholdFinding, result: ThresholdResult) -> str:
    """Return what one result is, and whether it holds."""
    what = _("{where}: {metric}").format(where=where(result.client, result.level), metric=finding.metric)
    if result.value is None:
        return _("{what} was not measured").format(what=what)
    value = _("{what} is {value}").format(what=what, value=_value(finding, result))
    if result.reason == "invalid":
        return _("{value}, but the measurement is invalid").format(value=value)
    return _("{value}: {held}").format(value=value, held=_("held") if result.held else _("failed"))


def _value(finding: ThresholdFinding, result: ThresholdResult) -> str:
    value = result.value or 0.0
    of = column(finding.metric)
    if finding.unit == "%":
        return f"{value_text(of, value)} %" if of.metric.decimals else percent(value / 100)
    return f"{number(value)} {finding.unit}".rstrip()
