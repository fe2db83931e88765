"""What is not clear, and what would decide it."""

from __future__ import annotations

from dataclasses import replace

from loadgen.model import ClientId, Level, Undecided
from loadgen.report.sentences.answer import paragraphs

ONE = Undecided(
    level=Level(streams=100),
    clients=(ClientId("httpx-sync"),),
    metrics=("ttft_p50_ms",),
    rounds=2,
    low=-0.17,
    high=0.34,
    more_rounds=None,
    disturbed=True,
)
ADVICE = "A quieter machine would help more than more rounds."


def test_one_client_is_compared_with_the_others() -> None:
    [text] = paragraphs([ONE])
    assert "whether httpx-sync and the others differ in median TTFT (−17 % to +34 %)" in text


def test_the_same_advice_is_given_once() -> None:
    others = replace(ONE, clients=(), metrics=("cpu_us_per_token",))
    assert " ".join(paragraphs([ONE, others])).count(ADVICE) == 1
    more = replace(others, more_rounds=3)
    texts = " ".join(paragraphs([ONE, more]))
    assert texts.count(ADVICE) == 1
    assert "About three more would decide." in texts
