"""What a run answers, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from loadgen.analysis.answer.saturates import PLATEAU
from loadgen.analysis.answer.undecided import MAX_MORE
from loadgen.analysis.metrics import column
from loadgen.model import (
    Alike,
    Answer,
    Carries,
    Connects,
    Differs,
    Estimate,
    Failure,
    Failures,
    Good,
    Grows,
    Growth,
    HeldBack,
    HeldUp,
    HoldsBack,
    KeptOpen,
    Level,
    Limit,
    Loads,
    Measured,
    Objective,
    OnCores,
    Outcome,
    Saturates,
    Scales,
    StoppedEarly,
    Undecided,
    Waiting,
)  # fmt: skip
from loadgen.report.columns import label, level_text, rank_of, unit_of, value_text
from loadgen.report.language import _, plural, spelled
from loadgen.report.sentences.good import good, milliseconds
from loadgen.report.sentences.validity import outcome
from loadgen.report.text import (
    clauses,
    flowing,
    is_noisy,
    joined,
    listed,
    noisy,
    number,
    percent,
    plain,
    time,
)

DIFFERENCES = 3  # that are named, of costs and of the rest
QUEUES = 0.5  # share of the TTFT from which on the wait in the queue is reported
MIN_WAITED_S = 1.0  # a shorter wait after failures is not named
NONE_WAITED = 0.05  # requests in the mean: fewer are none
CAUSES = 4  # kinds of failures that are named
SAID = 160  # characters of an error
SAYS_IT = (Outcome.REFUSED, Outcome.CONNECT_TIMEOUT)  # the error of a library adds nothing


def paragraphs(answers: Iterable[Answer]) -> list[str]:
    """Return the answers as sentences; those of one kind that belong together are one."""
    grouped = groupby(answers, key=lambda one: _SENTENCES[type(one)])
    return [text for sentences, of in grouped for text in sentences(list(of))]


def value(name: str, of: float | None) -> str:
    """Return a value of a column with its unit."""
    metric = column(name)
    return f"{value_text(metric, of)} {unit_of(metric.metric)}".rstrip()


def _failures(answers: Sequence[Failures]) -> Iterator[str]:
    for one in answers:
        if one.silent:
            text = _(
                "{silent} of {streams} streams completed without output: no text, no tool call, no refusal."
            )
            yield text.format(silent=f"{one.silent:,}", streams=f"{one.streams:,}")
        if not one.failed:
            continue
        causes = list(map(_cause, one.causes))
        more = ", …" if len(causes) > CAUSES else ""
        yield _("{failed} of {streams} streams failed: {causes}.").format(
            failed=f"{one.failed:,}", streams=f"{one.streams:,}", causes=clauses(causes[:CAUSES]) + more
        )
        if one.raced:
            yield plural(
                one.raced,
                "{n} stream ended while its request was on its way, and only where the answer before had left the "
                "connection open: the server closed it meanwhile (keep-alive race). A longer keep-alive timeout of the "
                "server avoids that, and so does {setting} here.",
                "{n} streams ended while their request was on its way, and only where the answer before had left the "
                "connection open: the server closed it meanwhile (keep-alive race). A longer keep-alive timeout of the "
                "server avoids that, and so does {setting} here.",
                setting="connections: new",
            )
        if one.waited_s >= MIN_WAITED_S:
            text = _("After failures the slots waited {seconds} s in all before they tried again.")
            yield text.format(seconds=f"{one.waited_s:,.0f}")


def _cause(of: Failure) -> str:
    """Return ``38 × HTTP 503: server busy``."""
    text = f"{of.streams:,} × {f'HTTP {of.status}' if of.status else outcome(of.outcome, 1)}"
    if not of.text or of.outcome in SAYS_IT:
        return text
    return _("{outcome}: {error}").format(outcome=text, error=plain(of.text, SAID).rstrip("."))


def _loads(answers: Sequence[Loads]) -> Iterator[str]:
    for one in answers:
        short, long = number(one.shortest_s), number(one.longest_s)
        text = _(
            "{waited} of {streams} streams waited {seconds} s for the model to load; that is in their latency."
        )
        seconds = short if short == long else _("{low} to {high}").format(low=short, high=long)
        texts = [text.format(waited=f"{one.waited:,}", streams=f"{one.streams:,}", seconds=seconds)]
        if one.kept is False:
            why = _(
                "The server keeps no model in memory: set OLLAMA_KEEP_ALIVE there, or body: {setting} here."
            )
            texts.append(why.format(setting="{keep_alive: 5m}"))
        yield flowing(texts)


def _kept_open(answers: Sequence[KeptOpen]) -> Iterator[str]:
    for one in answers:
        text = _(
            "The server kept the body open after the end of {kept} of {streams} answers: each connection was closed "
            "after {seconds} s (timeouts.drain), in which its slot asked nothing; no latency includes that."
        )
        yield text.format(kept=f"{one.kept:,}", streams=f"{one.streams:,}", seconds=number(one.bound_s))


def _carries(answers: Sequence[Carries]) -> Iterator[str]:
    """Yield a sentence on the rates that the server carries and on the next; clients of the same rates share it."""
    alike: dict[tuple[Level | None, Level | None, Limit | None, bool, bool], list[Carries]] = {}
    for one in answers:
        alike.setdefault((one.holds, one.fails, one.limit, one.failed > 0, one.unclear), []).append(one)
    for (holds, fails, limit, has_failed, unclear), found in alike.items():
        clients = listed(str(one.client) for one in found)
        texts = list[str]()
        named = _stages if found[0].stages else level_text
        if holds:
            text = (
                _("At {level} the server keeps up{with_clients}: {latency} from the schedule.")
                if holds == found[0].lowest
                else _(
                    "Up to {level} the server keeps up{with_clients}: {latency} or less from the schedule."
                )
            )
            with_clients = _(" with {clients}").format(clients=clients) if len(alike) > 1 else ""
            texts.append(text.format(level=named(holds), with_clients=with_clients, latency=_latency(found)))
        if fails:
            rates = sorted(one.completed.value or 0.0 for one in found)
            ends = list(dict.fromkeys(number(rates[place]) for place in (0, -1)))
            rate = ends[0] if len(ends) == 1 else _("{low} to {high}").format(low=ends[0], high=ends[1])
            text = _FAILS[limit]()
            if has_failed:
                text = _("At {level} {share} of the streams failed: {rate} per second are completed.")
            if unclear:
                text = _(
                    "At {level} it is not clear whether the server keeps up: {rate} per second are completed, and "
                    "latencies rise. A longer load.duration tells."
                )
            if not holds and len(alike) > 1 and limit is not Limit.CLIENT:
                text = _("With {clients}: {text}").format(clients=clients, text=text)
            texts.append(
                text.format(
                    level=named(fails),
                    clients=clients,
                    rate=rate,
                    share=percent(max(one.failed for one in found)),
                )
            )
        yield flowing(texts)


def _stages(highest: Level) -> str:
    return _("stages of up to {level}").format(level=level_text(highest))


def _latency(found: Sequence[Carries]) -> str:
    """Return ``TTFT p95 412 ms ±20``: the longest of these clients."""
    metric = found[0].metric
    longest = max(found, key=lambda one: one.latency.value or 0.0).latency
    of = column(metric)
    half = (
        "" if longest.low is None or longest.high is None else f" ±{number((longest.high - longest.low) / 2)}"
    )
    return f"TTFT {rank_of(of)} {value(metric, longest.value)}{half}"


_FAILS: Mapping[Limit | None, Callable[[], str]] = {
    Limit.SERVER: lambda: _("At {level} it completes {rate} per second, and the queue grows."),
    Limit.CLIENT: lambda: _(
        "At {level} {clients} is at its own limit: {rate} per second are completed, and arrivals wait for the client."
    ),
    Limit.MACHINE: lambda: _("At {level} this machine is at its limit: {rate} per second are completed."),
    Limit.SIMULATOR: lambda: _("At {level} the simulator is at its limit: {rate} per second are completed."),
    None: lambda: _("At {level} {rate} per second are completed, and more and more arrivals wait."),
}


def _held_back(answers: Sequence[HeldBack]) -> Iterator[str]:
    for one in answers:
        texts = list[str]()
        if one.held:
            text = _(
                "At {level} {client} held back {share} of the arrivals for up to {time} (p{percentile}), while "
                "load.max_streams ({most}) were open; latencies from the schedule have that wait."
            )
            if not one.wait.value:  # too few for a p99
                text = _(
                    "At {level} {client} held back {share} of the arrivals, while load.max_streams ({most}) were "
                    "open; latencies from the schedule have that wait."
                )
            texts.append(
                text.format(
                    level=level_text(one.level),
                    client=one.client,
                    share=percent(one.held),
                    percentile=one.percentile,
                    time=time(one.wait.value or 0.0),
                    most=f"{one.max_streams or 0:,}",
                )
            )
        if one.never:
            text = _(
                "{share} of the arrivals at {level} had not started when the load ended, and have no latency."
            )
            texts.append(text.format(level=level_text(one.level), share=percent(one.never)))
        yield flowing(texts)


def _compared(answers: Sequence[Alike | Differs]) -> Iterator[str]:
    """Yield in what clients are alike, then what their users see them differ in, then what they cost."""
    known: Level | None = None
    for one in answers:
        if isinstance(one, Alike):
            known = None if _everywhere(one) else one.levels[-1]
            yield _alike(one)
    for cost in (False, True):
        pairs = [one for one in answers if isinstance(one, Differs) and one.cost is cost]
        if not pairs:
            continue
        if cost:
            text = _("They differ in cost: {what}.") if known else _("At {level} the costs differ: {what}.")
        else:
            text = _("They differ: {what}.") if known else _("At {level} the clients differ: {what}.")
        known = pairs[0].level
        yield text.format(level=level_text(known), what=_differences(pairs, cost))


def _everywhere(one: Alike) -> bool:
    return one.all_levels and len(one.levels) > 1


def _alike(one: Alike) -> str:
    if not one.all_clients or len(one.clients) == 2:
        clients = listed(map(str, one.clients))
    else:
        clients = _("all {n} clients").format(n=spelled(len(one.clients)))
    if _everywhere(one):
        text = _("At every level {clients} give the same {metrics} (within {share}).")
    else:
        text = _("At {level} {clients} give the same {metrics} (within {share}).")
    return text.format(
        level=level_text(one.levels[-1]),
        clients=clients,
        metrics=listed(map(_name, one.metrics)),
        share=percent(one.within),
    )


def _differences(pairs: Sequence[Differs], cost: bool) -> str:
    """Return the largest differences in main figures, else in others, both clients' values side by side."""
    every = [each for pair in pairs for each in pair.contrasts]
    main = [each for each in every if column(each.metric).metric.headline] or every
    chosen = sorted(main, key=lambda of: -abs(math.log(of.ratio.value or 1.0)))[:DIFFERENCES]
    found = list[str]()
    for pair in pairs:
        named = [each for each in chosen if each in pair.contrasts]
        if not named:
            continue
        best = listed(_amount(each.metric, each.best.value) for each in named)
        worst = listed(_short(each.metric, each.worst.value) for each in named)
        text = (
            _("{best_client} needs {best}, {worst_client} {worst}")
            if cost and not found
            else _("{best_client} {best}, {worst_client} {worst}")
        )
        found.append(text.format(best_client=pair.best, best=best, worst_client=pair.worst, worst=worst))
    return clauses(found)


