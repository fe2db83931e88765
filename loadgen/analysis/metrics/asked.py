"""The lengths of prompts and answers: tokens that were asked for, and tokens that the server counted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.metrics import Repeats, Scalar, metric

tokens = partial(metric, Scalar, topic="streams", unit="tokens", better=None)
share = partial(metric, Scalar, topic="streams", better=None)


def _values(repeats: Repeats, of: Callable[[Measured], Ints]) -> NDArray[np.int64]:
    """Return a number for each included stream that has one."""
    found = [values[m.included & (values >= 0)] for m in repeats.parts for values in [of(m)]]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _median(values: NDArray[np.int64]) -> float | None:
    return float(np.median(values)) if len(values) else None


def _spread(values: NDArray[np.int64]) -> float | None:
    return float(values.std() / values.mean()) if len(values) and values.mean() else None


def _percent(
    repeats: Repeats, whole: Callable[[Measured], Ints], part: Callable[[Measured], Ints]
) -> float | None:
    """Return the sum of ``part`` in percent of that of ``whole``, over the streams that have both."""
    sums = np.zeros(2)
    for m in repeats.parts:
        both = m.included & (whole(m) > 0) & (part(m) >= 0)
        sums += whole(m)[both].sum(), part(m)[both].sum()
    return float(100 * sums[1] / sums[0]) if sums[0] else None


def _beyond(
    repeats: Repeats, asked: Callable[[Measured], Ints], got: Callable[[Measured], Ints]
) -> float | None:
    percent = _percent(repeats, asked, got)
    return None if percent is None else percent - 100


def _input_asked(m: Measured) -> Ints:
    return m.streams.input_asked


def _input(m: Measured) -> Ints:
    return m.reported.prompt_tokens


def _cached(m: Measured) -> Ints:
    return m.reported.server_cached_tokens


def _output_asked(m: Measured) -> Ints:
    return m.streams.output_asked


def _output(m: Measured) -> Ints:
    return m.reported.server_tokens


@tokens(label="input tokens asked, median")
def input_asked_p50(repeats: Repeats) -> float | None:
    """Tokens that the prompts were made to have; empty where they were not made."""
    return _median(_values(repeats, _input_asked))


@tokens(label="input tokens, median")
def input_tokens_p50(repeats: Repeats) -> float | None:
    """Tokens of the prompts by the server's own count, which includes its template and what it had in its cache."""
    return _median(_values(repeats, _input))


@share(label="spread of input tokens asked", unit="")
def input_asked_spread(repeats: Repeats) -> float | None:
    """Standard deviation of `input_asked`, divided by its mean."""
    return _spread(_values(repeats, _input_asked))


@share(label="spread of input tokens", unit="")
def input_spread(repeats: Repeats) -> float | None:
    """Standard deviation of the tokens of the prompts by the server's own count, divided by their mean."""
    return _spread(_values(repeats, _input))


@share(label="input tokens beside those asked", unit="%")
def input_off_percent(repeats: Repeats) -> float | None:
    """By how much the server's count of all prompts exceeds the tokens that they were made to have."""
    return _beyond(repeats, _input_asked, _input)


@tokens(label="output tokens asked, median")
def output_asked_p50(repeats: Repeats) -> float | None:
    """Tokens that the prompts ask for; empty where they leave that to the scenario's options."""
    return _median(_values(repeats, _output_asked))


@tokens(label="output tokens, median")
def output_tokens_p50(repeats: Repeats) -> float | None:
    """Tokens of the answers by the server's own count."""
    return _median(_values(repeats, _output))


@share(label="spread of output tokens asked", unit="")
def output_asked_spread(repeats: Repeats) -> float | None:
    """Standard deviation of `output_asked`, divided by its mean."""
    return _spread(_values(repeats, _output_asked))


@share(label="spread of output tokens", unit="")
def output_spread(repeats: Repeats) -> float | None:
    """Standard deviation of the tokens of the answers by the server's own count, divided by their mean."""
    return _spread(_values(repeats, _output))


@share(label="output tokens beside those asked", unit="%")
def output_off_percent(repeats: Repeats) -> float | None:
    """By how much the tokens of all answers exceed those asked for; negative where the model ended earlier."""
    return _beyond(repeats, _output_asked, _output)


@share(label="cached input tokens", unit="%")
def cached_percent(repeats: Repeats) -> float | None:
    """How many of the tokens of the prompts the server had in its cache; empty where it does not report them."""
    return _percent(repeats, _input, _cached)
