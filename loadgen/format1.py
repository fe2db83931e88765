"""Convert run folders of format 1, written by loadgen 0.1, to format 2 as they are read."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from loadgen.model import ClientId, CpuSampleTable, PauseTable, RunInfo

_CONTROL = " (A/A)"
_TABLES = {"spells": "pauses", "pace": "cpu_samples"}
_OLD_TABLES = {new: old for old, new in _TABLES.items()}
_LATER_STREAM_COLUMNS = ("run_wait_ns", "end_stamp_ns")
_LATER_TABLES = {"pauses": PauseTable, "cpu_samples": CpuSampleTable}


def info(plain: dict[str, Any]) -> dict[str, Any]:
    """Return run.json of format 1 as that of format 2. Raises LookupError, TypeError, ValueError, AttributeError."""
    # Keys that format 2 does not know are ignored.
    scenario = plain["scenario"]
    clients = [{"name": each["name"], "options": each.get("options") or {}} for each in scenario["clients"]]
    thresholds = scenario.get("thresholds", [])
    return plain | {
        "url": plain.get("url") or "",
        "scenario": {
            **scenario,
            "clients": clients,
            "levels": [{"streams": streams} for streams in scenario["concurrency"]],
            "workload": scenario,
            "thresholds": [each | {"level": _level(each.get("concurrency"))} for each in thresholds],
        },
        "cells": [
            {**cell, "client": _client(cell["client"], clients), "level": _level(cell["concurrency"])}
            for cell in plain["cells"]
        ],
    }


def on_disk(column: str) -> str:
    """Return the name that format 1 has for a column."""
    if column == "streams.text_events":
        return "streams.tokens"
    table, _, name = column.partition(".")
    return f"{_OLD_TABLES.get(table, table)}.{name}"


def recording(meta: dict[str, Any], columns: dict[str, Any], run: RunInfo) -> None:
    """Bring one recording of format 1 to format 2, in place."""
    known = {each.client.label: each.client for each in run.cells}
    meta["client"] = known.get(meta["client"]) or {"name": meta["client"]}
    meta["level"] = _level(meta["concurrency"])
    meta["workload"] = run.scenario.workload
    for key in list(columns):
        table, _, name = key.partition(".")
        if table in _TABLES:
            columns[f"{_TABLES[table]}.{name}"] = columns.pop(key)
    columns["streams.text_events"] = columns.pop("streams.tokens")
    for name in _LATER_STREAM_COLUMNS:
        columns.setdefault(f"streams.{name}", np.full_like(columns["streams.slot"], -1))
    for table, kind in _LATER_TABLES.items():
        for field in fields(kind):
            columns.setdefault(f"{table}.{field.name}", np.zeros(0, dtype=np.int64))


def _level(streams: int | None) -> dict[str, int] | None:
    return None if streams is None else {"streams": streams}


def _client(label: str, clients: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the scenario's client whose label that is; format 1 kept labels only."""
    for each in clients:
        plain = ClientId(each["name"], each["options"]).label
        if label in (plain, plain + _CONTROL):
            return {**each, "control": label != plain}
    return {"name": label.removesuffix(_CONTROL), "control": label.endswith(_CONTROL)}
