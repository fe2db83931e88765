"""Who took the clients' cores: named, with their share, and what would help."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadgen import analysis
from loadgen.analysis import neighbours
from loadgen.analysis.repeats import attempts_of, disturbances
from loadgen.model import Grade, Group, Neighbour, NeighbourFinding, Recording, Run, Simulator, Target
from loadgen.model.confidence import OtherPrograms
from loadgen.report.sentences import sentences
from tests import synthetic

OLLAMA = Neighbour(name="ollama", pid=4711, share=0.8, role="target")
CHROME = Neighbour(name="chrome", pid=12, share=0.06)


def measured(*parties: Neighbour, others: float = 0.87, **changes: Any) -> Recording:
    made = synthetic.recording(others_share=others, **changes)
    assert made.machine is not None
    return replace(made, machine=replace(made.machine, neighbours=parties))


def run_of(*recordings: Recording, protocol: str = "ollama-generate", cores: int = 2) -> Run:
    run = synthetic.run("/nowhere", recordings)
    scenario = run.info.scenario
    scenario = replace(
        scenario,
        target=Target(url="http://127.0.0.1:11434"),
        workload=replace(scenario.workload, protocol=protocol),
    )
    cells = tuple(replace(cell, cores=(1,) if cores > 1 else (0,)) for cell in run.info.cells)
    machine = replace(run.info.machine, cores=cores)
    return replace(run, info=replace(run.info, scenario=scenario, cells=cells, machine=machine))


def found(run: Run) -> list[NeighbourFinding]:
    return neighbours.findings(run, analysis.summarise(run))


def test_they_are_named_with_their_mean_share() -> None:
    one = measured(OLLAMA, CHROME)
    other = measured(replace(OLLAMA, share=0.6, pid=4712), repeat=1, index=1, others=0.6)
    (finding,) = found(run_of(one, other))
    assert (finding.verdict, finding.low, finding.high) == ("target", *[pytest.approx(0.735, abs=0.01)] * 2)
    assert [(each.name, each.pid, each.role) for each in finding.neighbours] == [
        ("ollama", 4711, "target"),
        ("chrome", 12, ""),
    ]
    assert [each.share for each in finding.neighbours] == pytest.approx([0.7, 0.03])
    assert finding.own == pytest.approx(0.037, abs=0.001)


@pytest.mark.parametrize(
    ("parties", "others", "protocol", "cores", "helps"),
    [
        ((OLLAMA,), 0.8, "ollama-chat", 2, ["`taskset -acp 0 4711`", "num_thread: 1"]),
        ((OLLAMA,), 0.8, "openai-chat", 8, ["`taskset -acp 0,2,3,4,5,6,7 4711`", "fewer threads"]),
        ((CHROME,), 0.3, "ollama-chat", 2, ["Stop chrome"]),
        ((OLLAMA,), 0.8, "ollama-chat", 1, ["the only core"]),
        ((), 0.8, "ollama-chat", 2, None),  # nobody is known
        ((CHROME,), 0.05, "ollama-chat", 2, None),  # harmless
    ],
)
def test_what_would_help_follows_from_who_it_is(
    parties: tuple[Neighbour, ...], others: float, protocol: str, cores: int, helps: list[str] | None
) -> None:
    of = found(run_of(measured(*parties, others=others), protocol=protocol, cores=cores))
    if helps is None:
        assert of == []
        return
    said = sentences(of[0])
    assert parties[0].name in said.statement
    for text in helps:
        assert any(text in line for line in said.details), said


def test_our_own_simulator_is_not_moved() -> None:
    run = run_of(measured(OLLAMA))
    scenario = replace(run.info.scenario, target=Target(simulator=Simulator()))
    (finding,) = found(replace(run, info=replace(run.info, scenario=scenario)))
    assert not any("taskset" in line for line in sentences(finding).details)


def test_the_cause_of_low_confidence_has_their_names() -> None:
    rounds = [measured(OLLAMA, CHROME, repeat=n, index=n, run_wait_share=1.0) for n in range(3)]
    (summary,) = analysis.summarise(run_of(*rounds))
    causes = [c for of in summary.confidence.values() for c in of.causes if isinstance(c, OtherPrograms)]
    assert summary.confidence[Group.MEDIAN].grade is not Grade.HIGH
    assert causes
    assert all([each.name for each in cause.neighbours] == ["ollama", "chrome"] for cause in causes)
    ((_size, disturbed),) = disturbances(attempts_of(rounds[:1])[0])
    named = [cause for cause in disturbed if isinstance(cause, OtherPrograms)]
    assert [[each.pid for each in cause.neighbours] for cause in named] == [[4711, 12]]
