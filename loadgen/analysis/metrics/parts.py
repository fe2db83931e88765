"""Where the time of a stream went (:mod:`loadgen.analysis.parts`), and how fast the server was by its own figures."""

from __future__ import annotations

from functools import partial

import numpy as np

from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.metrics import VALUE, PerStream, Repeats, Scalar, metric
from loadgen.analysis.metrics.latency import latency
from loadgen.analysis.repeats import Repeat

SERVED_SHARE = 0.1  # of the measured window: so long the most streams are served at once

part = partial(latency, PerStream, percentiles=(50, 99))
speed = partial(metric, Scalar, topic="latency", unit="tokens/s", kind="rate", better="higher", tabled=VALUE)


@part(label="load")
def load(m: Measured) -> Ints:
    """What the server reports for loading its model; of a model that is in memory, some 50 to 80 ms of scheduling."""
    return m.parts.load


@part(label="queue", intervals=(50,), tabled=(50, 99))
def queue(m: Measured) -> Ints:
    """Time before the first token that the server reports nothing about: its total less load, prompt and decode. With
    Ollama it is the wait for a slot. Empty where a server does not report its total.
    """
    return m.parts.queue


@part(label="prompt")
def prompt(m: Measured) -> Ints:
    """What the server reports for evaluating the prompt."""
    return m.parts.prompt


@part(label="first decode")
def first_decode(m: Measured) -> Ints:
    """What is left of the TTFT after send delay, load, queue and prompt: the first token is decoded and delivered."""
    return m.parts.first_decode


@part(label="TTFT not divided")
def unsplit(m: Measured) -> Ints:
    """What is left of the TTFT where the server does not report enough to divide it further."""
    return m.parts.unsplit


@part(label="decode")
def decode(m: Measured) -> Ints:
    """From the first to the last token."""
    return m.parts.decode


@part(label="after the last token")
def rest(m: Measured) -> Ints:
    """From the last token to the end of the stream."""
    return m.parts.rest


@metric(Scalar, label="streams with contradicting durations", topic="streams", unit="", decimals=0)
def contradicted(repeats: Repeats) -> int:
    """Streams whose durations, as the server reports them, exceed the time that the client waited by over 1 ms."""
    return sum(int((m.parts.contradicted & m.included).sum()) for m in repeats.parts)


def _speed(repeats: Repeats, tokens: str, duration: str) -> float | None:
    """Return the median over the included streams of tokens per second."""
    found = []
    for m in repeats.parts:
        n, ns = getattr(m.reported, tokens), getattr(m.reported, duration)
        there = m.included & (n > 0) & (ns > 0)
        found.append(n[there] / ns[there] * 1e9)
    each = np.concatenate(found) if found else np.zeros(0)
    return float(np.median(each)) if len(each) else None


@speed(label="prompt speed, by the server")
def prompt_tokens_per_s(repeats: Repeats) -> float | None:
    """Tokens of the prompt per second of evaluating it, by the server's own figures; the median over the streams.
    Ollama counts cached tokens, which take no time.
    """
    return _speed(repeats, "prompt_tokens", "prompt_ns")


@speed(label="decode speed, by the server", heading="decode/s")
def decode_tokens_per_s(repeats: Repeats) -> float | None:
    """Tokens per second of decoding one stream, by the server's own figures; the median over the streams."""
    return _speed(repeats, "server_tokens", "decode_ns")


@metric(Scalar, label="streams served at once", topic="streams", unit="streams", better=None, tabled=VALUE)
def served_peak(repeats: Repeats) -> float | None:
    """Most streams that the server worked on at once for a tenth of the measured window or more, from the beginning of
    the prompt to the last token; mean over the repeats. Empty where it does not report the prompt.
    """
    peaks = [peak for repeat in repeats.included if (peak := _served(repeat)) is not None]
    return sum(peaks) / len(peaks) if peaks else None


def _served(repeat: Repeat) -> int | None:
    begins, ends = [], []
    for m in repeat.parts:
        of, started = m.parts, m.recording.start
        known = (of.prompt >= 0) & (of.decode >= 0)
        before = (np.maximum(of.first_decode, 0).astype(np.int64) + of.prompt)[known]
        begins.append(m.first_token[known] - before - started)
        ends.append(m.last_token[known] - started)
    # at one moment an end goes before a begin: the next stream in a slot is not a second one
    times = np.clip(np.concatenate([*ends, *begins]), *repeat.window)
    if not len(times):
        return None
    steps = np.repeat([-1, 1], len(times) // 2)
    order = np.argsort(times, kind="stable")
    served, lasts = np.cumsum(steps[order])[:-1], np.diff(times[order])
    largest_first = np.argsort(-served, kind="stable")
    enough = np.cumsum(lasts[largest_first]) >= SERVED_SHARE * (repeat.window[1] - repeat.window[0])
    return int(served[largest_first][enough.argmax()]) if enough.any() else None
