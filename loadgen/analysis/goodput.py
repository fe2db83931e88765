"""Which streams are good: they completed, and hold every objective of the scenario's ``slo``.

A stream that failed is not good, and one that misses an objective is not, whatever else is known of it. One that
misses none but has no time for one of them, such as token times of an answer that came as a whole, cannot be judged;
one that the load itself stopped was cut. Both are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from loadgen.model import Run, Slo

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Judged:
    """The verdict on each stream; ``missed`` has, by objective, those ok streams that missed it."""

    ok: Flags
    failed: Flags
    missed: Mapping[str, Flags]
    untimed: Flags  # without a time for one of the objectives
    single_gaps: Flags  # of these only ITL was missed, and their mean gap is within its limit

    @cached_property
    def bad(self) -> Flags:
        """Return which streams are not good."""
        return _any(self.failed, *self.missed.values())

    @cached_property
    def not_judged(self) -> Flags:
        """Return which completed streams are left out."""
        left: Flags = self.ok & self.untimed & ~self.bad
        return left

    @cached_property
    def good(self) -> Flags:
        """Return which streams are good."""
        good: Flags = self.ok & ~self.bad & ~self.untimed
        return good


def judged(limits: Mapping[str, float], times: Mapping[str, Ints], ok: Flags, failed: Flags) -> Judged:
    """Judge streams by the ``limits``, in ms, of their ``times`` (ns, -1: none); there is one limit at least."""
    missed = {name: ok & (times[name] > limit * 1e6) for name, limit in limits.items()}
    untimed = _any(*(times[name] < 0 for name in limits))
    others = (of for name, of in missed.items() if name != "itl")
    short = (times["tpot"] >= 0) & (times["tpot"] <= limits.get("itl", -1) * 1e6)
    single = short & missed["itl"] & ~_any(failed, *others) if "itl" in missed else np.zeros_like(ok)
    return Judged(ok, failed, missed, untimed, single)


def _any(*flags: Flags) -> Flags:
    found: Flags = np.logical_or.reduce(flags)
    return found


def judged_by(run: Run, slo: Slo) -> Run:
    """Return the run with other objectives."""
    scenario = run.info.scenario
    info = replace(run.info, scenario=replace(scenario, workload=replace(scenario.workload, slo=slo)))
    recordings = (replace(r, workload=replace(r.workload, slo=slo)) for r in run.recordings)
    return replace(run, info=info, recordings=tuple(recordings))