def _amount(name: str, of: float | None) -> str:
    """Return ``13.7 KiB per stream``: the figure, and what it is of."""
    texts: Mapping[str, str] = {
        "threads_peak": "{value}",
        "tokens_per_s": "{value}",
        "mib_per_s": "{value}",
        "cpu_us_per_mib": _("{value} of CPU per MiB"),
        "rss_per_stream_kib": _("{value} per stream"),
        "cpu_us_per_token": _("{value} of CPU per token"),
        "switches_per_token": _("{value} context switches per token"),
    }
    return texts.get(name, "{label} {value}").format(label=label(column(name)), value=_short(name, of))


def _short(name: str, of: float | None) -> str:
    if name == "threads_peak":
        return plural(round(of or 0.0), "{n} thread", "{n} threads")
    return value_text(column(name), of) if name == "switches_per_token" else value(name, of)


def _objective(answers: Sequence[Objective]) -> Iterator[str]:
    alone = len({one.client for one in answers}) == 1
    for (name, op, limit), of in groupby(answers, key=lambda one: (one.metric, one.op, one.value)):
        parts = [
            _range(one) if alone else _("with {client} {range}").format(client=one.client, range=_range(one))
            for one in of
        ]
        what = requirement(name, op, limit)
        yield _("{threshold} holds {where}.").format(
            threshold=what[:1].upper() + what[1:], where=clauses(parts)
        )


