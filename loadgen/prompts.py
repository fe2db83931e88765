"""Make prompts: texts of so many tokens, and beginnings that no other prompt has.

All words are common, of four letters and a blank: one token each in the vocabularies of today's models, and the same
number of bytes. So the tokens of a text grow with its words, and :class:`Calibration` has the two numbers of that.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from statistics import NormalDist
from typing import Any, Final

from loadgen.model import Calibration, Message, Prompt, Synthetic, Workload

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
TEXT, CHAT = "prompt", "messages"  # the columns of files
MAX_TOKENS: Final = 10**9
BLOCK_TOKENS: Final = 512  # of a block of Mooncake
WORD_BYTES: Final = 5  # with its blank
PASSAGES: Final = 1 << 17  # words of which passages are cut
# The simulator counts a token for every four bytes begun.
SIMULATED: Final = Calibration(per_word=5 / 4, source="simulator")


def made(workload: Workload, calibration: Calibration, seed: int) -> Workload:
    """Return the workload with prompts of the lengths that it asks for, by ``calibration``, if it asks for any."""
    if workload.synthetic is None:
        return workload if workload.made_tokens is None else replace(workload, calibration=calibration)
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


# -- what a file has


class InvalidPrompt(ValueError):
    """A value is no prompt. The message says what is wrong with its line."""


def prompt_of(asked: Any, output_tokens: int | None = None) -> Prompt:
    """Return the prompt of a text or a list of messages. Raises InvalidPrompt."""
    if isinstance(asked, list) and asked and all(isinstance(each, Mapping) for each in asked):
        return Prompt(messages=tuple(map(_message, asked)), output_tokens=output_tokens)
    return Prompt(_text(asked, "holds no prompt"), output_tokens=output_tokens)


def _message(found: Mapping[str, Any]) -> Message:
    role, content = (found.get(key) for key in ("role", "content"))
    if not isinstance(role, str) or not isinstance(content, str):
        raise InvalidPrompt("has a message without a role and a content that are text")
    return Message(_text(role, "has a message with an empty role"), _unicode(content))


def _text(found: Any, wrong: str) -> str:
    if not isinstance(found, str) or not found.strip():
        raise InvalidPrompt(wrong)
    return _unicode(found)


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidPrompt("holds half a character (a lone surrogate)") from None
    return text


def number_of_tokens(found: Any, name: str, least: int = 1) -> int | None:
    """Return a number of tokens; ``None`` where there is none. Raises InvalidPrompt."""
    if found is None or found == "":
        return None
    number = int(found) if isinstance(found, str) and found.isascii() and found.isdecimal() else found
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= MAX_TOKENS:
        raise InvalidPrompt(f"has {name} that is no number of tokens, {least} or more")
    return max(1, number)


# -- made when it is asked


def filled(prompt: Prompt, calibration: Calibration, key: str) -> Prompt:
    """Return a prompt of so many tokens with its text, without the beginning that it will get."""
    words = words_of(prompt.input_tokens or 1, calibration) - BEGINNING_WORDS
    size = max(1, round(BLOCK_TOKENS / calibration.per_word))
    parts = [_passage(size, f"block {block}") for block in prompt.blocks[: -(-words // size)]]
    parts.append(_passage(max(0, words - size * len(parts)), key))
    text = "".join(parts)[: words * WORD_BYTES - 1]
    if words >= ENDING_FROM:
        text = text[: (words - len(ENDING)) * WORD_BYTES] + " ".join(ENDING)
    return replace(prompt, text=text)


def _passage(words: int, key: str) -> str:
    """Return so many words, each with a blank, from a place that ``key`` decides."""
    passages = _passages()
    at = random.Random(key).randrange(PASSAGES) * WORD_BYTES
    text = passages[at : at + words * WORD_BYTES]
    missing = words * WORD_BYTES - len(text)
    return text + (passages * -(-missing // len(passages)))[:missing] if missing else text


@cache
def _passages() -> str:
    return text(PASSAGES, "passages") + " "
