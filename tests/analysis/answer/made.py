"""Made-up measurements for the rules of the answer: each figure as its values in the rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import (
    Answer,
    Estimate,
    Level,
    Limit,
    Recording,
    Round,
    Summary,
    Threshold,
    Validity,
)
from tests import synthetic

STEADY = {
    "ttft_p50_ms": (300.0, 302.0, 301.0),
    "ttft_p95_ms": (600.0, 606.0, 603.0),
    "ttft_p99_ms": (700.0, 702.0, 701.0),
    "total_p50_ms": (1700.0, 1702.0, 1701.0),
    "tokens_per_s": (1000.0, 1002.0, 998.0),
    "send_delay_p99_ms": (3.0, 4.0, 3.5),
    "lag_p99_ms": (3.0, 4.0, 3.5),
    "rss_per_stream_kib": (50.0, 51.0, 50.5),
    "rss_peak_mib": (45.0, 45.1, 45.2),
    "threads_peak": (101.0, 101.0, 101.0),
    "cpu_us_per_token": (100.0, 102.0, 98.0),
    "errors_share": (0.0, 0.0, 0.0),
}


def made(
    client: str,
    streams: int = 100,
    *,
    limited_by: Limit | None = None,
    validity: Validity = Validity.VALID,
    rounds: int = 3,
    factor: float = 1.0,
    **figures: Sequence[float] | float | None,
) -> Summary:
    """Return a steady measurement but for these ``figures``: one value for all rounds, or one each, from the start
    again where there are too few; ``None``: none.

    ``factor`` is on every figure.
    """
    values: dict[str, Sequence[float]] = {}
    for name, of in (STEADY | figures).items():
        if of is not None:
            each = [of] if isinstance(of, int | float) else of
            values[name] = [factor * float(each[n % len(each)]) for n in range(rounds)]
    return Summary(
        client=synthetic.client_id(client),
        mode="tasks",
        level=Level(streams=streams),
        repeats=rounds,
        validity=validity,
        reasons=(),
        outcomes={"ok": 300},
        metrics={name: Estimate(fmean(of)) for name, of in values.items()},
        rounds=tuple(Round(n, {name: of[n] for name, of in values.items()}) for n in range(rounds)),
        limited_by=limited_by,
    )


def answers(
    rule: Callable[[Evidence], Iterator[Answer]],
    *summaries: Summary,
    thresholds: Sequence[Threshold] = (),
    recordings: Sequence[Recording] = (),
) -> list[Answer]:
    """Return what the rule answers of a run with these summaries."""
    run = synthetic.run("/nowhere", recordings, thresholds=thresholds)
    return list(rule(Evidence(run, summaries)))
