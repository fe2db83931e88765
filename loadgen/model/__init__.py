"""The nouns: a few frozen, plain types that carry everything from the scenario to the report.

    scenario.yaml -> Scenario -> Cell -> (engine) -> Stream, Sample -> Recording -> Run -> Summary -> Finding

Nothing here imports anything but the standard library, because the process that measures a client imports this
package too.
"""

from loadgen.model.argument import ArticleDifference as ArticleDifference
from loadgen.model.argument import ArticleFinding as ArticleFinding
from loadgen.model.argument import ArticleMetric as ArticleMetric
from loadgen.model.argument import ArticleSource as ArticleSource
from loadgen.model.argument import ArticleTime as ArticleTime
from loadgen.model.argument import ClaimEffect as ClaimEffect
from loadgen.model.argument import ClaimFinding as ClaimFinding
from loadgen.model.argument import ClaimStatement as ClaimStatement
from loadgen.model.argument import ClaimVerdict as ClaimVerdict
from loadgen.model.argument import Cost as Cost
from loadgen.model.argument import CostFinding as CostFinding
from loadgen.model.argument import Excluded as Excluded
from loadgen.model.argument import Missing as Missing
from loadgen.model.argument import Resource as Resource
from loadgen.model.argument import Result as Result
from loadgen.model.argument import Shortfall as Shortfall
from loadgen.model.argument import SourceKind as SourceKind
from loadgen.model.argument import Statement as Statement
from loadgen.model.cell import FOREVER as FOREVER
from loadgen.model.cell import Arrival as Arrival
from loadgen.model.cell import Cell as Cell
from loadgen.model.cell import Request as Request
from loadgen.model.clients import ClientId as ClientId
from loadgen.model.clients import Mode as Mode
from loadgen.model.confidence import Confidence as Confidence
from loadgen.model.confidence import ConfidenceCause as ConfidenceCause
from loadgen.model.confidence import Grade as Grade
from loadgen.model.confidence import Group as Group
from loadgen.model.estimate import Estimate as Estimate
from loadgen.model.findings import Cause as Cause
from loadgen.model.findings import Delay as Delay
from loadgen.model.findings import DelayFinding as DelayFinding
from loadgen.model.findings import DriftFinding as DriftFinding
from loadgen.model.findings import Finding as Finding
from loadgen.model.findings import NoiseFinding as NoiseFinding
from loadgen.model.findings import NoiseThreshold as NoiseThreshold
from loadgen.model.findings import Validity as Validity
from loadgen.model.level import Level as Level
from loadgen.model.limit import Limit as Limit
from loadgen.model.limit import LimitEvidence as LimitEvidence
from loadgen.model.limit import LimitFinding as LimitFinding
from loadgen.model.progress import Listener as Listener
from loadgen.model.progress import Progress as Progress
from loadgen.model.reasons import Reason as Reason
from loadgen.model.reasons import ValidityFinding as ValidityFinding
from loadgen.model.recording import Machine as Machine
from loadgen.model.recording import Recording as Recording
from loadgen.model.recording import RecordingInfo as RecordingInfo
from loadgen.model.recording import ServerLog as ServerLog
from loadgen.model.run import CellInfo as CellInfo
from loadgen.model.run import MachineInfo as MachineInfo
from loadgen.model.run import Run as Run
from loadgen.model.run import RunInfo as RunInfo
from loadgen.model.run import State as State
from loadgen.model.scenario import Load as Load
from loadgen.model.scenario import Scenario as Scenario
from loadgen.model.scenario import Simulator as Simulator
from loadgen.model.scenario import Stage as Stage
from loadgen.model.scenario import Target as Target
from loadgen.model.scenario import Threshold as Threshold
from loadgen.model.scenario import Timeouts as Timeouts
from loadgen.model.scenario import Workload as Workload
from loadgen.model.stream import PAUSES as PAUSES
from loadgen.model.stream import CpuSample as CpuSample
from loadgen.model.stream import Outcome as Outcome
from loadgen.model.stream import Pause as Pause
from loadgen.model.stream import Sample as Sample
from loadgen.model.stream import Stream as Stream
from loadgen.model.stream import Usage as Usage
from loadgen.model.summary import Round as Round
from loadgen.model.summary import Summary as Summary
from loadgen.model.tables import ArrivalTable as ArrivalTable
from loadgen.model.tables import CpuSampleTable as CpuSampleTable
from loadgen.model.tables import PauseTable as PauseTable
from loadgen.model.tables import SampleTable as SampleTable
from loadgen.model.tables import StampTable as StampTable
from loadgen.model.tables import StreamTable as StreamTable
from loadgen.model.tables import Table as Table
from loadgen.model.thresholds import ThresholdFinding as ThresholdFinding
from loadgen.model.thresholds import ThresholdResult as ThresholdResult