def requirement(name: str, op: str, limit: float) -> str:
    """Return ``TTFT p95 < 1 s``; the limit of ``errors`` is a percentage."""
    of = column(name)
    unit = "%" if name == "errors" else of.unit
    bound = milliseconds(limit) if unit == "ms" else f"{limit:,g} {unit}".rstrip()
    return f"{label(of)} {op} {bound}"


def _range(one: Objective) -> str:
    holds, fails = (level and level_text(level) for level in (one.holds, one.fails))
    if not holds:
        return _("at no level: it fails at {fails}").format(fails=fails)
    if one.all_levels:
        return _("up to {holds}, the highest level").format(holds=holds)
    if not fails:
        return _("up to {holds}, above that it is not clear").format(holds=holds)
    fails = f"{one.fails.streams:,}" if one.fails and one.fails.streams else fails
    return _("up to {holds} and fails at {fails}").format(holds=holds, fails=fails)


def _saturates(answers: Sequence[Saturates]) -> Iterator[str]:
    for one in answers:
        yield flowing((_growth_ends(one), *_service(one)))


def _growth_ends(one: Saturates) -> str:
    texts = {
        Limit.SERVER: _(
            "The server saturates between {below} and {level}: {rate}, {ratio} times that of {below}."
        ),
        Limit.CLIENT: _("{client} reaches its own limit at {level}: {rate}, {ratio} times that of {below}."),
        Limit.SIMULATOR: _(
            "The simulator reaches its limit at {level} with {client}: {rate}, {ratio} times that of {below}."
        ),
        Limit.MACHINE: _(
            "The machine reaches its limit at {level} with {client}: {rate}, {ratio} times that of {below}."
        ),
    }
    text, below = texts[one.limit], level_text(one.below)
    if one.waits:
        below = f"{one.below.value:,g}"
        if one.verdict:
            text = _("{below} → {level} seem only to wait: {rate} from {below} on.")
        elif (one.ratio.high or 1.0) < 1 / PLATEAU:
            text = _(
                "{below} → {level} only wait, and the server slows down: {rate}, {ratio} times that of {below}."
            )
        else:
            text = _("{below} → {level} only wait: {rate} from {below} on.")
    return text.format(
        client=one.client,
        level=level_text(one.level),
        below=below,
        rate=value("tokens_per_s", one.tokens_per_s.value),
        ratio=number(one.ratio.value),
    )


