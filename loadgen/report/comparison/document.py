"""A comparison as a document: the verdict, what changed, every change, what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from loadgen.analysis.changes import Change
from loadgen.analysis.metrics import Column as MetricColumn
from loadgen.report.blocks import (
    Block,
    Bullets,
    Cell,
    Charts,
    Column,
    Details,
    Document,
    Form,
    Part,
    Table,
    Text,
    Tone,
)  # fmt: skip
from loadgen.report.client_style import Styles, client_styles
from loadgen.report.columns import at, narrow, scaled
from loadgen.report.comparison import sentences
from loadgen.report.comparison.view import ComparisonView
from loadgen.report.language import _
from loadgen.report.text import NOT_MEASURED

DELAYS = 3
ROWS = 10  # changes in Markdown
SIGNS = {"worse": "✗", "better": "✓", "same": "", "unknown": "?"}
TONES: Mapping[str, Tone] = {"worse": "bad", "better": "good", "same": "", "unknown": "quiet"}
VERDICTS: Mapping[str, Tone] = {"worse": "bad", "not worse": "good", "cannot tell": "warn"}
LEGEND = "change in %, ± half of its 95 % interval; ✗ worse and ✓ better beyond the noise"


def document(view: ComparisonView, form: Form) -> Document:
    """Return the comparison for that form. In a terminal the verdict is the last line, where one looks first."""
    compared = {client for c in view.comparison.changes for client in (c.base_client, c.client)}
    summaries = (*view.base_summaries, *view.head_summaries)
    styles = client_styles({s.client: s.mode for s in summaries if s.client in compared})
    verdict = Part("verdict", "", [Text(text, tone) for text, tone in _verdict(view)])
    parts = [
        Part("changes", _("What changed beyond the noise"), list(_called(view, form)), _("Changes")),
        *(
            [Part("charts", _("Every metric, base and head"), _charts(view, styles), _("Metrics"))]
            if form == "html"
            else []
        ),
        Part("all", _("All changes"), list(_all(view, form))),
        Part("setup", _("What differs"), list(_setup(view, form)), folded=False),
    ]
    parts = [part for part in parts if part.blocks]
    ordered = [*parts[::-1], verdict] if form == "terminal" else [verdict, *parts]
    return Document(
        title=sentences.title(view),
        kind=_("Comparison of streaming load tests"),
        parts=ordered,
        styles=styles,
        footer=_("Made by `loadgen compare`."),
    )


def _verdict(view: ComparisonView) -> Iterator[tuple[str, Tone]]:
    if view.of_clients:
        for text in sentences.answer(view):
            yield text, "strong"
    yield sentences.verdict(view.comparison), VERDICTS[view.comparison.verdict]


def _called(view: ComparisonView, form: Form) -> Iterator[Block]:
    changes, more = list(view.called), 0
    if form == "markdown":
        same = sorted(view.comparison.called("same"), key=lambda c: -c.badness if c.relative else 0.0)
        changes, more = changes[:ROWS] or same[: ROWS // 2], len(changes) - ROWS
    if changes:
        columns = [
            Column(name, text=place < 3, priority=place) for place, name in enumerate(sentences.headings())
        ]
        yield Table(columns, {"": [_row(change) for change in changes]})
    if form == "markdown" and changes:
        counted = _("{n} comparisons are within noise.").format(n=len(view.comparison.called("same")))
        yield Text(
            f"{_('{n} more are called worse or better;').format(n=more)} {counted}" if more > 0 else counted
        )
    delays = sentences.delays(view)[:DELAYS]
    yield from (Text(_("In HEAD, {text}").format(text=text)) for text in delays)


def _row(change: Change) -> Sequence[Cell | str]:
    texts = list(sentences.row(change))
    toned = {place: Cell(texts[place], tone=TONES[change.verdict]) for place in (0, 6)}  # verdict and change
    return [toned.get(place, text) for place, text in enumerate(texts)]


def _charts(view: ComparisonView, styles: Styles) -> list[Block]:
    from loadgen.report.comparison.charts import charts

    found = charts(view, styles)
    if not found:
        return []
    note = _(
        "Open marks are the base, filled marks the head: means over the repeats. Thin lines are their 95 % intervals, "
        "each side by itself, from three repeats on. The intervals of the changes below also use the variance of the "
        "other clients."
    )
    return [Charts(found, key=len(styles) > 1), Text(note, "quiet")]


def _all(view: ComparisonView, form: Form) -> Iterator[Block]:
    """Yield a row per cell with its changes; in a terminal as many metrics as fit, the primary ones first."""
    if not view.comparison.comparisons or form == "markdown":
        return
    shown = view.comparison.columns
    columns = [
        Column(_("client")),
        *(Column(name, above, place + 1) for place, (above, name) in enumerate(map(narrow, shown))),
    ]
    groups = {
        at(level): [_cells(client.label, changes, shown, form) for client, changes in clients.items()]
        for level, clients in view.cells.items()
    }
    yield Table(columns, groups)
    yield Text(_(LEGEND) if form == "terminal" else _("Below each change is its 95 % interval."), "quiet")
    yield Text(sentences.method(view.comparison), "quiet")


def _cells(
    label: str, changes: Mapping[str, Change], columns: Sequence[MetricColumn], form: Form
) -> list[Cell | str]:
    mark = "~" if any(change.suspect for change in changes.values()) else ""
    row: list[Cell | str] = [Cell(f"{label}{mark}")]
    for column in columns:
        change = changes.get(column.name)
        if change is None:
            row.append(NOT_MEASURED)
        elif form == "terminal":
            row.append(Cell(_short(change), tone=TONES[change.verdict]))
        else:
            texts = sentences.row(change)
            row.append(Cell(texts.change, texts.interval, TONES[change.verdict]))
    return row


def _setup(view: ComparisonView, form: Form) -> Iterator[Block]:
    lines = [Text(note, "quiet") for note in sentences.notes(view)]
    if form == "html":
        yield from lines
        if not view.differences:
            yield Text(_("Nothing differs in scenario, machine and versions."))
            return
        rows = [
            (Cell(d.key, tone="bad" if d.blocking else ""), d.base or NOT_MEASURED, d.head or NOT_MEASURED)
            for d in view.differences
        ]
        yield Table(
            [Column(_("key")), Column(_("base"), text=True), Column(_("head"), text=True)], {"": rows}
        )
        return
    differ = [sentences.difference(each) for each in view.differences]
    if form == "markdown":
        method = sentences.method(view.comparison)
        items = [*filter(None, [method]), *sentences.notes(view), *differ]
        if items:
            yield Details(_("How, and what differs"), [Bullets(items)])
        return
    for each, text in zip(view.differences, differ, strict=True):
        yield Bullets([text], "warn" if each.blocking else "quiet")
    yield from lines


def _short(of: Change) -> str:
    """Return the change and half of its interval in a few characters."""
    if of.change is None or of.low is None or of.high is None:
        return SIGNS[of.verdict]
    scale = 100.0 if of.relative else scaled(of.column, 1.0) or 1.0
    text = sentences.share(of.change) if of.relative else ""
    if not text.startswith("×"):
        half = (of.high - of.low) / 2 * scale
        wide = f"{half:.0f}" if half < 1000 else "1000+"
        text = f"{scale * of.change:+.0f} ±{wide}".replace("-", "−")
    return text + SIGNS[of.verdict]
