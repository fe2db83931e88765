"""The load of each step of a search: how long it lasts, and what of it is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from loadgen.analysis.repeats import Repeat
from loadgen.capacity.objectives import ServerObjectives
from loadgen.capacity.readings import Budget
from loadgen.capacity.search import Rules
from loadgen.lab import plan
from loadgen.model import Load, Scenario

Goal = Budget | ServerObjectives  # of a client, or of a server

RAMP_S: Final = 1.5  # in which the streams of a step start
WINDOW_S: Final = 3.0  # measured part of a step on the simulator,
WINDOW_ELSEWHERE_S: Final = 10.0  # and elsewhere
MIN_TOKENS: Final = 150  # in the window of the smallest step of a client's search: a p99 needs a hundred
MORE: Final = 2  # times the streams that the percentiles of the objectives need,
MAX_WINDOW_S: Final = 30.0  # unless that takes longer
SURPLUS: Final = 0.05  # of a rate, which a server cannot serve, breaks the longest objective within a window,
MAX_CELL_S: Final = 300.0  # a rate is too low to be measured where a percentile takes longer
MAX_RATE: Final = 10_000.0  # arrivals per second
UNKNOWN_STREAM_S: Final = 1.0  # where neither a simulator nor a warm-up tells how long a stream takes


def rules_of_streams(scenario: Scenario, goal: Goal, highest: float, precision: float) -> Rules:
    """Return the rules of a search over streams, which begins at the scenario's lowest level."""
    least = 8 if isinstance(goal, Budget) else 1
    start = min(highest, max(least, min(level.streams or 1 for level in scenario.levels)))
    return Rules(start=start, highest=highest, precision=precision)


def rules_of_rates(scenario: Scenario, goal: Goal, highest: float | None, precision: float) -> Rules:
    """Return the rules of a search over arrivals per second: it begins at the scenario's lowest rate.

    Without one, at half of what comes of one stream after another.
    """
    simulator, rates = scenario.target.simulator, [level.rate for level in scenario.levels if level.rate]
    start = min(rates, default=0.5 / (simulator.stream_s if simulator else UNKNOWN_STREAM_S))
    most = highest or MAX_RATE
    lowest = min((goal.streams if isinstance(goal, ServerObjectives) else 1) / MAX_CELL_S, most)
    start = float(f"{min(most, max(lowest, start)):.3g}")
    return Rules(start=start, highest=most, lowest=lowest, precision=precision, rate=True)


class Loads:
    """The loads of a search; ``first`` is the one that run.json has.

    ``stream_s`` is about how long a stream takes, ``longest_s`` the longest of a step that was within the goal, where
    that is known; ``fit`` are the most streams that fit this
    machine, ``window`` is the measured part of every step, in seconds, where it was requested: it is longer only where
    a percentile needs it.
    """

    def __init__(self, scenario: Scenario, goal: Goal, rules: Rules, window: float | None, fit: int) -> None:
        self._goal, self._rules, self._window, self._fit = goal, rules, window, fit
        self._simulator = scenario.target.simulator
        self.stream_s = self._simulator.stream_s if self._simulator else None
        self.longest_s = self.stream_s
        self._fastest = 0.0, 0.0  # the most streams per second that were completed, and at which level
        self.first = self._open(scenario.workload.load) if rules.rate else self._closed()

    def learn(self, value: float, measured: Repeat, within: bool) -> None:
        """Take from a step how long streams last and how many end in a second."""
        if within:
            longest = max(float(m.total.max(initial=0)) / 1e9 for m in measured.parts)
            self.longest_s = max(self.longest_s or 0.0, longest)
            self.stream_s = self.stream_s or longest
        begin, end = measured.window
        per_s = sum(int(m.included.sum()) for m in measured.parts) / max((end - begin) / 1e9, 1e-9)
        self.longest_s = self.stream_s
        self._fastest = max(self._fastest, (per_s, value))

    def at(self, value: float) -> Load:
        """Return the load of a step: with objectives it lasts until enough streams for their percentiles have ended.

        At a rate it is also so long that a server which gets 5 % more than it serves breaks the objectives.
        """
        load, level = self.first, self._rules.level(value)
        if level.rate is not None:
            load = replace(load, max_streams=plan.max_streams(load, level, self._fit))
        if isinstance(self._goal, Budget):
            return load
        expected, (per_s, fastest) = value, self._fastest
        if level.rate is None:
            expected /= self.stream_s or UNKNOWN_STREAM_S
        if per_s and value >= fastest:
            expected = min(expected, per_s)
        least, enough = self._goal.streams / expected, MORE * self._goal.streams / expected
        window = (load.duration or 0.0) - load.warmup
        if self._window is None and level.rate is not None:
            enough = max(enough, self._goal.longest_s / SURPLUS)
        if self._window is None:
            window = max(window, min(enough, MAX_WINDOW_S))
        return replace(load, duration=load.warmup + max(window, least))

    def _open(self, own: Load) -> Load:
        """Return the scenario's own arrivals, or Poisson ones, without stages."""
        follows = own.is_open and own.arrivals != "trace"
        warmup = max(RAMP_S, min(2 * (self.stream_s or 0.0), WINDOW_ELSEWHERE_S))
        return Load(
            arrivals=own.arrivals if follows else "poisson",
            shape=own.shape if follows else None,
            max_streams=own.max_streams,
            duration=warmup + self._seconds(),
            warmup=warmup,
        )

    def _closed(self) -> Load:
        """Return a ramp, which is not measured, and a window in which the smallest step has enough tokens."""
        return Load(duration=RAMP_S + self._seconds(), ramp=RAMP_S, warmup=RAMP_S)

    def _seconds(self) -> float:
        if self._window is not None:
            return self._window
        if self._simulator is None:
            return WINDOW_ELSEWHERE_S
        of, least = self._simulator, 0.0
        if isinstance(self._goal, Budget):
            open_ = self._rules.start * (of.stream_s if self._rules.rate else 1.0)
            least = MIN_TOKENS * of.stream_s / max(1, of.tokens * open_)
        return max(WINDOW_S, of.stream_s, least)