def _service(one: Saturates) -> Iterator[str]:
    """Yield how many streams the server serves at once, how long the others wait, and what is not certain."""
    if one.served.value is not None:
        served = max(1, round(one.served.value))
        yield plural(served, "It serves {n} stream at once.", "It serves about {n} streams at once.")
    elif one.speedup.value is not None:
        text = _("It sends {n} times the tokens per second of one stream alone.")
        yield text.format(n=number(one.speedup.value))
    if one.queue.value is not None and one.ttft.value and one.queue.value >= QUEUES * one.ttft.value:
        text = _("Of the TTFT at {level}, {queue} of {ttft} ms (p50) are waiting in the queue.")
        queue, ttft = number(min(one.queue.value, one.ttft.value)), number(one.ttft.value)
        yield text.format(level=level_text(one.level), queue=queue, ttft=ttft)
    if one.verdict:
        yield (
            _("One round cannot tell; use --repeats 3.")
            if one.ratio.high is None
            else _("The rounds differ too much to be sure.")
        )


def _waiting(answers: Sequence[Waiting]) -> Iterator[str]:
    for one in answers:
        text = _("At {level}, {waiting} requests waited at the server on average, by its own metrics.")
        if one.waiting < NONE_WAITED:
            text = _("At {level} no request waited at the server, by its own metrics.")
        elif one.running is not None:
            text = _(
                "At {level}, {running} requests ran at the server and {waiting} waited on average, by its own metrics."
            )
        running, waiting = number(one.running), number(one.waiting)
        shown = text.format(level=level_text(one.level), running=running, waiting=waiting)
        texts = {
            "agrees": _("That agrees with the times that it reports, by which it serves {n} at once."),
            "contradicts": _("That contradicts the times that it reports, by which it serves {n} at once."),
        }
        more = texts.get(one.verdict, "").format(n=f"{one.served or 0:.3g}")
        yield flowing(filter(None, (shown, more)))


