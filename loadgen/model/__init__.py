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
from loadgen.model.thresholds import ThresholdFinding, ThresholdResult
from loadgen.model.validity import (
    ClientDelay,
    ClockStepped,
    ConcurrencyNotReached,
    CpuTaken,
    EndedEarly,
    FewStreams,
    ListenQueue,
    NoneCompleted,
    NothingAfterWarmup,
    Reason,
    RepeatExcluded,
    SimulatorLate,
    StartedLate,
    StreamsFailed,
    ValidityFinding,
    WorkerLost,
)

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
    "ClientDelay",
    "ClientId",
    "ClockStepped",
    "ConcurrencyNotReached",
    "Cost",
    "CostFinding",
    "CpuSample",
    "CpuTaken",
    "Effect",
    "EndedEarly",
    "Estimate",
    "Excluded",
    "FewStreams",
    "Finding",
    "Level",
    "ListenQueue",
    "Load",
    "Machine",
    "MachineInfo",
    "Missing",
    "Mode",
    "NoneCompleted",
    "NothingAfterWarmup",
    "Outcome",
    "Pause",
    "Progress",
    "Reason",
    "Recording",
    "RepeatExcluded",
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
    "SimulatorLate",
    "SourceKind",
    "Stage",
    "StartedLate",
    "State",
    "Stream",
    "StreamsFailed",
    "Summary",
    "Table",
    "Target",
    "TextFinding",
    "Threshold",
    "ThresholdFinding",
    "ThresholdResult",
    "Timeouts",
    "Usage",
    "Validity",
    "ValidityFinding",
    "WorkerLost",
    "Workload",
]
