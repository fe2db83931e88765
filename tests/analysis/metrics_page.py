"""The table of docs/metrics.md, made from the table of metrics: ``python -m tests.analysis.metrics_page``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadgen.analysis.metrics import METRICS, Metric, metrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN = "<!-- made by python -m tests.analysis.metrics_page -->\n"
END = "<!-- end -->\n"
OTHERS = (
    ("client", "The client with its options; `(A/A)` is the A/A control, the same client measured again."),
    ("mode", "`threads`, `tasks` or `greenlets`: how its streams run."),
    ("concurrency", "Target concurrency: streams at once."),
    ("repeats", "Included repeats; an invalid repeat is excluded if others are not."),
    ("validity", "`valid`, `suspect` (disturbed, or a low sample size) or `invalid`."),
    ("reasons", "Why it is not valid, the most serious reason first."),
    ("limited_by", "Whose limit was reached: `client`, `server`, `simulator` or `machine`; empty: nobody's."),
    ("low_sample", "Columns whose percentile has a low sample size."),
    ("outcomes", "Number of streams for each outcome."),
)


def table() -> str:
    """Return the rows for every metric, then for the columns that are none."""
    lines = ["| columns | unit | better | description |", "|---|---|---|---|"]
    lines += [
        f"| {_columns(metric)} | {metric.unit} | {metric.better or ''} | {metric.description} |"
        for metric in metrics()[: len(METRICS)]
    ]
    lines += ["", "These columns are not metrics:", "", "| column | description |", "|---|---|"]
    lines += [f"| `{name}` | {description} |" for name, description in OTHERS]
    return "\n".join(lines) + "\n"


def _columns(metric: Metric) -> str:
    names: Iterable[str] = (metric.column(rank) for rank in metric.ranks)
    return " ".join(f"`{name}`" for name in names)


def page() -> str:
    """Return the page with its table as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
