"""The sentences about validity that are contracts of wording, and one for every kind of reason."""

from __future__ import annotations

import pytest

from loadgen.model import ClientId, Level, Reason, Validity, ValidityFinding, reasons
from loadgen.model.confidence import OtherPrograms
from loadgen.report.sentences import Sentences, sentences
from loadgen.report.sentences.validity import reason
from tests.analysis.test_validity import CASES

SUSPECT, INVALID = Validity.SUSPECT, Validity.INVALID
REACHED = reasons.ConcurrencyNotReached(validity=INVALID, peak=87, target=100)
NONE = reasons.NoneCompleted(validity=INVALID, streams=1, outcomes={"http_status": 1})

SENTENCES = [
    (REACHED, "target concurrency not reached: 87 of 100 streams open"),
    (NONE, "0 of 1 streams completed (1 HTTP error)"),
    (
        reasons.RepeatExcluded(validity=SUSPECT, repeat=1, reasons=(NONE,)),
        "repeat 2 excluded; its failures still count: 0 of 1 streams completed (1 HTTP error)",
    ),
    (
        reasons.ListenQueue(validity=SUSPECT, repeat=0, workers=("a", "b"), event="overflows", number=4),
        "repeat 1: a, b: the listen queue overflowed 4 times: some connects waited a second or more",
    ),
    (
        reasons.WorkerLost(validity=SUSPECT, workers=("a",), streams=60, ended="no heartbeat for 5 s"),
        "worker a: lost after 60 of its streams had ended; they count (no heartbeat for 5 s)",
    ),
    (
        reasons.MachineDisturbed(
            validity=SUSPECT,
            plus_minus=0.42,
            causes=(OtherPrograms(low=0.66, high=0.87, wait_ms=3.21, effect=0.4),),
        ),
        "median latency is uncertain by ±42 %: other programs used 66-87 % of the client's core; "
        "each wait took 3.21 ms",
    ),
]


@pytest.mark.parametrize(("why", "text"), SENTENCES)
def test_wording(why: Reason, text: str) -> None:
    assert reason(why) == text


@pytest.mark.parametrize("name", CASES)
def test_every_kind_has_a_sentence(name: str) -> None:
    _, why = CASES[name]
    assert 20 < len(reason(why)) < 250


def test_a_finding_is_a_statement_and_its_reasons() -> None:
    finding = ValidityFinding(
        verdict="invalid", client=ClientId("aiohttp"), level=Level(streams=100), reasons=(REACHED,)
    )
    assert sentences(finding) == Sentences("aiohttp at 100 streams is invalid", (reason(REACHED),))
