"""Which clients a run is predicted to have too few cores for."""

from __future__ import annotations

from loadgen.model import ClientId, Level, Prediction
from loadgen.report.sentences import prediction

FEW, MANY, MORE = (Level(streams=n) for n in (10, 1000, 2000))
REQUESTS = ClientId("requests")


def test_a_client_is_warned_of_once_at_the_lowest_level_that_does_not_fit() -> None:
    needed = {FEW: 0.1, MANY: 1.7, MORE: 3.4}
    of = [Prediction(REQUESTS, level, cores, tokens_per_s=20.0) for level, cores in needed.items()]
    given = {(REQUESTS, level): 1 for level in needed}
    [text] = prediction.short(of, given)
    assert "1,000 streams" in text
    assert "1.7" in text
    assert list(prediction.short(of, {(REQUESTS, level): 4 for level in needed})) == []
