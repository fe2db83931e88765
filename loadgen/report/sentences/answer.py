"""What a run answers, in plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from loadgen.analysis.metrics import column
from loadgen.model import (
    Alike,
    Answer,
    ClientId,
    Differs,
    Estimate,
    Failures,
    Group,
    Grows,
    Growth,
    HoldsBack,
    Level,
    Limit,
    Measured,
    Objective,
    Saturates,
    Undecided,
)  # fmt: skip
from loadgen.report.columns import unit_of, value_text
from loadgen.report.language import _, plural
from loadgen.report.sentences.validity import outcome
from loadgen.report.text import number, percent

COSTS = 3  # differences that are named
CAUSES = 4  # kinds of failures that are named


def paragraphs(answers: Iterable[Answer]) -> list[str]:
    """Return the answers as sentences; those of one kind that belong together are one."""
    found = []
    for kind, of in groupby(answers, key=_group):
        found.append(_SENTENCES[kind](list(of)))
    return found


def value(name: str, of: float | None) -> str:
    """Return a value of a column with its unit."""
    metric = column(name)
    unit = unit_of(metric.metric)
    return f"{value_text(metric, of)} {unit}".rstrip() if unit not in metric.label else value_text(metric, of)


def listed(items: Iterable[str]) -> str:
    """Return ``a, b and c``."""
    *first, last = items
    return _("{items} and {last}").format(items=", ".join(first), last=last) if first else last


def _group(answer: Answer) -> str:
    if isinstance(answer, Differs):
        cost = column(answer.metric).group in (Group.CPU, Group.MEMORY)
        return "costs" if cost else "differs"
    return answer.kind


def _failures(answers: Sequence[Failures]) -> str:
    (one,) = answers
    causes = [f"{n:,} × {f'HTTP {status}' if status else outcome(kind, 1)}" for kind, status, n in one.causes]
    more = ", …" if len(causes) > CAUSES else ""
    return _("{failed} of {streams} streams failed: {causes}.").format(
        failed=f"{one.failed:,}", streams=f"{one.streams:,}", causes=", ".join(causes[:CAUSES]) + more
    )


def _measured(answers: Sequence[Measured]) -> str:
    (one,) = answers
    figures = [_figure(name, of) for name, of in one.values.items()]
    return _("{client} at {level}: {figures}.").format(
        client=one.client, level=_level(one.level), figures=", ".join(figures)
    )


def _figure(name: str, of: Estimate) -> str:
    text = f"{_label(name)} {value(name, of.value)}"
    if of.value is None or of.low is None or of.high is None:
        return text
    return f"{text} ±{number((of.high - of.low) / 2)}"


def _alike(answers: Sequence[Alike]) -> str:
    (one,) = answers
    clients = _who(one.clients)
    metrics = listed(map(_label, one.metrics))
    if one.everywhere and len(one.levels) > 1:
        text = _("At every level {clients} have the same {metrics} (within {share}).")
    else:
        text = _("At {level} {clients} have the same {metrics} (within {share}).")
    return text.format(
        level=_level(one.levels[-1]), clients=clients, metrics=metrics, share=percent(one.within)
    )


def _who(clients: Sequence[ClientId]) -> str:
    if len(clients) == 2:
        return listed(map(str, clients))
    return _("all {n} clients").format(n=len(clients))


def _costs(answers: Sequence[Differs]) -> str:
    first = sorted(
        answers, key=lambda one: (not column(one.metric).metric.headline, -(one.ratio.value or 0.0))
    )
    largest = first[:COSTS]
    return _("They differ in cost: {differences}.").format(differences="; ".join(map(_difference, largest)))


def _differs(answers: Sequence[Differs]) -> str:
    text = _("At {level} they differ in {differences}.")
    return text.format(level=_level(answers[0].level), differences="; ".join(map(_difference, answers)))


def _difference(one: Differs) -> str:
    best, worst = (value(one.metric, of.value) for of in (one.best_value, one.worst_value))
    return _("{metric} {best} ({best_client}) to {worst} ({worst_client})").format(
        metric=_label(one.metric), best=best, best_client=one.best, worst=worst, worst_client=one.worst
    )


def _grows(answers: Sequence[Grows]) -> str:
    (one,) = answers
    return _("Each further stream costs {most_client} {most}, {least_client} {least}.").format(
        most_client=one.most.client,
        most=_growth(one.most),
        least_client=one.least.client,
        least=_growth(one.least),
    )


def _growth(one: Growth) -> str:
    memory, threads = f"{number(max(one.memory_kib.value or 0.0, 0.0))} KiB", one.threads.value or 0.0
    count = round(threads)
    if abs(threads - count) > 0.05:
        return _("{memory} and {threads} threads").format(memory=memory, threads=number(threads))
    thread = plural(count, "{n} thread", "{n} threads") if count else _("no thread")
    return _("{memory} and {threads}").format(memory=memory, threads=thread)


def _holds_back(answers: Sequence[HoldsBack]) -> str:
    return " ".join(map(_held, answers))


def _held(one: HoldsBack) -> str:
    text = (
        _("{client} sends late at {level}: up to {delay} (p99) pass before the server has the request.")
        if one.metric == "send_delay"
        else _("{client} receives late at {level}: up to {delay} (p99) pass before it hands over a token.")
    )
    delay = f"{number(one.delay.value)} ms"
    return text.format(client=one.client, level=_level(one.level), delay=delay)


def _saturates(answers: Sequence[Saturates]) -> str:
    return " ".join(map(_saturated, answers))


def _saturated(one: Saturates) -> str:
    texts = {
        Limit.SERVER: _(
            "The server is saturated from {below} on: {level} bring {rate} tokens/s, ×{ratio}, and wait."
        ),
        Limit.CLIENT: _(
            "{client} is at its own limit at {level}: {rate} tokens/s, ×{ratio} that of {below}."
        ),
        Limit.SIMULATOR: _(
            "The simulator is at its limit at {level} with {client}: {rate} tokens/s, ×{ratio}."
        ),
        Limit.MACHINE: _("The machine is at its limit at {level} with {client}: {rate} tokens/s, ×{ratio}."),
    }
    return texts[one.limit].format(
        client=one.client,
        level=_level(one.level),
        below=_level(one.below),
        rate=number(one.tokens_per_s.value),
        ratio=number(one.ratio.value),
    )


def _objective(answers: Sequence[Objective]) -> str:
    found = []
    for text, of in groupby(answers, key=lambda one: one.text):
        parts = [
            _("with {client} up to {level}").format(client=one.client, level=_level(one.holds))
            if one.holds
            else _("with {client} at no level").format(client=one.client)
            for one in of
        ]
        found.append(_("{threshold} holds {where}.").format(threshold=text, where=", ".join(parts)))
    return " ".join(found)


def _undecided(answers: Sequence[Undecided]) -> str:
    (one,) = answers
    metrics = listed(map(_label, one.metrics))
    if one.low is None or one.high is None:
        text = _("Whether they differ in {metrics} cannot be told from one round; use --repeats 3.")
        return text.format(metrics=metrics)
    text = _("Whether they differ in {metrics} cannot be told: by {low} to {high}.").format(
        metrics=metrics, low=_signed(one.low), high=_signed(one.high)
    )
    if one.more_repeats:
        more = plural(one.more_repeats, "{n} more round would decide.", "{n} more rounds would decide.")
        return f"{text} {more}"
    return text


def _signed(share: float) -> str:
    return ("−" if share < 0 else "+") + percent(abs(share))


def _label(name: str) -> str:
    of = column(name)
    label = _(of.metric.label)
    return label if of.rank is None else f"{label} p{of.rank}"


def _level(level: Level) -> str:
    if level.streams is None:
        return _("{rate} per second").format(rate=f"{level.value:g}")
    return plural(level.streams, "{n} stream", "{n} streams")


_SENTENCES: dict[str, Callable[[Any], str]] = {
    "failures": _failures,
    "measured": _measured,
    "alike": _alike,
    "costs": _costs,
    "differs": _differs,
    "grows": _grows,
    "holds_back": _holds_back,
    "saturates": _saturates,
    "objective": _objective,
    "undecided": _undecided,
}
