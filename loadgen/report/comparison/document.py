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
    Row,
    Table,
    Text,
    Tone,
)  # fmt: skip
from loadgen.report.client_style import Styles, client_styles
from loadgen.report.columns import at, narrow, of_summaries, per_event, scaled
from loadgen.report.comparison import sentences
from loadgen.report.comparison.view import ComparisonView
from loadgen.report.language import _
from loadgen.report.sentences.server import PREFIX
from loadgen.report.text import NOT_MEASURED, flowing

DELAYS = 3
ROWS = 10  # changes in Markdown
SIGNS = {"worse": "✗", "better": "✓", "same": "", "unknown": "?"}
TONES: Mapping[str, Tone] = {"worse": "bad", "better": "good", "same": "", "unknown": "quiet"}
VERDICTS: Mapping[str, Tone] = {"worse": "bad", "not worse": "good", "cannot tell": "warn"}
LEGEND = "change in %, ± half of its 95 % interval; ✗ worse and ✓ better beyond the noise"


def document(view: ComparisonView, form: Form) -> Document:
    """Return the comparison for that form.

    Of two runs, the verdict is the last line in a terminal, where one looks first.
    """
    compared = {client for c in view.comparison.changes for client in (c.base_client, c.client)}
    summaries = (*view.base_summaries, *view.head_summaries)
    styles = client_styles({s.client: s.mode for s in summaries if s.client in compared})
    with per_event(of_summaries(summaries)):
        made = (_of_clients if view.of_clients else _of_runs)(view, form, styles)
    parts = [part for part in made if part.blocks]
    return Document(
        title=sentences.title(view),
        kind=_("Comparison of two clients") if view.of_clients else _("Comparison of streaming load tests"),
        parts=parts[::-1] if form == "terminal" and not view.of_clients else parts,
        styles=styles,
        footer=_("Made by `loadgen compare`."),
    )


def _of_runs(view: ComparisonView, form: Form, styles: Styles) -> list[Part]:
    comparison = view.comparison
    verdict = Text(sentences.verdict(comparison), VERDICTS[comparison.verdict])
    note = _(
        "Open marks are the base, filled marks the head: means over the repeats. Thin lines are their 95 % intervals, "
        "each side by itself, from three repeats on. The intervals of the changes below also use the variance of the "
        "other clients."
    )
    return [
        Part("verdict", "", [verdict]),
        Part("changes", _("What changed beyond the noise"), list(_called(view, form)), _("Changes")),
        Part("charts", _("Every metric, base and head"), _charts(view, form, styles, note), _("Metrics")),
        Part("all", _("All changes"), list(_all(view, form))),
        Part("setup", _("What differs"), list(_setup(view, form))),
    ]


def _of_clients(view: ComparisonView, form: Form, styles: Styles) -> list[Part]:
    """Return which client is better and by how much; whether one is worse is no verdict here."""
    comparison = view.comparison
    answer = [Text(text, "" if place else "strong") for place, text in enumerate(sentences.answer(view))]
    if comparison.verdict == "cannot tell":
        answer.append(Text(sentences.verdict(comparison), "warn"))
    note = _(
        "Means over the rounds; thin lines are 95 % intervals, each client by itself, from three rounds on."
    )
    how = [*sentences.delays(view)[:DELAYS], sentences.method(comparison), *sentences.notes(view)]
    return [
        Part("verdict", "", answer),
        Part("changes", _("Side by side"), list(_sides(view, form)), _("Figures")),
        Part("charts", _("Every metric"), _charts(view, form, styles, note), _("Charts")),
        Part(
            "setup",
            "" if form == "terminal" else _("How they were compared"),
            [Text(text, "quiet") for text in how if text],
            _("Method"),
        ),
    ]


def _sides(view: ComparisonView, form: Form) -> Iterator[Block]:
    """Yield a row for each metric; but on a page only those that differ beyond the noise."""
    names = _("metric"), view.base, view.head, _("difference"), _("95 % interval"), _("better")
    columns = [Column(name, priority=place if place > 3 else 0) for place, name in enumerate(names)]
    winners = {"better": view.head, "worse": view.base, "unknown": "?"}
    groups: dict[str, list[Row]] = {}
    for level, clients in view.cells.items():
        rows = groups[at(level)] = []
        for change in (change for changes in clients.values() for change in changes.values()):
            differs, texts = change in view.called, sentences.row(change)
            if differs or form == "html":
                tone: Tone = "strong" if differs else "quiet"
                by, winner = (
                    Cell(texts.change, tone=tone),
                    Cell(winners.get(change.verdict, NOT_MEASURED), tone=tone),
                )
                rows.append([texts.metric, texts.base, texts.head, by, texts.interval, winner])
    if any(groups.values()):
        yield Table(columns, {name: rows for name, rows in groups.items() if rows})


def _called(view: ComparisonView, form: Form) -> Iterator[Block]:
    changes, more = list(view.called), 0
    if form == "markdown":
        same = sorted(view.comparison.called("same"), key=lambda c: -c.badness if c.relative else 0.0)
        changes, more = changes[:ROWS] or same[: ROWS // 2], len(changes) - ROWS
    if changes:
        columns = [
            Column(name, text=place < 3, priority=place)
            for place, name in enumerate(sentences.headings(changes))
        ]
        yield Table(columns, {"": [_row(change) for change in changes]})
    if form == "markdown" and changes:
        counted = _("{n} comparisons are within noise.").format(n=len(view.comparison.called("same")))
        others = _("{n} more are called worse or better;").format(n=more)
        yield Text(flowing([others, counted]) if more > 0 else counted)
    delays = sentences.delays(view)[:DELAYS]
    yield from (Text(_("In HEAD, {text}").format(text=text)) for text in delays)


def _row(change: Change) -> Sequence[Cell | str]:
    texts = list(sentences.row(change))
    toned = {place: Cell(texts[place], tone=TONES[change.verdict]) for place in (0, 6)}  # verdict and change
    return [toned.get(place, text) for place, text in enumerate(texts)]


def _charts(view: ComparisonView, form: Form, styles: Styles, note: str) -> list[Block]:
    if form != "html":
        return []
    from loadgen.report.comparison.charts import charts

    found = charts(view, styles)
    return [Charts(found, key=len(styles) > 1), Text(note, "quiet")] if found else []


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
    others = [
        each for each in view.differences if not each.key.startswith(PREFIX)
    ]  # the server's are in the notes
    differ = [sentences.difference(each) for each in others]
    if form == "markdown":
        method = sentences.method(view.comparison)
        items = [*filter(None, [method]), *sentences.notes(view), *differ]
        if items:
            yield Details(_("How, and what differs"), [Bullets(items)])
        return
    for each, text in zip(others, differ, strict=True):
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
