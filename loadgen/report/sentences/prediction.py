"""The cores that engines were predicted to need, in English: before the run, and beside what they used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf

from loadgen.model import ClientId, Held, Level, Prediction, PredictionFinding
from loadgen.report.columns import where
from loadgen.report.language import _, plural
from loadgen.report.sentences import Sentences
from loadgen.report.text import number


def short(predictions: Iterable[Prediction], given: Mapping[tuple[ClientId, Level], int]) -> Iterator[str]:
    """Yield what each client needs at the lowest level for which the cores that are given to it do not suffice."""
    seen = set()
    for each in sorted(predictions, key=lambda each: each.level):
        cores = given.get((each.client, each.level), inf)
        if each.cores > cores and each.client not in seen:
            seen.add(each.client)
            yield needs(each, cores)


def needs(of: Prediction, given: float) -> str:
    """Return ``requests at 1,000 streams × 20 tokens/s needs about 1.7 cores here; 1 is given``."""
    text = _("{where} needs about {cores} cores here; {given} is given")
    if of.level.streams is not None:
        text = _("{where} × {rate} tokens/s needs about {cores} cores here; {given} is given")
    return text.format(
        where=where(of.client, of.level),
        rate=number(of.tokens_per_s),
        cores=f"{of.cores:.1f}",
        given=f"{given:g}",
    )


def need(of: Prediction) -> str:
    """Return how many cores it needs."""
    return _("needs about {cores} cores").format(cores=f"{of.cores:.2f}")


def carries(of: Prediction) -> str:
    """Return how much of the load one core carries."""
    each = f"{of.per_core:,.2g}" if of.per_core < 100 else f"{float(f'{of.per_core:.2g}'):,.0f}"
    if of.level.streams is not None:
        return _("one core carries about {n} streams at this pace").format(n=each)
    return _("one core carries about {n} arrivals per second").format(n=each)


def sentences(finding: PredictionFinding) -> Sentences:
    """Return how many predictions held, and in the details each with the cores used; those that did not come first."""
    judged = [each for each in finding.held if each.verdict != "slower"]
    right = sum(each.verdict != "off" for each in judged)
    statement = _(
        "The cores that engines need, predicted before the run, came within 30 % in {n} of {all}"
    ).format(n=right, all=plural(len(judged), "{n} measurement", "{n} measurements"))
    order = sorted(finding.held, key=lambda each: each.verdict != "off")
    highest = {each.prediction.client: each.prediction for each in finding.held}
    carried = (where(of.client, None) + ": " + carries(of) for of in highest.values())
    return Sentences(statement, (*map(line, order), *carried))


def line(of: Held) -> str:
    """Return what was predicted of one measurement, what it used, and their ratio."""
    text = {
        "holds": _("{where}: {predicted} cores predicted, {used} used ({ratio} ×)"),
        "off": _("{where}: {predicted} cores predicted, {used} used: off by more than 30 % ({ratio} ×)"),
        "full": _("{where}: {predicted} cores predicted, {used} used, all of the {left} that it could get"),
        "slower": _(
            "{where}: {predicted} cores predicted, {used} used; the server was slower than in the warm-up"
        ),
    }[of.verdict]
    return text.format(
        where=where(of.prediction.client, of.prediction.level),
        predicted=f"{of.prediction.mean:.2f}",
        used=f"{of.used:.2f}",
        left=f"{of.left:.2f}",
        ratio=f"{of.ratio:.2f}",
    )
