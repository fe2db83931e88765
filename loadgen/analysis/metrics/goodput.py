"""How many streams hold the objectives of the scenario, `slo`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from loadgen.analysis.goodput import Flags, Judged
from loadgen.analysis.measures import Measured
from loadgen.analysis.metrics import VALUE, Metric, Repeats, Scalar, metric, share
from loadgen.analysis.repeats import Repeat

of_slo = partial(metric, topic="streams", needs="slo")
number = partial(of_slo, Scalar, unit="", better=None, decimals=0)


def _count(repeats: Repeats, which: Callable[[Judged], Flags]) -> int | None:
    """Return how many streams due after the warm-up are so; ``None`` where nothing is judged."""
    counts = [int((m.after_warmup & which(of)).sum()) for m in repeats.parts if (of := m.judged)]
    return sum(counts) if counts else None


def _judged(repeats: Repeats) -> tuple[int, int] | None:
    """Return how many streams are good, of how many: what failed or never started in excluded repeats counts too."""
    good, bad = _count(repeats, lambda of: of.good), _count(repeats, lambda of: of.bad)
    if good is None or bad is None:
        return None
    included = {id(m) for m in repeats.parts}
    excluded = [m for m in repeats.all_parts if id(m) not in included]
    failed = sum(int((m.after_warmup & m.failed).sum()) for m in excluded)
    return good, good + bad + failed + _never_started(repeats)


def _never_started(repeats: Repeats) -> int:
    return sum(m.recording.not_started for m in repeats.all_parts)


@of_slo(
    partial(share, whole=100), label="good streams", unit="%", decimals=2, better="higher", kind="share", count=True,
    intervals=VALUE, compared=VALUE, primary=VALUE, live=VALUE, tabled=VALUE, short={None: 40},
    headline={None: (0, "good", "%")},
)  # fmt: skip
def good_percent(repeats: Repeats) -> tuple[int, int] | None:
    """Share of the streams due after the warm-up that are good: they completed, and hold every objective of `slo`. Not
    good are those that failed, those that miss one, and `never_started`. Left out are `not_judged` and `cut`; the
    others are `good_percent_n`.
    """
    return _judged(repeats)


@of_slo(
    Scalar, label="goodput", unit="streams/s", better="higher", kind="rate", intervals=VALUE, compared=VALUE,
    live=VALUE, tabled=VALUE, short={None: 120}, headline={None: (0, "good", "per s")},
    heading="good/s",
)  # fmt: skip
def goodput_per_s(repeats: Repeats) -> float | None:
    """Goodput: good streams per second of the measured window. In a closed loop each counts for the share of its time,
    from start to end, that lies in the window, those that began in the warm-up too; under an open load those due in
    the window count.
    """
    seconds = sum(map(_window_ns, repeats.included)) / 1e9
    if not seconds or (_judged(repeats) or (0, 0))[1] == 0:
        return None
    return sum(_good_in_window(m) for m in repeats.parts if m.judged) / seconds


def _window_ns(repeat: Repeat) -> int:
    return repeat.window[1] - repeat.window[0] if repeat.is_open else repeat.window_ns


def _good_in_window(m: Measured) -> float:
    assert m.judged is not None
    if m.recording.level.rate is not None:
        return float((m.judged.good & m.after_warmup).sum())
    (begin, end), good = m.edges, m.judged.good
    started, ended = m.streams.start[good], m.streams.end[good]
    inside = np.clip(np.minimum(ended, end) - np.maximum(started, begin), 0, None)
    return float((inside / np.maximum(ended - started, 1)).sum())


@number(label="number of good streams")
def good(repeats: Repeats) -> int | None:
    """The good streams of `good_percent`."""
    return _count(repeats, lambda of: of.good)


@number(label="streams not judged")
def not_judged(repeats: Repeats) -> int | None:
    """Completed streams that miss no objective but have no time for one of them, such as the times of tokens of an
    answer that came as a whole. A single token has no gap, and holds `itl_ms` and `tpot_ms`.
    """
    return _count(repeats, lambda of: of.not_judged)


@number(label="streams cut")
def cut(repeats: Repeats) -> int | None:
    """Streams that were stopped, by the end of the run or of their slot, before anybody could judge them."""
    return _count(repeats, lambda of: ~of.ok & ~of.failed)


@number(label="never started", better="lower")
def never_started(repeats: Repeats) -> int | None:
    """Arrivals of an open load that were due after the warm-up and never started, since `max_streams` were open."""
    is_open = any(m.judged and m.recording.level.rate is not None for m in repeats.parts)
    return _never_started(repeats) if is_open else None


def _missed(name: str, label: str, what: str) -> Metric:
    def count(repeats: Repeats) -> int | None:
        found = [
            int((m.after_warmup & of.missed[name]).sum())
            for m in repeats.parts
            if (of := m.judged) and name in of.missed
        ]
        return sum(found) if found else None

    count.__name__ = f"missed_{name}"
    count.__doc__ = (
        f"Completed streams that miss `slo.{name}_ms`: {what}. A stream may miss several objectives."
    )
    return number(label=label, better="lower")(count)


missed_ttft = _missed("ttft", "TTFT missed", "their time to first token is longer")
missed_itl = _missed("itl", "ITL missed", "one of their gaps is longer")
missed_tpot = _missed("tpot", "TPOT missed", "their mean gap is longer")
missed_total = _missed("total", "total missed", "their time to the end is longer")


@number(label="missed by single gaps", better="lower")
def single_gaps(repeats: Repeats) -> int | None:
    """Streams that miss `slo.itl_ms` only, by single gaps: the mean of their gaps is within it."""
    return _count(repeats, lambda of: of.single_gaps)
