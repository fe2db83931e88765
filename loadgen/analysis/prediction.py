"""Hold the predicted cores against those that the engines used.

A prediction holds where it is within 30 % of the CPU time divided by the measured window; below a twentieth of a core
30 % of that, which no decision depends on. An engine that used 90 % of what others left of its cores could use no more:
then only the direction counts, and a prediction of as much or more was right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from loadgen.model import Held, Prediction, PredictionFinding, Run, Summary

WITHIN: Final = 0.30  # of the cores used
LITTLE: Final = 0.05  # of a core: of less than this, the tolerance is that of so much
FULL: Final = 0.90  # of the cores that others left
SLOWER: Final = 0.70  # of the tokens that the server sent in the warm-up


def findings(run: Run, summaries: Iterable[Summary]) -> list[PredictionFinding]:
    """Return one where anything was predicted of what was measured."""
    known = {(each.client, each.level): each for each in run.info.predictions}
    simulated = run.info.scenario.target.simulator is not None
    held = [
        found
        for s in summaries
        if (prediction := known.get((s.client, s.level))) and (found := _held(prediction, s, simulated))
    ]
    if not held:
        return []
    off = any(each.verdict == "off" for each in held)
    return [PredictionFinding(verdict="off" if off else "holds", held=tuple(held))]


def _held(prediction: Prediction, s: Summary, simulated: bool) -> Held | None:
    percent, share = s.value("cpu_percent"), s.value("cpu_share")
    if not percent or not share:
        return None
    used, given = percent / 100, percent / 100 / share
    left = given * (1 - (s.value("others_percent") or 0.0) / 100)
    verdict: Literal["holds", "off", "full", "slower"] = "holds"
    tokens = s.value("tokens_per_s")
    if used >= FULL * left and prediction.mean >= FULL * left:
        verdict = "full"
    elif abs(prediction.mean - used) > WITHIN * max(used, LITTLE):
        slower = tokens is not None and tokens < SLOWER * prediction.mean_tokens_per_s
        verdict = "slower" if slower and not simulated and used < prediction.mean else "off"
    return Held(
        prediction=prediction, used=used, given=round(given, 3), left=max(left, used), verdict=verdict
    )
