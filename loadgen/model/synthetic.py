"""Prompts that are made: of so many tokens, by a calibration."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """Prompts of ``input_tokens`` by the server's own count, which ask for ``output_tokens``; ``count`` different ones.

    Both lengths are means of a log-normal distribution whose coefficient of variation is ``spread``.
    """

    input_tokens: int
    output_tokens: int | None = None
    spread: float = 0.0
    count: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How many tokens a server counts of a text: ``template`` and ``per_word`` for each of its words.

    ``source`` is where that is known from: the server's count of two prompts, the simulator's rule, or nowhere.
    ``reason`` is why it is not known from the server; "" where it is.
    """

    template: float = 0.0
    per_word: float = 1.0
    source: Literal["server", "simulator", "default"] = "default"
    reason: Literal["", "no counts", "failed", "implausible"] = ""
