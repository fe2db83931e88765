"""What a search found, in words: the answer, what each client carries, why it ended, where curves cross."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Final

from loadgen.analysis.metrics import column
from loadgen.capacity.curves import Crossing, Limit
from loadgen.capacity.loads import Goal
from loadgen.capacity.measure import SearchResult
from loadgen.capacity.objectives import GOOD, ServerObjectives
from loadgen.capacity.readings import Bound, Budget, Obstacle
from loadgen.capacity.search import Capacity
from loadgen.model import ClientId
from loadgen.report.columns import label as label_of
from loadgen.report.columns import level_text
from loadgen.report.language import _, plural
from loadgen.report.sentences.answer import requirement
from loadgen.report.sentences.confidence import HALTED
from loadgen.report.sentences.good import objectives
from loadgen.report.text import joined, listed, number, percent, plain

LABEL_WIDTH: Final = 40


def answer(found: SearchResult) -> list[str]:
    """Return who carries how much, the most first, by what factor they differ, and what stopped them."""
    assert isinstance(found.goal, Budget)
    ranked = sorted(found.clients, key=_value, reverse=True)
    known = [each for each in ranked if each.limit or each.at_least or each.below]
    limited = [each for each in known if each.bound]
    sentences = []
    if known:
        text = _("{where}, within the budget, {client} carries {amounts}.")
        first, *others = known
        amounts = [
            _amount(first, _("{n} arrivals per second") if found.rules.rate else _("{n} streams")),
            *(f"{label(o.client)} {_amount(o)}" for o in others),
        ]
        where = plural(found.cores, "On one core", "On {n} cores")
        sentences.append(text.format(where=where, client=label(first.client), amounts=listed(amounts)))
        sentences += _factor(known[0], known[-1])
    for over, of in groupby(sorted(limited, key=lambda each: str(each.bound)), key=lambda each: each.bound):
        sentences.append(_beyond(over, listed(label(each.client) for each in of), found.goal))
    for why, of in groupby((each for each in ranked if not each.bound), key=lambda each: ended(each, found)):
        text = _("{clients}: {why}.")
        sentences.append(text.format(clients=listed(label(each.client) for each in of), why=why))
    shown = [each for each in found.crossings if each.at or len(found.crossings) == 1]
    return [*sentences, *map(crossing, shown)]


def _amount(each: Capacity, unit: str = "{n}") -> str:
    amount = unit.format(n=carries(each))
    return f"{amount} ({interval(each.limit)})" if each.limit else amount


def _factor(best: Capacity, least: Capacity) -> list[str]:
    """Return how many times as many streams the best carries; nothing where that is not known."""
    if best is least:
        return []
    names = {"best": label(best.client), "least": label(least.client)}
    if _value(least) and _low(best) > _high(least):
        text = _("{best} carries {ratio} times as many as {least}.")
        return [text.format(ratio=number(round(_value(best) / _value(least), 2)), **names)]
    if best.limit and least.limit:
        text = _("Their intervals overlap: it is not clear which of {best} and {least} carries more.")
        return [text.format(**names)]
    return []


def _beyond(over: Bound | None, clients: str, budget: Budget) -> str:
    """Return what happens to these clients with more streams."""
    texts: dict[Bound | None, str] = {
        "lag_p99": _("With more, over 1 % of the tokens of {clients} arrive more than {value} ms late."),
        "errors": _("With more, over {value} % of the streams of {clients} fail."),
        "ttft": _("With more, the median TTFT of {clients} is over {value} times that of one stream."),
        "concurrency": _("With more, {clients} does not have all of them open at once."),
        "rate": _("With more, {clients} starts some of them late."),
        "overload": _("With more, more arrive than end with {clients}."),
    }
    value = {"lag_p99": budget.lag_p99_ms, "errors": 100 * (budget.errors or 0), "ttft": budget.ttft}
    return texts[over].format(clients=clients, value=f"{value.get(over or '') or 0:g}")


def ended(each: Capacity, found: SearchResult) -> str:
    """Return why the search ended that did not find the limit, without figures."""
    texts = {
        "highest": _("more were not tried"),
        "simulator": _("at {level} the simulator was the limit"),
        "machine": _("at {level} the machine was the limit"),
        "interrupted": _("the search was interrupted"),
    }
    level = level_text(found.rules.level(each.tried or 0))
    return texts.get(each.stopped, _("{level} could not be measured")).format(level=level)


def near(value: float) -> str:
    """Return a level between those that were measured, whole where it is high."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def interval(limit: Limit) -> str:
    """Return ``760 to 870``."""
    return _("{low} to {high}").format(low=near(limit.low), high=near(limit.high))


def with_interval(limit: Limit) -> str:
    """Return ``810 (760 to 870)``."""
    return _("{n} ({interval})").format(n=near(limit.value), interval=interval(limit))


def _value(each: Capacity) -> float:
    return each.limit.value if each.limit else float(each.at_least or 0)


def _low(each: Capacity) -> float:
    return each.half.low if each.half else float(each.at_least or 0)


def _high(each: Capacity) -> float:
    return each.half.high if each.half else float(each.below or math.inf)


