"""A prefix cache: what a prompt has in common with the beginning of an earlier one is not evaluated again."""

from __future__ import annotations

from typing import Final

TOKEN_BYTES: Final = 4
BLOCK_BYTES: Final = 16 * TOKEN_BYTES  # as in vLLM, which knows whole blocks only
MAX_BLOCKS: Final = 1_000_000


class PrefixCache:
    """The blocks of earlier prompts of one model; each is known by the hash of all that precedes it, too."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: set[int] = set()

    def use(self, prompt: bytes) -> int:
        """Return how many tokens at the beginning of the prompt were known; know all of it from now on."""
        if len(self._known) > MAX_BLOCKS:
            self._known.clear()
        place, cached = 0, 0
        for begin in range(0, len(prompt) - BLOCK_BYTES, BLOCK_BYTES):  # the last block is always evaluated
            place = hash((place, prompt[begin : begin + BLOCK_BYTES]))
            if place in self._known:
                cached += BLOCK_BYTES // TOKEN_BYTES
            self._known.add(place)
        return cached
