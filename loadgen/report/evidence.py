"""What stands behind and beside the claims, as the page shows it: costs, noise, trends, causes and the article's
table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loadgen.analysis.causes import CAUSES
from loadgen.analysis.rounds import is_control
from loadgen.argument.article import CLIENTS, COLUMNS
from loadgen.report.board import STATEMENT, axis_of, place, row, ticks
from loadgen.report.text import figure, plain
from loadgen.report.texts import texts

if TYPE_CHECKING:
    from loadgen.model import ClientId, Effect, Finding, Summary, TextFinding
    from loadgen.report.charts.style import Look

COSTS = (  # title, its effect, the units of each and of the fixed part
    ("Memory", "memory", "KiB per stream", "fixed, MiB"),
    ("Threads", "threads", "per stream", "fixed"),
    ("CPU", "CPU", "µs per token", "fixed, ms/s"),
    ("Context switches", "context switches", "per token", "fixed, per s"),
)
WHY = {
    "server": "the server sent late",
    "connect": "the request waited for a connection",
    "gc": "garbage collection",
    "run-queue": "ready to run, and no core",
    "held": "the loop, the GIL or the core was held",
    "coalesced": "read together with later ones",
    "unexplained": "unexplained",
}
MOST_RUNS = 10_000
FEW = 3  # that held and are told in full


def broken(judged: Sequence[str]) -> tuple[str, ...]:
    """Of what was held against a threshold, what did not hold; what did is only counted where it is much."""
    found = tuple(line for line in judged if not line.endswith(", held"))
    held = len(judged) - len(found)
    return (*found, f"{held} others held" if found else f"all {held} held") if held > FEW else tuple(judged)


def costs(findings: Sequence[Finding], look: Mapping[ClientId, Look]) -> list[dict[str, Any]]:
    """A row for each client, two cells for each kind of cost, and the sentence that says it."""
    rows = []
    for finding in texts(findings, "cost"):
        told = {effect.name: effect for effect in finding.effects}
        cells = [_cell(told.get(name)) for _, each, *_ in COSTS for name in (each, f"{each}, fixed")]
        rows.append(
            {
                "client": _client(finding.id),
                "look": next((own for one, own in look.items() if one.label == finding.id), None),
                "cells": cells,
                "said": plain(finding.statement, STATEMENT),
            }
        )
    return rows


def noise(findings: Sequence[Finding]) -> dict[str, Any]:
    """What one client differs by from itself: a row for each figure, a cell for each concurrency."""
    told = [finding for finding in texts(findings, "noise") if finding.effects]
    names = dict.fromkeys(effect.name for finding in told for effect in finding.effects)
    floors = [{effect.name: effect.line for effect in finding.effects} for finding in told]
    return {
        "said": [plain(finding.statement, STATEMENT) for finding in told],
        "who": plain(told[0].statement.partition(" measured twice")[0], 80) if told else "",
        "levels": [plain(finding.id.partition("@")[2], 20) for finding in told],
        "rows": [
            {
                "name": plain(name),
                "cells": ["" if (line := of.get(name)) is None else f"{figure(line)} %" for of in floors],
            }
            for name in names
        ],
    }


def trends(findings: Sequence[Finding]) -> list[str]:
    """What moved while it was measured."""
    return [plain(finding.statement, STATEMENT) for finding in texts(findings, "trend")]


def causes(
    findings: Sequence[Finding], summaries: Sequence[Summary], look: Mapping[ClientId, Look]
) -> dict[str, Any]:
    """A bar for every measurement of which tokens came late; ``on_time`` are the others whose lag is known."""
    told = {finding.id: finding for finding in texts(findings, "cause")}
    rows: list[dict[str, Any]] = []
    on_time: dict[str, list[str]] = {}
    for summary in sorted(summaries, key=lambda s: s.level):
        finding = told.get(f"{summary.client}@{summary.level.value:g}")
        where = f"{_client(summary.client.label)} at {summary.level.value:,g}"
        if finding is not None:
            prefix = f"{summary.client} at {summary.level.value:,g}: "
            rows.append(_bar(finding, where, prefix, look.get(summary.client)))
        elif summary.value("lag_n") and not is_control(summary.client):
            on_time.setdefault(_client(summary.client.label), []).append(f"{summary.level.value:,g}")
    used = [name for name in CAUSES if any(name == part["cause"] for bar in rows for part in bar["parts"])]
    quiet = [f"{client} at {', '.join(levels)}" for client, levels in on_time.items()]
    return {
        "rows": rows,
        "on_time": quiet,
        "key": [(name, WHY[name]) for name in used],
        "budget": rows[0]["budget"] if rows else "",
    }


def _bar(finding: TextFinding, where: str, prefix: str, look: Look | None) -> dict[str, Any]:
    late, _, why = finding.statement.removeprefix(prefix).rpartition(" late: ")
    parts, left = [], 0.0
    for name in CAUSES:
        share = next((e.value for e in finding.effects if e.name == name and e.value), 0.0)
        if share:
            parts.append(
                {"cause": name, "left": round(left, 2), "width": round(share, 2), "share": f"{share:.0f} %"}
            )
            left += share
    return {
        "where": where,
        "look": look,
        "late": plain(late.partition(" came ")[0], STATEMENT),
        "budget": plain(late.partition(" came ")[2], STATEMENT),
        "why": plain(why, STATEMENT),
        "parts": parts,
        "more": [plain(line, STATEMENT) for line in finding.evidence],
    }


def article(findings: Sequence[Finding]) -> dict[str, Any] | None:
    """The article's table, ours, and what each of its differences is; ``None`` where it was not asked."""
    finding = next(iter(texts(findings, "article")), None)
    if finding is None:
        return None
    values = {
        (effect.note, effect.name, effect.client): effect
        for effect in finding.effects
        if effect.name in COLUMNS
    }
    return {
        "verdict": plain(finding.verdict),
        "statement": plain(finding.statement, STATEMENT),
        "evidence": [plain(line, STATEMENT) for line in finding.evidence],
        "figures": list(COLUMNS),
        "rows": [
            {
                "client": client,
                "cells": [
                    _cell(values.get((whose, name, client)))
                    for name in COLUMNS
                    for whose in ("the article", "this run")
                ],
            }
            for client in CLIENTS
        ],
        "differences": [_differences(finding, name) for name in COLUMNS],
        "sources": [
            (plain(effect.name), figure(effect.value))
            for effect in finding.effects
            if effect.unit == "times" and effect.line is None
        ],
    }


