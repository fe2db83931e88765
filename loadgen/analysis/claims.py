"""The five claims of the article, held against the figures of a run.

A claim has parts, a part has checks (one per client, or per pair of a sync and an async client). A check
holds, contradicts, or cannot tell. A part holds when all its checks do, contradicts when more than half do.
Measurements that are invalid do not testify; a difference within the noise decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from loadgen.analysis.repeats import repeats_of
from loadgen.model import Finding, Run, Summary, Validity

# What decides a check.
HIGH = 100  # least streams that are "many"
THREAD_EACH = 0.9  # threads per stream from which every stream has its own
THREADS_CONSTANT = 0.1  # threads per stream up to which their number does not grow with the streams
WAITS = 0.5  # voluntary switches per token from which a thread is put to sleep for chunks
ALL_OPEN = 0.99  # share of the streams asked for that were open at once
NOT_BLOCKED = 0.1  # median lag as a share of the median total: a blocked loop waits for whole streams
SAME = 0.05  # a difference in time that matters to nobody, as a share
NOISE = 0.1  # a difference in memory, threads or switches that may be noise, as a share
NOTABLE_MEMORY = 0.25  # memory that the streams added, as a share of the client's own
NOTABLE_SWITCHES = 1.0  # per token
FEW_SWITCHES = 0.5
YARDSTICKS = ("floor",)  # not one of the clients that the claims speak of

Holds = bool | None


@dataclass(frozen=True, slots=True)
class Check:
    """``holds`` is ``None`` when this run cannot tell; ``text`` has the figures."""

    holds: Holds
    text: str

    @property
    def sentence(self) -> str:
        return f"{ {True: 'For', False: 'Against', None: 'Undecided'}[self.holds] }: {self.text}"


@dataclass(frozen=True, slots=True)
class Part:
    """``main`` parts can speak against the claim; the others only keep it from being confirmed."""

    checks: Sequence[Check]
    main: bool = True

    @property
    def holds(self) -> Holds:
        answers = [check.holds for check in self.checks]
        if answers and all(answers):
            return True
        return False if answers.count(False) * 2 > len(answers) else None


class Evidence:
    """The measurements that may testify, found by client and concurrency."""

    def __init__(self, run: Run, summaries: Sequence[Summary]) -> None:
        self._base_threads: dict[tuple[str, int], int] = {}
        for repeat in repeats_of(run.recordings):
            before = [r.base_threads for m in repeat.parts if (r := m.recording).base_threads is not None]
            if before:
                self._base_threads[repeat.recording.client, repeat.recording.concurrency] = sum(before)
        named = [s for s in summaries if s.client.split(" ")[0] not in YARDSTICKS]
        self.invalid = [s for s in named if s.validity is Validity.INVALID]
        believed = [s for s in named if s.validity is not Validity.INVALID]
        self._at: Mapping[tuple[str, int], Summary] = {(s.client, s.concurrency): s for s in believed}
        self.sync = list(dict.fromkeys(s.client for s in believed if s.mode == "threads"))
        self.asyncs = list(dict.fromkeys(s.client for s in believed if s.mode == "tasks"))

    def get(self, client: str, concurrency: int) -> Summary | None:
        return self._at.get((client, concurrency))

    def ladder(self, client: str) -> list[Summary]:
        """This client's measurements, fewest streams first."""
        return [s for (name, _), s in sorted(self._at.items()) if name == client]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every sync client with every async one."""
        return product(self.sync, self.asyncs)

    def highest_common(self, one: str, other: str) -> tuple[Summary, Summary] | None:
        common = {s.concurrency for s in self.ladder(one)} & {s.concurrency for s in self.ladder(other)}
        return (self._at[one, max(common)], self._at[other, max(common)]) if common else None

    def added_threads(self, summary: Summary) -> int | None:
        """Threads at the peak beyond those there were before the first stream."""
        base = self._base_threads.get((summary.client, summary.concurrency))
        return None if base is None or summary.threads_peak is None else summary.threads_peak - base


@dataclass(frozen=True, slots=True)
class Claim:
    """``parts`` looks at the evidence; ``against`` says how many main parts must contradict: any or all."""

    id: str
    statement: str
    parts: Callable[[Evidence], list[Part]]
    against: Callable[[list[bool]], bool]

    def judge(self, evidence: Evidence) -> Finding:
        parts = self.parts(evidence)
        if parts and all(part.holds for part in parts):
            verdict = "for"
        elif self.against([part.holds is False for part in parts if part.main]):
            verdict = "against"
        else:
            verdict = "open"
        return Finding(
            kind="claim",
            id=self.id,
            verdict=verdict,
            statement=self.statement,
            evidence=(
                *(check.sentence for part in parts for check in part.checks),
                *(f"Not counted: {_name(s)} is invalid" for s in evidence.invalid),
            ),
        )


def findings(run: Run, summaries: Sequence[Summary]) -> list[Finding]:
    """One per claim, in the article's order: ``for``, ``against`` or ``open``, with this run's figures."""
    evidence = Evidence(run, summaries)
    return [claim.judge(evidence) for claim in CLAIMS]


# ------------------------------------------------------------------------------------------ claims 1 and 2


def _sync_blocks(evidence: Evidence) -> list[Part]:
    tops = [evidence.ladder(client)[-1] for client in evidence.sync]
    blocks = [check for top in tops for check in (_a_thread_each(evidence, top), _waits(top))]
    return [
        Part(blocks or [Check(None, "no sync client was measured")]),
        Part([_alike(evidence)]),
    ]


def _a_thread_each(evidence: Evidence, summary: Summary) -> Check:
    added = evidence.added_threads(summary)
    if added is None:
        return Check(None, f"{_name(summary)}: threads were not measured")
    each = added / summary.concurrency
    text = f"{_name(summary)} used {added:,} threads beyond its own, {each:.2f} per stream"
    if summary.concurrency == 1:
        return Check(None, f"{text}; one stream cannot show whether each needs its own")
    return Check(each >= THREAD_EACH, text)


def _waits(summary: Summary) -> Check:
    switches = summary.voluntary_switches_per_token
    if switches is None:
        return Check(None, f"{_name(summary)}: context switches were not measured")
    return Check(
        switches >= WAITS,
        f"{_name(summary)} was put to sleep {switches:.2f} times per token (voluntary switches)",
    )


def _alike(evidence: Evidence) -> Check:
    both = evidence.highest_common("requests", "httpx-sync")
    if both is None:
        return Check(None, "requests and httpx-sync were not both measured at one concurrency")
    one, other = both
    threads, others = evidence.added_threads(one), evidence.added_threads(other)
    if not threads or not others:
        return Check(None, f"{_name(one)} and {_name(other)}: threads were not both measured")
    ratio = others / threads
    switches = _ratio(other.voluntary_switches_per_token, one.voluntary_switches_per_token)
    told = f", and {switches:.2f} times its voluntary switches per token" if switches is not None else ""
    holds = None if one.concurrency == 1 else abs(ratio - 1) <= NOISE
    return Check(holds, f"{_name(other)} used {ratio:.2f} times the threads of {_name(one)}{told}")


def _async_does_not_block(evidence: Evidence) -> list[Part]:
    ladders = [evidence.ladder(client) for client in evidence.asyncs]
    nobody = [Check(None, "no async client was measured")]
    parts = [
        Part([_threads_constant(evidence, ladder) for ladder in ladders] or nobody),
        Part([_carried(ladder[-1]) for ladder in ladders] or nobody),
    ]
    lags = [_prompt(ladder[-1]) for ladder in ladders if ladder[-1].lag_p50_ms is not None]
    return [*parts, Part(lags)] if lags else parts


def _threads_constant(evidence: Evidence, ladder: Sequence[Summary]) -> Check:
    low, top = ladder[0], ladder[-1]
    added, before = evidence.added_threads(top), evidence.added_threads(low)
    if added is None or before is None:
        return Check(None, f"{_name(top)}: threads were not measured")
    text = f"{_name(top)} used {added:,} threads beyond its own"
    if top.concurrency == 1:
        return Check(None, f"{text}; one stream cannot show whether they grow with the streams")
    if low.concurrency < top.concurrency:
        grown = (added - before) / (top.concurrency - low.concurrency)
        return Check(
            grown <= THREADS_CONSTANT,
            f"{text}, and {before:,} at {_streams(low.concurrency)}: {grown:.2f} more per further stream",
        )
    return Check(
        added <= THREADS_CONSTANT * top.concurrency, f"{text}, {added / top.concurrency:.2f} per stream"
    )


def _carried(summary: Summary) -> Check:
    peak = summary.live_peak
    if summary.concurrency == 1 or peak is None:
        return Check(None, f"{_name(summary)}: streams side by side were not measured")
    text = f"{_name(summary)} held {_streams(peak)} open at once"
    return Check(True if peak >= ALL_OPEN * summary.concurrency else None, text)


def _prompt(summary: Summary) -> Check:
    lag, total = summary.lag_p50_ms, summary.total_p50_ms
    if lag is None or not total or summary.concurrency == 1:
        return Check(None, f"{_name(summary)}: lag among several streams was not measured")
    return Check(
        lag < NOT_BLOCKED * total,
        f"{_name(summary)} saw each token {lag:.2f} ms after it was sent (median), while its streams lasted "
        f"{total:,.0f} ms",
    )


# ------------------------------------------------------------------------------------------------- claim 3


def _single_stream(evidence: Evidence) -> list[Part]:
    return [Part([_need_not_be_faster(evidence)]), Part(_more_responsive(evidence))]


def _need_not_be_faster(evidence: Evidence) -> Check:
    """One async client that is not faster is enough: it says "need not"."""
    answers, told = [], []
    for sync, other in evidence.pairs():
        one, two = evidence.get(sync, 1), evidence.get(other, 1)
        if one is None or two is None:
            continue
        faster, text = _faster(one, two)
        answers.append(faster)
        told.append(text)
    if not answers:
        return Check(None, "no sync and async client were both measured at one stream")
    text = "at 1 stream, async less sync, median with 95 % interval: " + "; ".join(told)
    if False in answers:
        return Check(True, text)
    return Check(False if all(answers) else None, text)


def _faster(sync: Summary, other: Summary) -> tuple[Holds, str]:
    total = _difference(
        (sync.total_p50_ms, sync.total_p50_low_ms, sync.total_p50_high_ms),
        (other.total_p50_ms, other.total_p50_low_ms, other.total_p50_high_ms),
    )
    ttft = _difference(
        (sync.ttft_p50_ms, sync.ttft_p50_low_ms, sync.ttft_p50_high_ms),
        (other.ttft_p50_ms, other.ttft_p50_low_ms, other.ttft_p50_high_ms),
    )
    name = f"{other.client} less {sync.client}"
    if total is None or not sync.total_p50_ms:
        return None, f"{name}: not measured"
    middle, low, high = total
    first = f", TTFT {_signed(ttft)}" if ttft is not None else ""
    margin = SAME * sync.total_p50_ms
    faster: Holds = None
    if high < 0 and middle < -margin:
        faster = True
    elif low > -margin:
        faster = False
    word = {True: "faster", False: "not faster", None: "within the noise"}[faster]
    return faster, f"{name}: total {_signed(total)}{first} ({word})"


def _more_responsive(evidence: Evidence) -> list[Check]:
    checks = []
    for sync, other in evidence.pairs():
        both = evidence.highest_common(sync, other)
        if both is None or both[0].concurrency == 1:
            checks.append(Check(None, f"{other} and {sync} were not both measured at several streams"))
            continue
        one, two = both
        what, column = ("lag", "lag_p99") if one.lag_p99_ms and two.lag_p99_ms else ("TTFT", "ttft_p99")
        difference = _difference(_bounded(one, column), _bounded(two, column))
        if difference is None:
            checks.append(Check(None, f"{_name(two)} and {_name(one)}: too few values to compare"))
            continue
        _, low, high = difference
        holds = True if high < 0 else False if low > 0 else None
        at, against = getattr(two, f"{column}_ms"), getattr(one, f"{column}_ms")
        checks.append(
            Check(
                holds,
                f"at {_streams(one.concurrency)}, {what} p99 of {other} was {at:,.2f} ms and of {sync} "
                f"{against:,.2f} ms: {_signed(difference)}",
            )
        )
    return checks or [Check(None, "no sync and async client were both measured")]


# ------------------------------------------------------------------------------------------ claims 4 and 5


def _sync_costs(evidence: Evidence) -> list[Part]:
    ladders = [evidence.ladder(client) for client in evidence.sync]
    high = [ladder for ladder in ladders if ladder[-1].concurrency >= HIGH]
    if not high:
        return [Part([Check(None, f"no sync client was measured at {HIGH} streams or more")])]
    return [
        Part([_a_thread_each(evidence, ladder[-1]) for ladder in high], main=False),
        Part([_notable_memory(ladder[-1]) for ladder in high]),
        Part([_notable_switches(ladder) for ladder in high]),
    ]


def _notable_memory(summary: Summary) -> Check:
    each, base = summary.rss_per_stream_kib, summary.rss_base_mib
    if each is None or not base:
        return Check(None, f"{_name(summary)}: memory was not measured")
    added = each * summary.concurrency / 1024
    return Check(
        added >= NOTABLE_MEMORY * base,
        f"{_name(summary)} took {each:.1f} KiB per stream, {added:.1f} MiB in all, "
        f"beside {base:.1f} MiB before the first stream ({added / base:.0%})",
    )


def _notable_switches(ladder: Sequence[Summary]) -> Check:
    low, top = ladder[0], ladder[-1]
    switches, before = _switches(top), _switches(low)
    if switches is None:
        return Check(None, f"{_name(top)}: context switches were not measured")
    text = f"{_name(top)} made {switches:.2f} context switches per token"
    if before is not None and low.concurrency < top.concurrency:
        text += f", {before:.2f} at {_streams(low.concurrency)}"
    holds = True if switches >= NOTABLE_SWITCHES else False if switches < FEW_SWITCHES else None
    return Check(holds, text)


def _async_is_leaner(evidence: Evidence) -> list[Part]:
    pairs = [both for pair in evidence.pairs() if (both := evidence.highest_common(*pair)) is not None]
    high = [both for both in pairs if both[0].concurrency >= HIGH]
    if not high:
        return [Part([Check(None, f"no sync and async client were both measured at {HIGH} streams or more")])]
    threads: Callable[[Summary], float | None] = lambda s: s.threads_peak  # noqa: E731
    return [
        Part([_leaner(pair, "threads", "", threads) for pair in high], main=False),
        Part([_leaner(pair, "memory per stream", " KiB", lambda s: s.rss_per_stream_kib) for pair in high]),
        Part([_leaner(pair, "context switches per token", "", _switches) for pair in high]),
    ]


def _leaner(
    pair: tuple[Summary, Summary], what: str, unit: str, figure: Callable[[Summary], float | None]
) -> Check:
    sync, other = pair
    at = f"at {_streams(sync.concurrency)}, {other.client} against {sync.client}, {what}"
    theirs, ours = figure(sync), figure(other)
    if theirs is None or ours is None:
        return Check(None, f"{at}: not measured")
    if theirs <= 0:
        return Check(None, f"{at}: {ours:.4g}{unit} against {theirs:.4g}{unit}")
    ratio = ours / theirs
    holds = True if ratio < 1 - NOISE else False if ratio > 1 + NOISE else None
    return Check(holds, f"{at}: {ours:.4g}{unit} against {theirs:.4g}{unit}, {ratio:.2g} times")


# -------------------------------------------------------------------------------------------------- shared


def _difference(
    one: tuple[float | None, float | None, float | None], two: tuple[float | None, float | None, float | None]
) -> tuple[float, float, float] | None:
    """``two`` less ``one``, each a value with the bounds of its interval; bounds combined in quadrature."""
    a, a_low, a_high = one
    b, b_low, b_high = two
    if a is None or b is None or a_low is None or a_high is None or b_low is None or b_high is None:
        return None
    middle = b - a
    return middle, middle - math.hypot(b - b_low, a_high - a), middle + math.hypot(b_high - b, a - a_low)


def _bounded(summary: Summary, column: str) -> tuple[float | None, float | None, float | None]:
    return (
        getattr(summary, f"{column}_ms"),
        getattr(summary, f"{column}_low_ms"),
        getattr(summary, f"{column}_high_ms"),
    )


def _signed(difference: tuple[float, float, float]) -> str:
    middle, low, high = difference
    return f"{middle:+,.2f} ms ({low:+,.2f} to {high:+,.2f})"


def _switches(summary: Summary) -> float | None:
    voluntary, involuntary = summary.voluntary_switches_per_token, summary.involuntary_switches_per_token
    return None if voluntary is None or involuntary is None else voluntary + involuntary


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _name(summary: Summary) -> str:
    doubt = " (suspect)" if summary.validity is Validity.SUSPECT else ""
    return f"{summary.client} at {_streams(summary.concurrency)}{doubt}"


def _streams(number: int) -> str:
    return f"{number:,} stream" if number == 1 else f"{number:,} streams"


CLAIMS = (
    Claim(
        "sync-blocks",
        "A sync client blocks its thread while it waits for each chunk; sync httpx is like requests in this.",
        _sync_blocks,
        any,
    ),
    Claim(
        "async-does-not-block",
        "An async client does not block: while it waits, the event loop does other work.",
        _async_does_not_block,
        any,
    ),
    Claim(
        "single-stream",
        "For a single stream, async need not be faster; it helps responsiveness and concurrency.",
        _single_stream,
        any,
    ),
    Claim(
        "sync-costs",
        "Sync: every request needs its own thread; at high concurrency many threads cost notable memory and "
        "context switches.",
        _sync_costs,
        all,
    ),
    Claim(
        "async-scales",
        "Async: one thread's event loop carries many connections; fewer threads, lower memory, fewer context "
        "switches: a large advantage for many concurrent streams.",
        _async_is_leaner,
        all,
    ),
)
