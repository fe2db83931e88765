"""Loads of the model are told first, with whether the server keeps it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.analysis.answer.evidence import Evidence
from loadgen.analysis.answer.loads import loads
from loadgen.model import Loads, Residency
from loadgen.report.sentences.answer import paragraphs
from tests.synthetic import MS, recording, run


def found(residency: Residency | None, load_ms: float) -> list[Loads]:
    made = recording(concurrency=1, streams=4)
    streams = replace(made.streams, load_ns=np.full(4, round(load_ms * MS)))
    held = run(".", [replace(made, streams=streams, residency=residency)])
    return list(loads(Evidence(held, summarise(held))))


@pytest.mark.parametrize(
    ("residency", "load_ms", "waited", "kept"),
    [
        (Residency(False, False), 240.0, 4, False),
        (Residency(False, True, 300.0), 240.0, 1, True),
        (Residency(True, None), 240.0, 0, None),
        (None, 280.0, 4, None),
        (None, 60.0, 0, None),
    ],
)
def test_who_waited_and_why(
    residency: Residency | None, load_ms: float, waited: int, kept: bool | None
) -> None:
    answers = found(residency, load_ms)
    assert [(one.waited, one.streams, one.kept) for one in answers] == ([(waited, 4, kept)] if waited else [])
    for text in paragraphs(answers):
        assert f"{waited} of 4 streams waited" in text
        assert ("OLLAMA_KEEP_ALIVE" in text) is (kept is False)