def _scales(answers: Sequence[Scales]) -> Iterator[str]:
    for one in answers:
        yield _(
            "Up to {level} the server keeps up: {times} times the streams bring {ratio} times the tokens/s."
        ).format(
            level=level_text(one.level),
            times=f"{one.level.value / one.below.value:,.3g}",
            ratio=number(one.ratio.value),
        )


def _connects(answers: Sequence[Connects]) -> Iterator[str]:
    for (level, metric), of in groupby(answers, key=lambda one: (one.level, one.metric)):
        text = _("{client} {connecting} of {first} ms")
        clients = listed(
            text.format(
                client=one.client, connecting=number(one.connecting.value), first=number(one.first.value)
            )
            for one in of
        )
        text = (
            _(
                "At {level} opening connections is a large part of the time to the first byte: {clients} (p50)."
            )
            if metric == "ttfb"
            else _(
                "At {level} opening connections is a large part of the TTFT: {clients} (p50). The metric “TTFT "
                "without connecting” leaves it out."
            )
        )
        yield text.format(level=level_text(level), clients=clients)


def _holds_back(answers: Sequence[HoldsBack]) -> Iterator[str]:
    for (metric, level, shown), of in groupby(answers, key=lambda one: (one.metric, one.level, one.shown)):
        clients = list(of)
        delays = [value(f"{metric}_p99_ms", one.delay.value) for one in clients]
        named = listed(f"{one.client} ({delay})" for one, delay in zip(clients, delays, strict=True))
        if not shown:
            text = (
                _(
                    "Requests reach the server late at {level}, and nothing shows that the client is why: {clients}, "
                    "p99. They were on their way, or waited to be accepted."
                )
                if metric == "send_delay"
                else _(
                    "Tokens arrive late at {level}, and nothing shows that the client is why: {clients}, p99. Look at "
                    "what is between client and server: a proxy, the network."
                )
            )
            yield text.format(clients=named, level=level_text(level))
            continue
        texts = {
            ("start_delay", True): _(
                "{clients} starts late at {level}: up to {delay} (p99) after an arrival was due and not held back."
            ),
            ("start_delay", False): _(
                "At {level} {clients} start late: that long (p99) after an arrival was due and not held back."
            ),
            ("send_delay", True): _(
                "{clients} sends late at {level}: up to {delay} (p99) pass before the server has the request."
            ),
            ("send_delay", False): _(
                "At {level} {clients} send late: that long (p99) passes before the server has the request."
            ),
            ("lag", True): _(
                "{clients} receives late at {level}: up to {delay} (p99) pass before it hands over a token."
            ),
            ("lag", False): _(
                "At {level} {clients} receive late: that long (p99) passes before they hand over a token."
            ),
        }
        alone = len(clients) == 1
        yield texts[metric, alone].format(
            clients=clients[0].client if alone else named,
            delay=delays[0],
            level=level_text(level),
        )


def _grows(answers: Sequence[Grows]) -> Iterator[str]:
    for one in answers:
        yield _("Each further stream costs {least_client} {least}, {most_client} {most}.").format(
            least_client=one.least.client,
            least=_growth(one.least),
            most_client=one.most.client,
            most=_growth(one.most),
        )


def _growth(one: Growth) -> str:
    memory, threads = f"{number(max(one.memory_kib.value or 0.0, 0.0))} KiB", one.threads.value or 0.0
    count = round(threads)
    if abs(threads - count) > 0.05:
        return _("{memory} and {threads} threads").format(memory=memory, threads=number(threads))
    thread = plural(count, "{n} thread", "{n} threads") if count else _("no thread")
    return _("{memory} and {threads}").format(memory=memory, threads=thread)


def _measured(answers: Sequence[Measured]) -> Iterator[str]:
    for one in answers:
        yield _("{client} at {level}: {figures}.").format(
            client=one.client,
            level=level_text(one.level),
            figures=joined(_figure(name, of) for name, of in one.values.items()),
        )


def _figure(name: str, of: Estimate) -> str:
    half = "" if of.low is None or of.high is None else f" ±{number((of.high - of.low) / 2)}"
    return f"{_amount(name, of.value)}{half}"


def _held_up(answers: Sequence[HeldUp]) -> Iterator[str]:
    for one in answers:
        text = _(
            "The machine held up {clients} at {level}; only one that does not tells its latency and CPU."
        )
        yield text.format(clients=listed(map(str, one.clients)), level=level_text(one.level))