def describe(goal: Goal) -> str:
    """Return the objectives, or the budget, in words."""
    if isinstance(goal, ServerObjectives):
        asked = listed(requirement(each.metric, each.op, each.value) for each in goal.thresholds)
        limits = goal.slo.limits if any(each.metric == GOOD for each in goal.thresholds) else {}
        text = _("{metric} ({objectives})")
        return text.format(metric=asked, objectives=objectives(limits)) if limits else asked
    budget = goal
    parts = (
        (budget.lag_p99_ms, 1, _("lag p99 at most {value} ms")),
        (budget.errors, 100, _("errors at most {value} %")),
        (budget.ttft, 1, _("TTFT p50 at most {value} times that of one stream")),
    )
    return joined(text.format(value=f"{scale * of:g}") for of, scale, text in parts if of is not None)


def carries(each: Capacity) -> str:
    """Return the limit, or the bounds of it that are known."""
    if each.limit:
        return near(each.limit.value)
    if each.at_least and each.below:
        return _("{low} to {high}").format(low=f"{each.at_least:,g}", high=f"{each.below:,g}")
    if each.at_least:
        return _("at least {n}").format(n=f"{each.at_least:,g}")
    return _("fewer than {n}").format(n=f"{each.below:,g}") if each.below else number(None)


def stopped(each: Capacity) -> str:
    """Return what stopped the client, or its search before that."""
    if each.bound:
        return bound(each.bound)
    texts = {
        "highest": _("--max-streams, or limits of this machine"),
        "simulator": _("the simulator at {n}"),
        "machine": _("the machine at {n}"),
        "interrupted": _("interrupted"),
    }
    return texts.get(each.stopped, _("not measured at {n}")).format(n=f"{each.tried or 0:,g}")


def bound(name: Bound) -> str:
    """Return what of the budget was exceeded."""
    names = {
        "lag_p99": _("lag p99"), "errors": _("errors"), "ttft": _("TTFT"),
        "concurrency": _("target concurrency not reached"), "unfinished": _("streams do not end in time"),
        "rate": _("arrivals start late"), "overload": _("more arrive than end"),
    }  # fmt: skip
    return names.get(name) or label_of(column(name))


def reason(obstacle: Obstacle) -> str:
    """Return why a cell is not about the client."""
    match obstacle.kind:
        case "ended":
            return plain(obstacle.text, 200)
        case "missing":
            return _missing(obstacle.bound)
        case "other_processes":
            share = percent(min(obstacle.share or 0, 1))
            return _("other processes took {share} of the engine's core").format(share=share)
        case "hypervisor":
            return _("the hypervisor took {share} of the engine's core").format(
                share=percent(min(obstacle.share or 0, 1))
            )
        case "gone":
            return _("the target was gone: streams found no server, and none completed after that")
        case "listen_queue":
            return _("the listen queue overflowed")
        case "stopped" | "throttled":
            return _(HALTED[obstacle.kind]).format(share=f"{100 * (obstacle.share or 0):.1f}")
        case "unexplained":
            return _(
                "of the delivery lag, {share} is unexplained: nothing shows that the client is why; look at what is "
                "between client and server"
            ).format(share=percent(obstacle.share or 0))
    late = _("the simulator sent late, p99 {ms} ms").format(ms=f"{obstacle.late_p99_ms or 0:.1f}")
    if obstacle.core is None:
        return late
    text = _("{late}; its core was {busy} in use, {others} by other processes")
    return text.format(late=late, busy=percent(obstacle.core.busy), others=percent(obstacle.core.others))


def _missing(of: Bound | None) -> str:
    if of == "errors":
        return _("errors not measured: no stream has ended")
    if of == "ttft":
        return _("TTFT not measured: no stream has one")
    if of not in (None, "lag_p99"):
        return _("{figure} not measured: too few streams have it").format(figure=bound(of or ""))
    return _(
        "lag p99 not measured: too few tokens, or the server’s clock does not give it; --ttft needs no clock"
    )


def crossing(each: Crossing) -> str:
    """Return one sentence on two curves."""
    words = {
        "one": label(each.one),
        "other": label(each.other),
        "low": f"{each.low:,g}",
        "high": f"{each.high:,g}",
    }
    if each.lower is None:
        text = _("{one} and {other} do not differ beyond the noise between {low} and {high} streams.")
        return text.format(**words)
    words["lower"] = label(each.lower)
    if each.at is not None:
        words |= {
            "at": near(each.at.value),
            "low": near(each.at.low),
            "high": near(each.at.high),
        }
        text = _(
            "{one} and {other} cross at {at} streams ({low} to {high}): below, {lower} uses less of the budget, "
            "above more."
        )
    elif each.throughout:
        text = _(
            "{one} and {other} do not cross between {low} and {high} streams: {lower} used less of the budget "
            "throughout."
        )
    else:
        text = _(
            "{one} and {other} do not cross between {low} and {high} streams: {lower} used less of the budget "
            "wherever they differ beyond the noise."
        )
    return text.format(**words)


def label(client: ClientId) -> str:
    """Return the client's label, printable and not too long."""
    return plain(client.label, LABEL_WIDTH)
