"""Find out how many tokens a server counts of a made prompt, by two of different lengths in the warm-up."""

from __future__ import annotations

from typing import Final

from loadgen.model import Calibration, Outcome, Prompt, StreamTable, Workload
from loadgen.model.scenario import EXAMPLE
from loadgen.prompts import BEGINNING_WORDS, text, words_of

SHORT_WORDS: Final = 2 * BEGINNING_WORDS
LEAST_APART: Final = 4  # times as long as the short one
# Tokens of a word of four letters. Fewer: the server has cut the prompt; more: it counts something else.
PLAUSIBLE_PER_WORD: Final = (0.8, 6.0)


def lengths(workload: Workload) -> tuple[int, int]:
    """Return how many words the two prompts have."""
    usual = words_of(workload.made_tokens or 1, Calibration())
    return SHORT_WORDS, max(usual, LEAST_APART * SHORT_WORDS)


def prompts(workload: Workload, seed: int) -> tuple[Prompt, ...]:
    """Return the two prompts."""
    own = BEGINNING_WORDS if workload.unique else 0
    output = workload.synthetic.output_tokens if workload.synthetic else EXAMPLE.output_tokens
    return tuple(
        Prompt(text(words - own, f"{seed}/calibration/{words}"), output_tokens=output)
        for words in lengths(workload)
    )


def calibration(workload: Workload, seen: StreamTable) -> Calibration:
    """Return what follows from the streams of a warm-up with the two prompts."""
    counts = []
    for place, words in enumerate(lengths(workload)):
        of = seen.rows(seen.prompt == place)
        if not (of.outcome == Outcome.OK.value).any():
            return Calibration(reason="failed")
        if not (of.prompt_tokens > 0).any():
            return Calibration(reason="no counts")
        counts.append((words, int(of.prompt_tokens.max())))
    (less, short), (more, long) = counts
    per_word = (long - short) / (more - less)
    if not PLAUSIBLE_PER_WORD[0] <= per_word <= PLAUSIBLE_PER_WORD[1]:
        return Calibration(reason="implausible")
    return Calibration(template=short - per_word * less, per_word=per_word, source="server")
