"""Prompts as work: lengths that were asked for and those that the server counted, and whether its cache answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from loadgen.analysis.metrics import column
from loadgen.analysis.turns import by_turn
from loadgen.model import Calibration, PromptCacheFinding, Summary
from loadgen.report.blocks import Cell, Column, Row, Table, Text, Verdict
from loadgen.report.columns import value_text, where
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View, by_level
from loadgen.report.sentences import sentences
from loadgen.report.sentences.warm_up import calibrated
from loadgen.report.text import number

FAR: Final = 10.0  # percent
# Of input and of output: the columns of what was asked, what was counted, and the difference.
_LENGTHS: Final = {
    "input": ("input_asked_p50", "input_tokens_p50", "input_asked_spread", "input_spread", "input_off_percent"),
    "output": (
        "output_asked_p50", "output_tokens_p50", "output_asked_spread", "output_spread", "output_off_percent",
    ),
}  # fmt: skip


class Prompts(Section):
    id = "prompts"
    title = "Prompts"
    forms = frozenset({"html", "terminal", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        for finding in view.of(PromptCacheFinding):
            of = sentences(finding)
            yield Verdict(_("cache"), of.statement, "warn", of.details)
        if form == "summary":
            return
        yield from _turns(view)
        kinds = [kind for kind, (asked, *_rest) in _LENGTHS.items() if _measured(view.summaries, asked)]
        if not kinds:
            return
        info = view.run.info
        of_them = info.warm_up.calibration if info.warm_up else None
        if of_them is None and info.scenario.workload.synthetic and info.scenario.target.url:
            of_them = Calibration()
        if of_them is not None:
            yield Text(calibrated(of_them), "quiet" if of_them.source == "server" else "warn")
        yield _table(view, kinds)
        yield from (Text(text, "warn") for text in _beside(view.summaries))


def _turns(view: View) -> Iterable[Block]:
    """Yield the times of conversations, a row per turn."""
    groups: dict[str, list[Row]] = {}
    for level, repeats in view.repeats.items():
        for client in (s.client for s in view.levels.get(level, ())):
            parts = [m for repeat in repeats if repeat.recording.client == client for m in repeat.parts]
            for turn in by_turn(parts):
                title = _("turn {n}").format(n=turn.number + 1)
                figures = turn.input_tokens, turn.ttft_p50_ms, turn.ttft_p95_ms
                row = [title, f"{turn.streams:,}", *(number(value) for value in figures)]
                groups.setdefault(where(client, level), []).append(row)
    if groups:
        headings = _("streams"), _("input tokens, p50"), _("TTFT p50, ms"), _("TTFT p95, ms")
        yield Table([Column(_("turn")), *map(Column, headings)], groups, _("Conversations, turn by turn"))


def _measured(summaries: Sequence[Summary], name: str) -> bool:
    return any(s.value(name) is not None for s in summaries)


def _beside(summaries: Sequence[Summary]) -> Iterable[str]:
    """Yield what the lengths mean where they are far from those that were asked for."""
    least = {
        kind: min(
            (value for s in summaries if (value := s.value(f"{kind}_off_percent")) is not None), default=0
        )
        for kind in _LENGTHS
    }
    if least["output"] < -FAR:
        text = _(
            "Answers were up to {share} % shorter than asked for: the model ended them. A server that can be told not "
            "to has a field for it, such as body: {{ignore_eos: true}} (vLLM, llama.cpp)."
        )
        yield text.format(share=number(-least["output"]))
    if least["input"] < -FAR:
        text = _(
            "The server counted up to {share} % fewer tokens of the prompts than asked for: is its context shorter "
            "(Ollama: options: {{num_ctx: …}})?"
        )
        yield text.format(share=number(-least["input"]))


def _table(view: View, kinds: Sequence[str]) -> Table:
    titles = {"input": _("input tokens"), "output": _("output tokens")}
    names = [name for kind in kinds for name in _LENGTHS[kind]]
    headings = _("asked, p50"), _("got, p50"), _("spread asked"), _("spread got"), _("difference, %")
    columns = [
        Column(
            heading,
            above=titles[kind],
            priority=0 if "p50" in name else 1 if "off" in name else 2,
            tip=column(name).metric.description,
        )
        for kind in kinds
        for heading, name in zip(headings, _LENGTHS[kind], strict=True)
    ]
    if _measured(view.summaries, "cached_percent"):
        names.append("cached_percent")
        columns.append(Column(_("cached, %"), priority=1, tip=column("cached_percent").metric.description))
    first, rows = by_level(view, lambda s: [Cell(value_text(column(name), s.value(name))) for name in names])
    return Table(
        [Column(first), *columns], rows, _("Lengths that were asked for, and those that the server counted")
    )
