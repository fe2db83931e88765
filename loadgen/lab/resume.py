"""Complete a run that was killed, interrupted or failed: what it lacks, and whether it would still be the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from loadgen.lab.masking import is_complete
from loadgen.model import Cell, CellInfo, ClientId, Level, Recording, Run, RunInfo, Scenario
from loadgen.preflight.requirements import Refused

# Returns what differs between the description of a run and today's, each in words.
Differences = Callable[[RunInfo, RunInfo], Sequence[str]]


class Task(NamedTuple):
    """A cell to be measured; ``tries`` of its attempts ran to their end before, the last disturbed by ``why``."""

    cell: Cell
    tries: int = 0
    why: str = ""


@dataclass(frozen=True)
class Resumed:
    """The ``run`` to be completed, in its own folder, by so many ``workers`` (0: by none)."""

    run: Run
    differences: Differences
    workers: int = 0

    @property
    def unfinished(self) -> bool:
        """Return whether anything of the run is missing, or it ended before its end."""
        return self.run.info.state != "complete" or bool(self.run.left_out)

    def check(self, today: RunInfo) -> None:
        """Raise Refused where what is missing would be measured under other conditions than the rest."""
        found = [*self.differences(self.run.info, today)] or self._of_plan(today.cells)
        found += self._of_workers()
        if found:
            raise Refused(
                f"{self.run.folder}: cannot be resumed, since one table would hold two different runs:\n"
                + "\n".join(f"  {each}" for each in dict.fromkeys(found))
                + "\nMeasure anew, or put back what differs."
            )

    def _of_plan(self, planned: Sequence[CellInfo]) -> list[str]:
        plan = {_key(cell): cell for cell in planned}
        if not plan.keys() >= {_key(cell) for cell in self.run.info.cells}:
            return ["its cells are not those of its scenario: no folder of loadgen run"]
        pairs = [(cell.cores, plan[_key(cell)].cores) for cell in self.run.info.cells if cell.files]
        return [f"cores of the clients: {_list(was)}, now {_list(now)}" for was, now in pairs if was != now]

    def _of_workers(self) -> list[str]:
        levels = self.run.info.scenario.levels
        expected = min(self.workers, max(level.streams or self.workers for level in levels))
        had = max(
            (len(cell.workers) for cell in self.run.info.cells if cell.ended is not None), default=expected
        )
        return [f"workers: {had}, now {self.workers}"] if had != expected else []

    def engines(self, client: ClientId, level: Level) -> int:
        """Return how many engines share the cells of the client at that level."""
        cells = self.run.info.cells
        return next((each.engines for each in cells if (each.client, each.level) == (client, level)), 1)

    def tasks(
        self, cells: Sequence[Cell], judge: Callable[[Sequence[Recording]], str], remeasure: int
    ) -> list[Task]:
        """Return what is missing of the planned ``cells``, round by round.

        A cell none of whose attempts ran to its end is measured from its start; after those of its round, one that the
        machine disturbed as ``judge`` decides, and that was not measured again ``remeasure`` times yet.
        """
        found: list[Task] = []
        for cell in cells:
            listed = [each for each in self.run.info.cells if each.index == cell.index]
            begun = [each.attempt for each in listed if each.files or each.ended is not None]
            task = Task(replace(cell, attempt=max(begun, default=-1) + 1))
            ended = {each.attempt for each in listed if each.ended is not None}
            own = [part for part in self.run.recordings if part.index == cell.index and part.attempt in ended]
            complete = {part.attempt for part in own if not part.ended}
            if not complete:
                found.append(task)
            elif len(complete) <= remeasure:
                why = judge([part for part in own if part.attempt == max(complete)])
                found += [task._replace(tries=len(complete), why=why)] if why else []
        return sorted(found, key=lambda task: (task.cell.repeat, bool(task.why)))

    def taken_up(self, today: RunInfo) -> RunInfo:
        """Return the description of the run with which it goes on; what had begun and not ended has ended now."""
        was, partial = self.run.info, "the run ended before the cell"
        cells = [
            replace(cell, ended=partial) if cell.files and cell.ended is None else cell for cell in was.cells
        ]
        known = was.server if was.server and was.server.size_bytes is not None else today.server
        return replace(
            was,
            state="running",
            failure="",
            ended=None,
            url=today.url,
            warm_up=was.warm_up or today.warm_up,
            server=known,
            cells=tuple(cells),
            max_time_s=None,
            resumed=(*was.resumed, today.started),
        )


def scenario_of(run: Run) -> Scenario:
    """Return the scenario that the folder holds. Raises Refused where it does not hold all of it."""
    scenario = run.info.scenario
    if not is_complete(scenario):
        raise Refused(
            f"{run.folder}: its scenario has secrets or paths that are not written down: name the file and the flags "
            "of the first run, loadgen run SCENARIO … --resume FOLDER"
        )
    return scenario


def _key(cell: CellInfo) -> tuple[object, ...]:
    return cell.index, cell.client, cell.level, cell.repeat


def _list(cores: Sequence[int]) -> str:
    return ", ".join(map(str, cores)) or "any"
