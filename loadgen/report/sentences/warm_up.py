"""What the warm-up saw, and what that means for the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from loadgen.analysis.pace import RESIDENT_S, one_at_a_time_s, pace, served
from loadgen.model import Calibration, Cell, Outcome, WarmUp, Workload
from loadgen.report.language import _, plural
from loadgen.report.sentences.validity import outcome
from loadgen.report.text import clauses, duration, joined, number

SPARE = 0.8  # share of a timeout that advice makes use of
SLOW_S = 60.0  # a run that may take longer than that says so


def begins(requests: int) -> str:
    """Return that the warm-up begins."""
    text = plural(
        requests,
        "Warm-up: {n} request, read to its end and not measured",
        "Warm-up: {n} requests, read to their end and not measured",
    )
    return _("{text}; the model may have to load. warm_up: 0 leaves it out.").format(text=text)


def saw(warm_up: WarmUp) -> str:
    """Return what the last request of the warm-up saw."""
    if warm_up.outcome is not Outcome.OK:
        text = _("Warm-up: the request failed ({why}); the run goes on")
        why = joined(filter(None, [outcome(str(warm_up.outcome), 1), warm_up.error]))
        return text.format(why=why)
    if not warm_up.tokens:
        return _("Warm-up: the answer took {seconds} s").format(seconds=number(warm_up.total_s))
    parts = [plural(warm_up.tokens, "{n} token", "{n} tokens")]
    if warm_up.ttft_s is not None:
        parts.append(_("the first after {seconds} s").format(seconds=number(warm_up.ttft_s)))
    if warm_up.load_s is not None and warm_up.load_s > RESIDENT_S and not warm_up.resident:
        text = _("of which the model took {seconds} s to load")
        parts.append(text.format(seconds=number(warm_up.load_s)))
    rate = None
    if warm_up.ttft_s is not None and warm_up.total_s and warm_up.tokens > 1:
        decoded = warm_up.total_s - warm_up.ttft_s
        rate = (warm_up.tokens - 1) / decoded if decoded > 0 else None
    if rate is not None:
        parts.append(_("then {rate} tokens/s").format(rate=number(rate)))
    return _("Warm-up: {parts}").format(parts=joined(parts))


def calibrated(of: Calibration) -> str:
    """Return by what the lengths of made prompts are known."""
    if of.source == "server":
        text = _(
            "Prompts: by the server's count of two of them, tokens = {template} (its template) + {per_word} × words"
        )
        return text.format(template=number(of.template), per_word=number(of.per_word))
    if of.source == "simulator":
        return _("Prompts: the simulator counts a token for every four bytes")
    reasons = {
        "": _("no request was sent before the first measurement (warm_up: 0)"),
        "no counts": _("the server reports no number of prompt tokens"),
        "failed": _("the requests of the warm-up failed"),
        "implausible": _("the server's counts do not grow with the prompt; is its context shorter?"),
    }
    text = _("The length of prompts is not calibrated, with a token taken for each word: {why}.")
    return text.format(why=reasons[of.reason])


def warnings(warm_up: WarmUp, cells: Sequence[Cell]) -> list[str]:
    """Return what a server that answers one request at a time makes of the run, where that matters."""
    found, made = pace(warm_up), list[str]()
    if found is None or not cells:
        return made
    answers = cells[0].workload
    most = max(cell.level.streams or 1 for cell in cells)
    seconds = one_at_a_time_s(cells, found)
    if seconds > SLOW_S:
        text = _(
            "A server that answers one request at a time (Ollama's default) takes about {time} for this run."
        )
        made.append(text.format(time=duration(seconds)))
    rate = max((cell.level.rate or 0.0 for cell in cells), default=0.0)
    if rate * found.answer_s > 1:
        text = _(
            "At this speed a server that answers one request at a time completes {completed} of the {rate} requests "
            "that arrive in a second; the others queue, and fail after {timeout} ({seconds} s). What would help: "
            "{remedies}."
        )
        remedies = [
            _("a lower rate (--rate {n})").format(n=number(SPARE / found.answer_s)),
            *_shorter(answers, int(warm_up.tokens * SPARE / (rate * found.answer_s))),
            *([_("OLLAMA_NUM_PARALLEL on the server")] if answers.is_ollama else []),
        ]
        made.append(
            text.format(
                completed=number(1 / found.answer_s),
                rate=number(rate),
                timeout="timeouts.first_token",
                seconds=number(answers.timeouts.first_token),
                remedies=clauses(remedies),
            )
        )
    if (number_served := served(most, found, answers.timeouts)) < most:
        first = answers.timeouts.first_token < answers.timeouts.total
        key = "timeouts.first_token" if first else "timeouts.total"
        limit = answers.timeouts.first_token if first else answers.timeouts.total
        text = _(
            "At this speed a server that answers one request at a time serves about {served} of {streams} streams "
            "before {timeout} ({seconds} s); the others fail. What would help: {remedies}."
        )
        remedies = [
            _("fewer streams (--concurrency {n})").format(n=max(1, number_served)),
            *_shorter(answers, int(warm_up.tokens * SPARE * limit / (most * found.answer_s))),
            *([_("OLLAMA_NUM_PARALLEL on the server")] if answers.is_ollama else []),
            _("a longer timeout (--set {timeout}={seconds}s)").format(
                timeout=key, seconds=math.ceil(most * found.answer_s / SPARE)
            ),
        ]
        made.append(
            text.format(
                served=number_served,
                streams=most,
                timeout=key,
                seconds=number(limit),
                remedies=clauses(remedies),
            )
        )
    return made


def _shorter(workload: Workload, tokens: int) -> Iterator[str]:
    other = "options.max_output_tokens" if workload.protocol == "openai-responses" else "options.max_tokens"
    key = "options.num_predict" if workload.is_ollama else other
    if tokens:
        yield _("shorter answers (--set {key}={n})").format(key=key, n=tokens)
