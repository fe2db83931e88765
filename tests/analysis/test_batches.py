"""Text that did not come token by token is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadgen.analysis import summarise, validity
from loadgen.analysis.batches import tokens_per_event
from loadgen.analysis.measures import Measured
from loadgen.model import Limit, Reason, Validity, reasons
from tests import synthetic

REAL: dict[str, Any] = {"server_late_p99_ms": None, "tokens": 40, "streams": 40, "concurrency": 4}


def against(**of: Any) -> list[Reason]:
    (summary,) = summarise(synthetic.run(".", [synthetic.recording(**REAL | of)]))
    found = reasons.TextHeldBack, reasons.SeveralTokens
    return [reason for reason in summary.reasons if isinstance(reason, found)]


@pytest.mark.parametrize(("per_read", "whole"), [(40, 40), (20, 0), (3, 0)])
def test_text_that_is_held_back_makes_the_gaps_suspect(per_read: int, whole: int) -> None:
    (reason,) = against(per_read=per_read)
    assert isinstance(reason, reasons.TextHeldBack)
    assert (reason.validity, reason.streams, reason.whole) == (Validity.SUSPECT, 40, whole)
    assert reason.events_per_read == pytest.approx(40 / np.ceil(40 / per_read))


@pytest.mark.parametrize(
    "of",
    [
        {"per_read": 1},
        {"per_read": 40, "server_late_p99_ms": 0.5},  # of the simulator's sends all are known
        {"per_read": 40, "gap_ms": 0.1},  # the server made them that fast
        {"per_read": 2, "tokens": 2},  # too few to tell
        {"per_read": 1, "server_tokens_per_event": 1.2},
        {"per_read": 1, "server_tokens_per_event": None},
    ],
)
def test_nothing_is_said_of_text_that_came_as_it_was_made(of: dict[str, Any]) -> None:
    assert against(**of) == []


def test_a_client_at_its_limit_reads_late_itself() -> None:
    found = against(per_read=40)
    assert validity.standing(found, Limit.CLIENT) == []
    assert validity.standing(found, None) == found


def test_events_of_several_tokens_are_remarked_and_valid() -> None:
    (reason,) = against(server_tokens_per_event=3.0)
    assert reason == reasons.SeveralTokens(validity=Validity.VALID, tokens_per_event=3.0)


def test_hidden_thinking_is_in_no_event() -> None:
    made = synthetic.recording(**REAL | {"server_tokens_per_event": 5.0})
    hidden = replace(
        made.streams, server_thinking_tokens=np.full(40, 160), thinking_events=np.zeros(40, np.int64)
    )
    assert tokens_per_event([Measured(replace(made, streams=hidden))]) == 1.0
