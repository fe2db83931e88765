"""The same from Python: run a scenario, look at a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from loadgen import analysis, model, store

if TYPE_CHECKING:
    import pandas as pd


class Run(model.Run):
    """A run folder, read: what was measured and everything that follows from it.

    ``about`` is run.json as a dict, ``recordings`` the raw cells (:class:`loadgen.model.Recording`), ``folder``
    where it lies. Figures that were not measured are ``NA``, never 0.
    """

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The run in ``folder``. Raises :class:`loadgen.store.StoreError` where there is none that can be read."""
        run = store.load(folder)
        return cls(folder=run.folder, about=run.about, recordings=run.recordings)

    def summary(self) -> pd.DataFrame:
        """A row per client x concurrency; columns as ``summary.csv``, units in their names."""
        return analysis.summary_frame(self._summaries)

    def streams(self) -> pd.DataFrame:
        """A row per stream; columns as ``streams.csv``; marks in ms after the start of the cell."""
        return analysis.streams_frame(self)

    def samples(self) -> pd.DataFrame:
        """Usage of the engine over time, ten rows a second per cell; columns as ``samples.csv``."""
        return analysis.samples_frame(self)

    @cached_property
    def findings(self) -> tuple[model.Finding, ...]:
        """What may be concluded, which thresholds held, and what must not be believed."""
        return tuple(analysis.findings(self, self._summaries))

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report to ``path``; without one, it and all CSV files into the run folder.

        Returns where the report lies. Raises :class:`loadgen.report.write.ReportError`.
        """
        from loadgen.report import write

        return write.write(self) if path is None else write.write_html(self, Path(path))

    def _repr_html_(self) -> str:
        return str(self.summary().to_html())

    @cached_property
    def _summaries(self) -> list[model.Summary]:
        return analysis.summarise(self)


def run(
    scenario: str | Path,
    *,
    out: str | Path | None = None,
    settings: Sequence[str] = (),
    **overrides: Any,
) -> Run:
    """Run a scenario file and return the run, its reports written.

    ``overrides`` are the flags of ``loadgen run``: ``url``, ``clients`` (names), ``concurrency`` (numbers),
    ``repeats``, ``duration`` (such as ``"10s"``), ``seed``; ``settings`` are ``path.to.key=value`` for anything else;
    ``out`` is the run folder, by default ``reports/<UTC time>-<name>``.

    Raises :class:`loadgen.scenario.ScenarioError` with every error of the file, and before anything is measured
    :class:`loadgen.lab.run.Refused`, :class:`loadgen.lab.target.TargetError` or :class:`loadgen.store.StoreError`.
    """
    from loadgen.lab.listener import Silent
    from loadgen.lab.run import run as lab_run
    from loadgen.scenario import load, overrides_from_flags

    flags: dict[str, Any] = {
        name: value if isinstance(value, str | int | None) else ",".join(map(str, value))
        for name, value in overrides.items()
    }
    planned = load(scenario, [*overrides_from_flags(**flags), *settings])
    ran = lab_run(planned, Path(out) if out is not None else None, Silent())
    measured = Run.load(ran.folder)
    measured.report()
    return measured
