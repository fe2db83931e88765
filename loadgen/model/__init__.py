"""The nouns: a few frozen, plain types that carry everything from the scenario to the report.

    scenario.yaml -> Scenario -> Cell -> (engine) -> Stream, Sample -> Recording -> Run -> Summary -> TextFinding

Nothing here imports anything but the standard library, because the process that measures a client imports this
package too.
"""

from loadgen.model.argument import (
    ArticleDifference,
    ArticleFinding,
    ArticleMetric,
    ArticleOrder,
    ArticleSource,
    ArticleTime,
    ClaimEffect,
    ClaimFinding,
    ClaimPart,
    Cost,
    CostFinding,
    Excluded,
    Missing,
    Resource,
    Result,
    Shortfall,
    SourceKind,
)
from loadgen.model.arrival import Arrival
from loadgen.model.cell import Cell, Request
from loadgen.model.clients import ClientId, Mode
from loadgen.model.estimate import Estimate
from loadgen.model.findings import Effect, Finding, TextFinding, Validity
from loadgen.model.level import Level
from loadgen.model.progress import Progress
from loadgen.model.recording import Machine, Recording, ServerLog, Table
from loadgen.model.run import CellInfo, MachineInfo, Run, RunInfo, State
from loadgen.model.scenario import (
    Load,
    Scenario,
    Simulator,
    Stage,
    Target,
    Threshold,
    Timeouts,
    Workload,
)
from loadgen.model.stream import PAUSES, CpuSample, Outcome, Pause, Sample, Stream, Usage
from loadgen.model.summary import Summary

__all__ = [
    "PAUSES",
    "Arrival",
    "ArticleDifference",
    "ArticleFinding",
    "ArticleMetric",
    "ArticleOrder",
    "ArticleSource",
    "ArticleTime",
    "Cell",
    "CellInfo",
    "ClaimEffect",
    "ClaimFinding",
    "ClaimPart",
    "ClientId",
    "Cost",
    "CostFinding",
    "CpuSample",
    "Effect",
    "Estimate",
    "Excluded",
    "Finding",
    "Level",
    "Load",
    "Machine",
    "MachineInfo",
    "Missing",
    "Mode",
    "Outcome",
    "Pause",
    "Progress",
    "Recording",
    "Request",
    "Resource",
    "Result",
    "Run",
    "RunInfo",
    "Sample",
    "Scenario",
    "ServerLog",
    "Shortfall",
    "Simulator",
    "SourceKind",
    "Stage",
    "State",
    "Stream",
    "Summary",
    "Table",
    "Target",
    "TextFinding",
    "Threshold",
    "Timeouts",
    "Usage",
    "Validity",
    "Workload",
]
