"""The simulator's prefix cache."""

from __future__ import annotations

from loadgen.simulator.cache import PrefixCache

PROMPT = b"w" * 640  # ten blocks of 16 tokens


def test_what_prompts_have_in_common_is_cached() -> None:
    cache = PrefixCache()
    assert cache.use(PROMPT) == 0
    assert cache.use(PROMPT) == 144  # the last block is always evaluated
    assert cache.use(PROMPT[:320] + b"x" * 320) == 80
    assert cache.use(b"x" + PROMPT) == 0
