"""The study of sync against async clients: five claims, costs per stream, and what the article's differences are."""

from __future__ import annotations

from collections.abc import Sequence

from loadgen.argument import article, claims, costs
from loadgen.model import Finding, Run, Summary


def findings(run: Run, summaries: Sequence[Summary]) -> list[Finding]:
    """Return the findings about claims, costs per stream and the article."""
    return [*claims.findings(summaries), *costs.findings(summaries), *article.findings(run, summaries)]
