"""A comparison as Markdown, for a pull request: the verdict, and the changes that count, the worst first."""

from __future__ import annotations

from loadgen.report.comparison import sentences
from loadgen.report.comparison.view import ComparisonView
from loadgen.report.markdown import escaped, table

ROWS = 10
DELAYS = 3


def render(view: ComparisonView) -> str:
    """Return the Markdown. Where nothing changed beyond the noise, the largest changes are shown."""
    comparison = view.comparison
    same = comparison.called("same")
    largest = sorted(same, key=lambda c: -c.badness if c.relative else 0.0)
    rows = view.called[:ROWS] or largest[: ROWS // 2]
    lines = [f"**{escaped(sentences.verdict(comparison))}**", "", escaped(sentences.title(view)), ""]
    if rows:
        more = len(view.called) - ROWS
        lines += [
            table(sentences.HEADINGS, (sentences.row(c) for c in rows), texts=3),
            "",
            (f"{more:,} more are called worse or better; " if more > 0 else "")
            + f"{len(same):,} comparisons are within noise.",
            "",
        ]
    lines += [f"In HEAD, {escaped(text)}\n" for text in sentences.delays(view)[:DELAYS]]
    details = [
        *filter(None, [sentences.method(comparison)]),
        *map(escaped, sentences.notes(view)),
        *(f"`{sentences.difference(d)}`" for d in view.differences),
    ]
    if details:
        lines += ["<details><summary>How, and what differs</summary>", ""]
        lines += [*(f"- {detail}" for detail in details), "", "</details>"]
    return "\n".join(lines) + "\n"
