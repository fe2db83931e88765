"""The Python API: run a scenario, read a run folder. The commands use it too."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from loadgen import analysis, model, store
from loadgen.exit_code import ExitCode
from loadgen.findings import findings

if TYPE_CHECKING:
    import pandas as pd

    from loadgen.report.view import View


class Run(model.Run):
    """A run that was read from its folder: what was measured and everything that follows from it.

    ``info`` is run.json (:class:`loadgen.model.RunInfo`), ``recordings`` are the raw cells
    (:class:`loadgen.model.Recording`), ``folder`` is the path. Values that were not measured are ``NA``, never 0.
    """

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read the run in ``folder``. Raises :class:`loadgen.store.StoreError` where none can be read."""
        run = store.load(folder)
        return cls(**{field.name: getattr(run, field.name) for field in fields(run)})

    def summary(self) -> pd.DataFrame:
        """Return a row per client and level; the columns are those of ``summary.csv``, units in their names."""
        from loadgen.report.frames import summary_frame  # pandas

        return summary_frame(self.summaries)

    def streams(self) -> pd.DataFrame:
        """Return a row per stream; the columns are those of ``streams.csv``, marks in ms after the cell's start."""
        from loadgen.report.frames import streams_frame  # pandas

        return streams_frame(self)

    def samples(self) -> pd.DataFrame:
        """Return the engine's usage over time, ten rows a second; the columns are those of ``samples.csv``."""
        from loadgen.report.frames import samples_frame  # pandas

        return samples_frame(self)

    @cached_property
    def findings(self) -> tuple[model.Finding, ...]:
        """What may be concluded, which thresholds passed, and notes on data quality: typed records, no prose."""
        return tuple(findings(self, self.summaries))

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report to ``path``; without one, it and all CSV files into the run folder.

        Return the path of the report. Raises :class:`loadgen.report.write.ReportError`.
        """
        from loadgen.report.write import write, write_html

        return write(self.view) if path is None else write_html(self.view, Path(path))

    def _repr_html_(self) -> str:
        return str(self.summary().to_html())

    @cached_property
    def summaries(self) -> list[model.Summary]:
        """Every metric of each client at each level, with its interval and n."""
        return analysis.summarise(self)

    @cached_property
    def view(self) -> View:
        """The input of the renderers in :mod:`loadgen.report`."""
        from loadgen.report.view import View

        return View(self, self.summaries, self.findings)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of ``loadgen run``: 0 done, 1 a threshold failed, 3 nothing valid was measured."""
        return analysis.exit_verdict(self.summaries, self.findings)


def run(
    scenario: str | Path,
    *,
    out: str | Path | None = None,
    url: str | None = None,
    clients: str | Sequence[str] | None = None,
    concurrency: int | Sequence[int] | None = None,
    rate: float | str | Sequence[float | str] | None = None,
    repeats: int | None = None,
    duration: str | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
    allow_python: bool = False,
) -> Run:
    """Run a scenario file and return the run, its reports written.

    ``out`` is the run folder, by default ``reports/<UTC time>-<name>``; the others are the flags of
    ``loadgen run``: ``clients`` are names, ``duration`` is text such as ``"10s"``, ``settings`` are
    ``path.to.key=value`` for anything else in the scenario; ``allow_python`` lets interpreters that it names be run.
    ``run.info.state`` says whether it is ``complete``, ``interrupted`` (Ctrl-C keeps what was measured) or ``failed``;
    the latter warns too.

    Raises :class:`loadgen.scenario.ScenarioError` with every error of the file and, before anything is
    measured, :class:`loadgen.preflight.requirements.Refused`, :class:`loadgen.preflight.target.TargetError` or
    :class:`loadgen.store.StoreError`.
    """
    from loadgen.interpreters import ALLOWED, ANY
    from loadgen.lab.run import run as lab_run
    from loadgen.report.sentences.remeasured import why_disturbed
    from loadgen.scenario import load, overrides_from_flags

    flags = overrides_from_flags(
        url=url,
        clients=clients,
        concurrency=concurrency,
        rate=rate,
        repeats=repeats,
        duration=duration,
        seed=seed,
    )
    environ = {**os.environ, ALLOWED: ANY} if allow_python else os.environ
    planned = load(scenario, [*flags, *settings], environ)
    ran = lab_run(planned, Path(out) if out is not None else None, model.Listener(), judge=why_disturbed)
    if ran.failure:
        warnings.warn(f"the run could not be finished: {ran.failure}", stacklevel=2)
    measured = Run.load(ran.folder)
    measured.report()
    return measured