def _differences(finding: TextFinding, name: str) -> dict[str, Any]:
    """Those of one figure, drawn on one axis: 1, ours, and the article's."""
    found = [e for e in finding.effects if e.line is not None and e.name.startswith(f"{name}, ")]
    runs = {
        (e.client, "article" in e.name): e.value
        for e in finding.effects
        if e.unit == "runs" and e.name.startswith(f"{name}, ")
    }
    if not found:
        return {"name": name, "rows": []}
    axis = axis_of(found, [1.0, *(e.line for e in found if e.line is not None)], log=True)
    rows = []
    for effect in found:
        kind, _, why = effect.note.partition(": ")
        label = effect.name.removeprefix(f"{name}, ")
        rows.append(
            {
                "ours": row(label, effect, axis),
                "article": figure(effect.line),
                "at": place(axis, effect.line or 1.0),
                "kind": plain(kind, 40),
                "why": plain(why, STATEMENT),
                "runs": _runs(runs.get((effect.client, True))),
                "runs_ours": _runs(runs.get((effect.client, False))),
            }
        )
    return {"name": name, "rows": rows, "one": place(axis, 1.0), "ticks": ticks(axis)}


def _runs(number: float | None) -> str:
    if number is None:
        return "–"
    return f"{number:,.0f}" if number <= MOST_RUNS else f"over {MOST_RUNS:,}"


def _cell(effect: Effect | None) -> dict[str, str]:
    if effect is None or effect.value is None:
        return {"text": figure(None), "between": ""}
    between = (
        "" if effect.low is None or effect.high is None else f"{figure(effect.low)}–{figure(effect.high)}"
    )
    if effect.low is not None and effect.low < 0:
        between = f"{figure(effect.low)} to {figure(effect.high)}"
    return {"text": figure(effect.value), "between": between}


def _client(label: str) -> str:
    return plain(label, 40)
