"""How many streams were good, and what the others missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import dropwhile

from loadgen.analysis.metrics import column
from loadgen.model import OBJECTIVES, Good
from loadgen.report.columns import label, level_text, value_text, where
from loadgen.report.language import _, plural
from loadgen.report.text import flowing, joined, number


def objectives(limits: Mapping[str, float]) -> str:
    """Return ``TTFT within 1 s, ITL within 100 ms``."""
    text = _("{metric} within {limit}")
    return joined(text.format(metric=objective(name), limit=milliseconds(of)) for name, of in limits.items())


def objective(name: str) -> str:
    """Return what the metric of an objective is called: ``TTFT``."""
    return label(column(f"{name}_p50_ms").metric)


def milliseconds(limit: float) -> str:
    """Return ``1.5 s`` or ``100 ms``."""
    return f"{limit / 1000:g} s" if limit >= 1000 else f"{limit:g} ms"


def good(answers: Sequence[Good]) -> Iterator[str]:
    """Yield the good streams of the only measurement, over the levels of the only client, or of several clients at the
    highest level.
    """
    unjudged = [one for one in answers if one.percent.value is None]
    known = [one for one in answers if one.percent.value is not None]
    if not known:
        yield from _not_judged(unjudged)
        return
    clients = {one.client for one in known}
    highest = max(one.level for one in known)
    last = [one for one in known if one.level == highest]
    if len(known) == 1:
        text = _("{where}: {share} of {streams} were good ({objectives}): {rate} per second.")
        first = text.format(
            where=where(last[0].client, highest),
            share=share(last[0]),
            streams=plural(last[0].percent.n or 0, "{n} stream", "{n} streams"),
            objectives=objectives(last[0].limits),
            rate=number(last[0].goodput.value),
        )
    elif len(clients) == 1:
        first = _over_levels(known)
    else:
        text = _("Good streams at {level} ({objectives}): {clients}.")
        each = _("{client} {share} of {n}, {rate} per second")
        named = (
            each.format(
                client=one.client, share=share(one), n=f"{one.percent.n:,}", rate=number(one.goodput.value)
            )
            for one in last
        )
        alike = len({tuple(one.limits.items()) for one in last}) == 1
        first = text.format(
            level=level_text(highest),
            objectives=objectives(last[0].limits) if alike else _("each by its own objectives"),
            clients=_("; ").join(named),
        )
    yield flowing([first, *_missed(last, "" if len(known) == len(last) else level_text(highest))])
    yield from _not_judged(unjudged)


def share(of: Good) -> str:
    """Return ``97.2 %``; 100 % is all of them, and no rounded figure."""
    value = of.percent.value or 0.0
    text = value_text(column("good_percent"), value) if 99 < value < 100 else number(value)
    return f"{text} %"


def _over_levels(sweep: Sequence[Good]) -> str:
    """Return the share at each level; of the lowest levels with good streams alone, the highest."""
    all_good = [one for one in sweep if one.percent.value == 100]
    best = [one for one, other in zip(sweep, all_good, strict=False) if one is other]
    rest = list(dropwhile(lambda one: one in best, sweep))
    texts = []
    if best:
        up_to = _("100 % up to {level}") if len(best) > 1 else _("100 % at {level}")
        texts.append(up_to.format(level=level_text(best[-1].level)))
    texts += [_("{share} at {level}").format(share=share(one), level=level_text(one.level)) for one in rest]
    most = max(sweep, key=lambda one: one.goodput.value or 0.0)
    return flowing(
        [
            _("Good streams with {client} ({objectives}): {levels}.").format(
                client=sweep[0].client, objectives=objectives(sweep[0].limits), levels=joined(texts)
            ),
            _("The most good streams per second are {rate}, at {level}.").format(
                rate=number(most.goodput.value), level=level_text(most.level)
            ),
        ]
    )


def _missed(answers: Sequence[Good], level: str) -> Iterator[str]:
    """Yield what was missed most, how many failed, and how many missed single gaps only."""
    counts = {name: sum(one.missed.get(name, 0) for one in answers) for name in OBJECTIVES}
    ordered = sorted((name for name in counts if counts[name]), key=lambda name: -counts[name])
    texts = [f"{objective(name)} ({counts[name]:,})" for name in ordered]
    if failed := sum(one.failed for one in answers):
        texts.append(plural(failed, "{n} stream failed", "{n} streams failed"))
    if never := sum(one.never_started for one in answers):
        texts.append(plural(never, "{n} arrival never started", "{n} arrivals never started"))
    if texts:
        text = _("Missed at {level}: {counts}.") if level else _("Missed: {counts}.")
        yield text.format(level=level, counts=joined(texts))
    if single := sum(one.single_gaps for one in answers):
        yield plural(
            single,
            "{n} stream missed only {itl}, by single gaps: its mean gap is within it, and would hold as tpot_ms.",
            "{n} streams missed only {itl}, by single gaps: their mean gaps are within it, and would hold as tpot_ms.",
            itl=objective("itl"),
        )


def _not_judged(answers: Sequence[Good]) -> Iterator[str]:
    for one in answers:
        text = _("{where}: no stream could be judged by {objectives}: answers came as one event each.")
        if not one.not_judged:
            text = _("{where}: no stream could be judged by {objectives}: all were stopped before their end.")
        yield text.format(where=where(one.client, one.level), objectives=objectives(one.limits))
