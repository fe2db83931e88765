"""Make prompts: texts of so many tokens, and beginnings that no other prompt has.

All words are common, of four letters and a blank: one token each in the vocabularies of today's models, and the same
number of bytes. So the tokens of a text grow with its words, and :class:`Calibration` has the two numbers of that.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Final

from loadgen.model import Calibration, Prompt, Synthetic, Workload

_TEXT: Final = """\
able also area away back base been best bill blue body book born both busy call came card care case city code
come cost dark data date dawn deal dear deep diet door down draw drop each east easy else even ever exit face
fact fail fair fall fast fear feel feet fell file fill film find fine fire five flow food foot form fort four
free from full game give goal good grow hair half hall hand hang hard have head hear heat held help here high
hill hold home hope hour huge idea into iron item join just keep kept kind knew know land last late lead left
less life lift like line link list live load lock long look loop lose loud love luck made mail main make mark
mean meet menu mile mind miss mode more most move much must name near need news next nice nine none note once
only onto open over page paid park part path plan play plus poor post race rate read real rest rice rich road
room rule same save seat seem self send ship shop shot show side sign sing site size slow sold some soon stay
step stop such sure take talk tall task team tell term test text than that them then they this time tour town
tree true turn type unit upon used user very view wait wake walk wall want warm wash wave wear week well went
west what when whom wide wife wild will wish with wood word work year
"""
WORDS: Final = _TEXT.split()
assert len(WORDS) == 256
BEGINNING_WORDS: Final = 6  # of 256: no two of a million streams begin alike
ENDING: Final = ("make", "them", "into", "some", "very", "long", "tale")  # or a model may have nothing to say
ENDING_FROM: Final = 4 * len(ENDING)  # words from which on a text has it
# The simulator counts a token for every four bytes begun.
SIMULATED: Final = Calibration(per_word=5 / 4, source="simulator")


def made(workload: Workload, calibration: Calibration, seed: int) -> Workload:
    """Return the workload with prompts of the lengths that it asks for, by ``calibration``, if it asks for any."""
    if workload.synthetic is None:
        return workload
    return replace(
        workload,
        calibration=calibration,
        prompts=synthetic(workload.synthetic, calibration, seed, unique=workload.unique),
    )


def synthetic(of: Synthetic, calibration: Calibration, seed: int, *, unique: bool) -> tuple[Prompt, ...]:
    """Return the prompts, the same for the same seed; with ``unique``, without the beginning that they will get."""
    inputs = _lengths(of.input_tokens, of.spread, of.count, f"{seed}/input")
    outputs: Sequence[int | None] = [None] * of.count
    if of.output_tokens is not None:
        outputs = _lengths(of.output_tokens, of.spread, of.count, f"{seed}/output")
    without = BEGINNING_WORDS if unique else 0
    return tuple(
        Prompt(
            text(words_of(asked, calibration) - without, f"{seed}/{place}"), (), output, input_tokens=asked
        )
        for place, (asked, output) in enumerate(zip(inputs, outputs, strict=True))
    )


def _lengths(mean: int, spread: float, count: int, seed: str) -> list[int]:
    """Return lengths at evenly spaced quantiles of a log-normal distribution, in random order."""
    sigma = math.sqrt(math.log1p(spread * spread))
    normal = NormalDist()
    found = [
        max(1, round(mean * math.exp(sigma * normal.inv_cdf((place + 0.5) / count) - sigma * sigma / 2)))
        for place in range(count)
    ]
    random.Random(seed).shuffle(found)
    return found


def words_of(tokens: int, calibration: Calibration) -> int:
    """Return how many words have so many tokens, with their template; at least one and a beginning."""
    return max(BEGINNING_WORDS + 1, round((tokens - calibration.template) / calibration.per_word))


def text(words: int, seed: str) -> str:
    """Return a text of so many words, drawn from the seed."""
    ending = ENDING if words >= ENDING_FROM else ()
    return " ".join([*random.Random(seed).choices(WORDS, k=words - len(ending)), *ending])


def beginning(key: str) -> str:
    """Return a text to begin a prompt with, which no other key has; all are of the same length."""
    return " ".join(random.Random(key).choices(WORDS, k=BEGINNING_WORDS))


def beginning_with(beginning: str, prompt: Prompt) -> Prompt:
    """Return the prompt with ``beginning`` before its text, or that of its first message."""
    if not prompt.messages:
        return replace(prompt, text=f"{beginning} {prompt.text}")
    first, *others = prompt.messages
    return replace(prompt, messages=(replace(first, content=f"{beginning} {first.content}"), *others))
