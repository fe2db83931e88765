"""The report as one HTML page that needs nothing but itself.

Every text goes through :func:`~loadgen.report.text.plain` and the template's own escaping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loadgen.analysis.facts import facts, text
from loadgen.analysis.repeats import repeats_of
from loadgen.model import ClientId, Outcome, Validity
from loadgen.report.page import FINDING, TEXT, Group, Placer, at, render
from loadgen.report.text import figure, plain
from loadgen.report.texts import texts

if TYPE_CHECKING:
    from loadgen.model import Finding, Level, Recording, Run, RunInfo, Summary
    from loadgen.report.charts.style import Look

PROMPTS = 5
ERRORS = 4

_Columns = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
_LATENCY: _Columns = (
    ("Streams", (("ok", "ok"), ("errors", "errors"))),
    ("TTFT, ms", (("ttft_p50_ms", "p50"), ("ttft_p90_ms", "p90"), ("ttft_p99_ms", "p99"), ("ttft_n", "n"))),
    ("ITL, ms", (("itl_p50_ms", "p50"), ("itl_p90_ms", "p90"), ("itl_p99_ms", "p99"), ("itl_n", "n"))),
    ("Total, ms", (("total_p50_ms", "p50"), ("total_p99_ms", "p99"))),
    (
        "Client's share, ms",
        (("lag_p50_ms", "lag p50"), ("lag_p99_ms", "lag p99"), ("send_delay_p99_ms", "request p99")),
    ),
)
_COST: _Columns = (
    ("Streams open", (("live_peak", "at most"), ("live_mean", "mean"))),
    ("Output", (("tokens_per_s", "tokens/s"), ("events_per_read", "texts/read"))),
    (
        "Memory",
        (("rss_base_mib", "base MiB"), ("rss_peak_mib", "peak MiB"), ("rss_per_stream_kib", "KiB/stream")),
    ),
    ("Threads", (("threads_peak", "peak"),)),
    (
        "CPU",
        (("cpu_us_per_token", "µs/token"), ("cpu_percent", "% of a core"), ("run_wait_percent", "% waiting")),
    ),
    (
        "Switches per token",
        (("voluntary_switches_per_token", "voluntary"), ("involuntary_switches_per_token", "involuntary")),
    ),
)


def html(run: Run, summaries: Sequence[Summary], findings: Sequence[Finding]) -> str:
    """The page, well under 5 MB; the same text from the same run."""
    from loadgen.report import evidence
    from loadgen.report.board import board, uncounted
    from loadgen.report.charts.distributions import distributions
    from loadgen.report.charts.rows import picture
    from loadgen.report.charts.scaling import costs, latencies
    from loadgen.report.charts.style import looks
    from loadgen.report.charts.usage import usage

    look = looks({s.client: s.mode for s in summaries})
    by_level = _by_level(run.recordings)
    shown = picture(by_level[max(by_level)] if by_level else (), look)
    place = Placer()
    scenario = run.info.scenario
    parts = {
        "name": plain(scenario.name or run.folder.name, TEXT),
        "started": _moment(run.info.started),
        "about": _about(run),
        "verdicts": _verdicts(summaries),
        "unfinished": _unfinished(run),
        "claims": board(findings),
        "uncounted": uncounted(findings),
        "thresholds": _thresholds(findings),
        "article": evidence.article(findings),
        "expense": evidence.costs(findings, look),
        "kinds": evidence.COSTS,
        "noise": evidence.noise(findings),
        "late": evidence.causes(findings, summaries, look),
        "trends": evidence.trends(findings),
        "tables": [
            _table("Latency", _LATENCY, summaries, look),
            _table("What it cost the client", _COST, summaries, look),
        ],
        "reasons": _reasons(summaries, look),
        "failures": _failures(run.recordings, look),
        "looks": list(look.values()),
        "curves": len({s.level for s in summaries}) > 1,
        "latencies": Group("", place(latencies(summaries, look))),
        "costs": Group("", place(costs(summaries, look))),
        "distributions": [Group(at(n), place(distributions(of, look))) for n, of in by_level.items()],
        "rows": Group(at(max(by_level)) if by_level else "", place(shown.charts)),
        "rows_caption": shown.caption,
        "usage": [Group(at(n), place(usage(of, look))) for n, of in by_level.items()],
        "shared": any(r.worker for r in run.recordings),
        "setup": [*_setup(run.info), *_workers(run.recordings)],
        "prompts": _prompts(scenario.workload.prompts),
        "order": _order(run.recordings, look),
    }
    return render("report.html", place, parts)


# ------------------------------------------------------------------------------------------- the page's parts


def _by_level(recordings: Sequence[Recording]) -> dict[Level, list[Recording]]:
    levels: dict[Level, list[Recording]] = {}
    for recording in recordings:
        levels.setdefault(recording.level, []).append(recording)
    return dict(sorted(levels.items()))


def _moment(stamp: Any) -> str:
    """An ISO time as people write it; as it stands where it is none."""
    try:
        moment = datetime.fromisoformat(str(stamp)).astimezone(UTC)
    except ValueError:
        return plain(stamp or "", 40)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _about(run: Run) -> list[str]:
    """What stands under the title: the target, the wire format, the model, the machine, the workers."""
    scenario, machine = run.info.scenario, run.info.machine
    target, cores = scenario.target, machine.cores
    workers = len({r.worker for r in run.recordings if r.worker})
    told = (
        target.url or ("the embedded simulator" if target.simulator else None),
        scenario.workload.protocol,
        scenario.workload.model,
        machine.processor,
        f"{cores} cores" if cores else None,
        f"{workers} worker{'' if workers == 1 else 's'}" if workers else None,
    )
    return [plain(part, 120) for part in told if part]


def _unfinished(run: Run) -> str:
    """What kept the run from its end; empty where nothing did."""
    how = {"interrupted": "was interrupted", "failed": "failed", "running": "never ended"}
    state = how.get(run.info.state)
    if state is None:
        return ""
    failure = plain(run.info.failure, TEXT)
    measured = len({r.index for r in run.recordings})
    cells = f"{measured} of {len(run.info.cells)} cells were measured"
    return f"The run {state}: {cells}" + (f" ({failure})" if failure else "")


def _verdicts(summaries: Sequence[Summary]) -> dict[str, int]:
    counted = Counter(s.validity for s in summaries)
    return {validity.value: counted[validity] for validity in Validity}


def _thresholds(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    from loadgen.report import evidence

    return [
        {
            "verdict": plain(finding.verdict),
            "statement": plain(finding.statement, FINDING),
            "evidence": [plain(line, FINDING) for line in evidence.broken(finding.evidence)],
        }
        for finding in texts(findings, "threshold")
    ]


def _table(
    title: str, columns: _Columns, summaries: Sequence[Summary], look: Mapping[ClientId, Look]
) -> dict[str, Any]:
    """A table of figures, its rows by concurrency."""
    levels: dict[Level, list[Summary]] = {}
    for summary in summaries:
        levels.setdefault(summary.level, []).append(summary)
    return {
        "title": title,
        "columns": columns,
        "levels": [
            {
                "title": at(concurrency),
                "rows": [
                    {
                        "look": look[s.client],
                        "mode": s.mode,
                        "repeats": s.repeats,
                        "groups": [[_cell(s, name) for name, _ in names] for _, names in columns],
                        "validity": s.validity.value,
                    }
                    for s in of
                ],
            }
            for concurrency, of in sorted(levels.items())
        ],
    }


def _reasons(summaries: Sequence[Summary], look: Mapping[ClientId, Look]) -> list[dict[str, Any]]:
    """Why measurements are not simply valid; those at one concurrency for the same reasons together."""
    alike: dict[tuple[Level, str, tuple[str, ...]], list[str]] = {}
    for s in summaries:
        if s.reasons:
            alike.setdefault((s.level, s.validity.value, s.reasons), []).append(look[s.client].label)
    return [
        {
            "validity": validity,
            "who": ", ".join(clients),
            "at": at(concurrency),
            "reasons": [plain(reason, FINDING) for reason in reasons],
        }
        for (concurrency, validity, reasons), clients in sorted(alike.items(), key=lambda item: item[0])
    ]


def _cell(summary: Summary, name: str) -> dict[str, Any]:
    found = summary[name]
    low, high = found.low, found.high
    between = None if low is None or high is None else f"{figure(low)}–{figure(high)}"
    kind = "n" if name.endswith("_n") else "bad" if name == "errors" and found.value else ""
    return {"text": figure(found.value), "soft": found.low_sample, "between": between, "kind": kind}


def _failures(recordings: Sequence[Recording], look: Mapping[ClientId, Look]) -> list[dict[str, Any]]:
    """Streams that did not end well: by client, concurrency and outcome, with the most frequent texts."""
    counted: dict[tuple[Level, ClientId, str], Counter[str]] = {}
    for recording in recordings:
        outcomes, errors = recording.streams["outcome"], recording.streams["error"]
        for row in (outcomes != Outcome.OK.value).nonzero()[0].tolist():
            key = (recording.level, recording.client, str(outcomes[row]))
            counted.setdefault(key, Counter())[str(errors[row])] += 1
    return [
        {
            "look": look.get(client),
            "client": plain(client.label, 60),
            "concurrency": level.value,
            "outcome": plain(outcome).replace("_", " "),
            "count": texts.total(),
            "texts": [(plain(text, TEXT), n) for text, n in texts.most_common(ERRORS) if text],
            "more": max(0, len(texts) - ERRORS),
        }
        for (level, client, outcome), texts in sorted(
            counted.items(), key=lambda item: (item[0][0], item[0][1].label, item[0][2])
        )
    ]


def _setup(info: RunInfo) -> list[tuple[str, list[tuple[str, str]]]]:
    """run.json but for prompts and cells, as lists of dotted names and values."""
    parts: dict[str, list[tuple[str, str]]] = {
        "run": [
            (name, plain(value, TEXT))
            for name in ("name", "state", "failure", "started", "ended", "url", "seed")
            if (value := text(getattr(info, name)))
        ]
    }
    for path, value in facts(info):
        title, _, name = path.partition(".")
        if shown := text(value):
            parts.setdefault(plain(title if name else "run"), []).append(
                (plain(name or path, 80), plain(shown, TEXT))
            )
    return [(title.capitalize(), told) for title, told in parts.items() if told]


def _workers(recordings: Sequence[Recording]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What each worker did, and what became of it; nothing where there were none."""
    facts: dict[str, list[Recording]] = {}
    for repeat in repeats_of(recordings):
        for m in repeat.parts:
            facts.setdefault(m.recording.worker, []).append(m.recording)
    told = []
    for worker, parts in facts.items():
        streams = sum(len(part.streams["slot"]) for part in parts)
        ended = "; ".join(dict.fromkeys(part.ended for part in parts if part.ended))
        does = f"{streams:,} streams in {len(parts):,} cell{'' if len(parts) == 1 else 's'}"
        told.append((plain(worker, 80), plain(f"{does}; {ended}" if ended else does, TEXT)))
    return [("Workers", told)] if any(facts) else []


def _prompts(prompts: Sequence[str]) -> dict[str, Any]:
    return {
        "shown": [plain(prompt, TEXT) for prompt in prompts[:PROMPTS]],
        "more": max(0, len(prompts) - PROMPTS),
    }


def _order(recordings: Sequence[Recording], look: Mapping[ClientId, Look]) -> list[dict[str, Any]]:
    return [
        {
            "look": look.get(r.client),
            "client": plain(r.client.label, 60),
            "concurrency": r.level.value,
            "repeat": r.repeat + 1,
            "ended": "; ".join(
                plain(f"{part.worker}: {part.ended}" if part.worker else part.ended, TEXT)
                for part in (m.recording for m in repeat.parts)
                if part.ended
            ),
        }
        for repeat in repeats_of(recordings)
        for r in (repeat.recording,)
    ]
