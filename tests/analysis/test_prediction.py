"""Predictions are held against the cores that engines used."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadgen.analysis import prediction, summary
from loadgen.model import ClientId, Level, Prediction
from tests.synthetic import recording, run


@pytest.mark.parametrize(
    ("us", "predicted", "verdict"),
    [
        (20.0, 0.38, "holds"),
        (20.0, 0.60, "off"),
        (20.0, 0.20, "off"),
        (0.5, 0.022, "holds"),  # of so little the difference counts
        (52.0, 1.7, "full"),
        (52.0, 0.5, "off"),
    ],
)
def test_a_prediction_holds_within_30_percent_or_where_the_engine_was_full(
    tmp_path: Path, us: float, predicted: float, verdict: str
) -> None:
    part = recording(concurrency=1000, streams=3000, cpu_us_per_token=us)  # 18,000 tokens/s
    of = Prediction(ClientId("aiohttp"), Level(streams=1000), predicted, predicted)
    measured = run(tmp_path, [part], predictions=(of,))
    [found] = prediction.findings(measured, summary.summarise(measured))
    [held] = found.held
    assert (held.verdict, held.given) == (verdict, 1)
    assert held.used == pytest.approx(us * 18_000 / 1e6, rel=0.05)


def test_without_predictions_nothing_is_found(tmp_path: Path) -> None:
    measured = run(tmp_path, [recording()])
    assert prediction.findings(measured, summary.summarise(measured)) == []
