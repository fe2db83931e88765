"""``summary.json`` and ``findings.json``, the same bytes from the same run.

Keys are sorted, and what was not measured is ``null``. A client is an object of its name, options and label; a level
one of its streams, rate and label.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from loadgen.model import Answer, ClientId, Level
from loadgen.report.sentences.answer import paragraphs
from loadgen.report.view import View


def summary(view: View) -> str:
    """Return ``summary.json``: the summaries and findings."""
    return _document(view, summaries=data(view.summaries), findings=data(view.findings))


def findings(view: View) -> str:
    """Return ``findings.json``: every finding as data, with its values and intervals."""
    return _document(view, findings=data(view.findings))


def result(view: View, verdict: str, code: int) -> str:
    """Return what ``--json`` prints: the folder, the verdict, the answer in sentences, summaries and findings."""
    answer = paragraphs(view.of(Answer))
    head = {"run": str(view.run.folder), "verdict": verdict, "exit": code, "answer": answer}
    return _document(view, **head, summaries=data(view.summaries), findings=data(view.findings))


def _document(view: View, **parts: Any) -> str:
    head = {"name": view.run.info.scenario.name, "started": view.run.info.started}
    text = json.dumps(head | parts, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return msgspec.json.format(text, indent=1) + "\n"  # json itself indents in Python, ten times slower


def data(value: Any) -> Any:
    """Return ``value`` as JSON has it: dataclasses as objects, clients and levels with their label."""
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: data(getattr(value, field.name)) for field in fields(value)}
        return found | {"label": value.label} if isinstance(value, ClientId | Level) else found
    if isinstance(value, Mapping):
        return {str(key): data(inner) for key, inner in value.items()}
    return [data(inner) for inner in value] if isinstance(value, list | tuple) else value
