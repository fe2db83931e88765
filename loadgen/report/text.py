"""Text and numbers as people read them, the same in the terminal, the tables and the charts."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from functools import reduce

from loadgen.report.language import _

NOT_MEASURED = "–"
NOISY = 20.0  # times: an interval that is wider tells nothing
_JOINERS = "\u200c\u200d"  # format characters that scripts and emoji need
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def plain(text: object, limit: int | None = None) -> str:
    """Return ``text`` with every control, bidi and other invisible character spelled out (``\\x1b``, ``\\u202e``).

    What a server or a file wrote can then neither move a cursor, nor turn the reading direction, nor break a
    line. ``limit`` is the greatest length in characters, an ellipsis included.
    """
    shown = str(text)
    if limit is not None and len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(_visible(character) for character in shown)


def _visible(character: str) -> str:
    if unicodedata.category(character) in _HIDDEN and character not in _JOINERS:
        return character.encode("unicode_escape").decode("ascii")
    return character


def number(value: float | None) -> str:
    """Return three significant digits, thousands separated; ``–`` where there is no value."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if isinstance(value, int):
        return f"{value:,}"
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return "0"
    if abs(rounded) < 0.001:
        return "<0.001" if value > 0 else ">-0.001"
    digits = min(3, max(0, 2 - math.floor(math.log10(abs(rounded)))))
    return f"{value:,.{digits}f}"


def percent(share: float) -> str:
    """Return ``62 %``, ``0.5 %`` or ``<0.1 %`` for a share from 0."""
    value = 100 * share
    if 0 < value < 0.05:
        return "<0.1 %"
    return f"{value:,.{0 if value >= 9.95 or value == round(value) else 1}f} %"


def duration(seconds: float) -> str:
    """Return ``32s``, ``1m32s`` or ``2h05m``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    if minutes >= 60:
        return f"{minutes // 60}h{minutes % 60:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def time(ms: float) -> str:
    """Return ``412 ms``, or ``1.2 s``."""
    return f"{number(ms / 1000)} s" if ms >= 1000 else f"{number(ms)} ms"


def noisy() -> str:
    """Return what stands in place of an interval that is too wide."""
    return _("too noisy to tell")


def is_noisy(low: float, high: float) -> bool:
    """Return whether an interval of a change, as a share, is too wide: one end is over ``NOISY`` times the other."""
    return 1 + high > NOISY * max(1 + low, 0.0)


def interval(low: float | None, high: float | None, value: float | None = None) -> str:
    """Return ``1.2 to 3.4``, or that it is too noisy to tell where one end is over ``NOISY`` times the other.

    With an end at 0, where one end is over ``NOISY`` times the ``value``. Empty where there is no interval.
    """
    if low is None or high is None:
        return ""
    if low >= 0 and high > NOISY * (low or value or math.inf):
        return noisy()
    return _between(low, high)


def _between(low: float, high: float) -> str:
    return _("{low} to {high}").format(low=number(low), high=number(high))


def with_interval(value: float | None, low: float | None, high: float | None, unit: str = "") -> str:
    """Return ``2.0 % (1.2 to 3.4)``; without an interval the value alone."""
    between = interval(low, high, value)
    return f"{number(value)}{unit} ({between})" if between else f"{number(value)}{unit}"


def listed(items: Iterable[str]) -> str:
    """Return ``a, b and c``; empty without items."""
    *first, last = [*items] or [""]
    return _("{items} and {last}").format(items=joined(first), last=last) if first else last


def joined(items: Iterable[str]) -> str:
    """Return ``a, b, c``."""
    return _(", ").join(items)


def beside(*texts: str) -> str:
    """Return ``a, b`` of things of different kinds."""
    return reduce(lambda first, second: _("{first}, {second}").format(first=first, second=second), texts)


def clauses(items: Iterable[str]) -> str:
    """Return ``a; b; c``."""
    return _("; ").join(items)


def percents(low: float | None, high: float | None) -> str:
    """Return ``1.2 to 3.4`` for an interval of shares: in percent, without the sign."""
    return "" if low is None or high is None else _between(100 * low, 100 * high)


def flowing(texts: Iterable[str]) -> str:
    """Return sentences as one paragraph; none has a space after a full stop that is wide itself."""
    return re.sub("(?<=[。；：！？]) ", "", " ".join(texts))


def tick(value: float) -> str:
    """Return the label of a tick: ``0.5``, ``20``, ``1 k``, ``2.5 M``."""
    for unit, scale in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= scale:
            return f"{value / scale:g} {unit}"
    return f"{value:g}"