def _undecided(answers: Sequence[Undecided]) -> Iterator[str]:
    advice = ""
    for one in answers:
        if not one.metrics:
            yield _("One round has no ±, so nothing follows from it; use --repeats 3.")
            continue
        if one.low is None or one.high is None:
            text = _(
                "It is not clear from one round whether the clients differ in {metrics}; use --repeats 3."
            )
        elif one.low > 0 or one.high < 0:
            text = _("The clients seem to differ in {metrics} ({interval}), but not beyond doubt.")
        elif one.clients:
            text = _(
                "It is not clear from {n} rounds whether {clients} and the others differ in {metrics} ({interval})."
            )
        else:
            text = _("It is not clear from {n} rounds whether the clients differ in {metrics} ({interval}).")
        text = text.format(
            clients=listed(map(str, one.clients)) if one.clients else "",
            metrics=listed(map(_name, one.metrics)),
            n=spelled(one.rounds),
            interval=_between(one.low or 0.0, one.high or 0.0),
        )
        before, advice = advice, "" if one.low is None else _what_would_decide(one)
        yield flowing([text, advice]) if advice and advice != before else text


def _what_would_decide(one: Undecided) -> str:
    if one.more_rounds:
        return _("About {n} more would decide.").format(n=spelled(one.more_rounds))
    if one.disturbed:
        return _("A quieter machine would help more than more rounds.")
    return _("Even {n} more would not decide.").format(n=MAX_MORE)


def _between(low: float, high: float) -> str:
    """Return ``−12 % to +24 %`` for a change, or that it is too noisy to tell."""
    if is_noisy(low, high):
        return noisy()
    return _("{low} to {high}").format(low=_signed(low), high=_signed(high))


def _signed(share: float) -> str:
    return ">+1,000 %" if share > 10 else ("−" if share < 0 else "+") + percent(abs(share))


def _name(column_name: str) -> str:
    """Return what the column is called in a sentence."""
    names: Mapping[str, str] = {
        "ttft_p50_ms": _("median TTFT"),
        "total_p50_ms": _("total time"),
        "ttft_corrected_p50_ms": _("median TTFT from the schedule"),
        "total_corrected_p50_ms": _("total time from the schedule"),
        "completed_per_s": _("completed streams per second"),
        "tokens_per_s": _("token rate"),
        "ttfb_p50_ms": _("median TTFB"),
        "mib_per_s": _("bytes per second"),
    }
    return names.get(column_name) or label(column(column_name))


def _stopped(answers: Sequence[StoppedEarly]) -> Iterator[str]:
    for one in answers:
        text = (
            _(
                "At {level} {stopped} of {cells} cells ended early, overloaded from t = {since} s on ({clients})."
            )
            if one.why == "overload"
            else _(
                "At {level} {stopped} of {cells} cells ended early, the first after {at} s: too many streams failed "
                "({clients})."
            )
        )
        yield text.format(
            level=level_text(one.level),
            stopped=one.stopped,
            cells=one.cells,
            since=f"{one.since_s:.1f}",
            at=f"{one.at_s:.1f}",
            clients=joined(map(plain, one.clients)),
        )


def _on_cores(answers: Sequence[OnCores]) -> Iterator[str]:
    text = _("{client} carries {level} on {cores}: it held the schedule, with a delivery lag p99 of {lag}.")
    for one in answers:
        yield text.format(
            client=plain(one.client),
            level=level_text(one.level),
            cores=plural(one.engines, "{n} core", "{n} cores"),
            lag=value("lag_p99_ms", one.lag_ms.value),
        )


_SENTENCES: Mapping[type[Answer], Callable[[Any], Iterator[str]]] = {
    Failures: _failures,
    StoppedEarly: _stopped,
    Loads: _loads,
    KeptOpen: _kept_open,
    Good: good,
    Carries: _carries,
    HeldBack: _held_back,
    OnCores: _on_cores,
    Alike: _compared,
    Differs: _compared,
    Objective: _objective,
    Saturates: _saturates,
    Waiting: _waiting,
    Scales: _scales,
    Connects: _connects,
    HoldsBack: _holds_back,
    Grows: _grows,
    Measured: _measured,
    HeldUp: _held_up,
    Undecided: _undecided,
}
