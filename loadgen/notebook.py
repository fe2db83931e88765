"""The same from Python: run a scenario, look at a run folder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from loadgen import analysis, model, store
from loadgen.findings import findings
from loadgen.report import frames

if TYPE_CHECKING:
    import pandas as pd


class Run(model.Run):
    """A run folder, read: what was measured and everything that follows from it.

    ``info`` is run.json (:class:`loadgen.model.RunInfo`), ``recordings`` the raw cells
    (:class:`loadgen.model.Recording`), ``folder`` where it lies. Figures that were not measured are ``NA``, never 0.
    """

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The run in ``folder``. Raises :class:`loadgen.store.StoreError` where none can be read."""
        run = store.load(folder)
        return cls(folder=run.folder, info=run.info, recordings=run.recordings)

    def summary(self) -> pd.DataFrame:
        """A row per client x concurrency; columns as ``summary.csv``, units in their names."""
        return frames.summary_frame(self._summaries)

    def streams(self) -> pd.DataFrame:
        """A row per stream; columns as ``streams.csv``; marks in ms after the start of the cell."""
        return frames.streams_frame(self)

    def samples(self) -> pd.DataFrame:
        """Usage of the engine over time, ten rows a second per cell; columns as ``samples.csv``."""
        return frames.samples_frame(self)

    @cached_property
    def findings(self) -> tuple[model.Finding, ...]:
        """What may be concluded, which thresholds held, and what must not be believed."""
        return tuple(findings(self, self._summaries))

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report to ``path``; without one, it and all CSV files into the run folder.

        Returns where the report lies. Raises :class:`loadgen.report.write.ReportError`.
        """
        from loadgen.report import write

        if path is None:
            return write.write(self, self._summaries, self.findings)
        return write.write_html(self, self._summaries, self.findings, Path(path))

    def _repr_html_(self) -> str:
        return str(self.summary().to_html())

    @cached_property
    def _summaries(self) -> list[model.Summary]:
        return analysis.summarise(self)


def run(
    scenario: str | Path,
    *,
    out: str | Path | None = None,
    url: str | None = None,
    clients: str | Sequence[str] | None = None,
    concurrency: int | Sequence[int] | None = None,
    repeats: int | None = None,
    duration: str | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
) -> Run:
    """Run a scenario file and return the run, its reports written.

    ``out`` is the run folder, by default ``reports/<UTC time>-<name>``; the others are the flags of
    ``loadgen run``: ``clients`` are names, ``duration`` is text such as ``"10s"``, ``settings`` are
    ``path.to.key=value`` for anything else in the scenario. ``run.info.state`` says whether it is
    ``complete``, ``interrupted`` (Ctrl-C keeps what was measured) or ``failed``; the latter warns too.

    Raises :class:`loadgen.scenario.ScenarioError` with every error of the file and, before anything is
    measured, :class:`loadgen.lab.run.Refused`, :class:`loadgen.lab.target.TargetError` or
    :class:`loadgen.store.StoreError`.
    """
    from loadgen.lab.listener import Silent
    from loadgen.lab.run import run as lab_run
    from loadgen.scenario import load, overrides_from_flags

    flags = overrides_from_flags(
        url=url,
        clients=_listed(clients),
        concurrency=_listed(concurrency),
        repeats=repeats,
        duration=duration,
        seed=seed,
    )
    ran = lab_run(load(scenario, [*flags, *settings]), Path(out) if out is not None else None, Silent())
    if ran.failure:
        warnings.warn(f"the run could not be finished: {ran.failure}", stacklevel=2)
    measured = Run.load(ran.folder)
    measured.report()
    return measured


def _listed(given: str | int | Sequence[str] | Sequence[int] | None) -> str | None:
    """As the command line takes it."""
    if given is None or isinstance(given, str):
        return given
    return str(given) if isinstance(given, int) else ",".join(map(str, given))
