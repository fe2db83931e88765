"""Findings of the kinds that are statements in English still. Goes with the last of them."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.model import Finding, TextFinding


def texts(findings: Iterable[Finding], kind: str) -> list[TextFinding]:
    """Return the findings of that kind."""
    return [f for f in findings if isinstance(f, TextFinding) and f.kind == kind]
