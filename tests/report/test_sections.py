"""The table of sections: a new one is on the page, in its navigation, in the terminal and in Markdown."""

from dataclasses import replace

from loadgen.model import Limit, LimitFinding
from loadgen.model.limit import BusyCore
from loadgen.report import sections
from loadgen.report.blocks import Table, Text, Verdict
from loadgen.report.document import document
from loadgen.report.renderers import html, markdown
from loadgen.report.sections.costs import Costs
from loadgen.report.sections.quality import Quality
from loadgen.report.sections.section import Section
from loadgen.report.sections.setup import configuration
from tests.report.runs import HOSTILE, failed_run, hostile_run, repeated_run, run_of, shown, view

WEATHER = f"{__name__}:Weather"


class Weather(Section):
    id = "weather"
    title = "Weather"

    def blocks(self, view, form):
        if view.run.info.name != "repeated":
            yield Text(f"sunny {form}")


def test_a_section_is_one_class_and_one_line_of_the_table(monkeypatch):
    monkeypatch.setattr(sections, "SECTIONS", (*sections.SECTIONS, WEATHER))
    run = view(failed_run("/nowhere"))
    page, text = html.report(document(run, "html")), markdown.report(document(run, "markdown"))
    assert '<a href="#weather">Weather</a>' in page
    assert page.index('<section id="weather">') < page.index("sunny html")
    assert "Weather\nsunny terminal" in shown(run)
    assert "## Weather\n\nsunny markdown" in text


def test_sections_have_ids_of_their_own():
    ids = [section.id for section in sections.sections()]
    assert len(ids) == len(set(ids))
    assert all(section.title or section.id == "answer" for section in sections.sections())


def test_a_section_that_does_not_apply_is_nowhere(monkeypatch):
    monkeypatch.setattr(sections, "SECTIONS", (WEATHER,))
    assert "sunny" not in shown(view(repeated_run("/nowhere")))


def test_markdown_has_thresholds_metrics_and_data_quality():
    text = markdown.report(document(view(run_of("/nowhere", (1, 10))), "markdown"))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 2 + 2 * 4
    assert [line for line in text.splitlines() if line.startswith("## ")][-1] == "## What was run, and where"


def test_foreign_text_makes_no_markdown_of_its_own():
    text = markdown.report(document(view(hostile_run("/nowhere")), "markdown"))
    assert HOSTILE not in text
    assert "\\<script\\>" in text
    assert "\x1b" not in text


def test_what_stands_above_the_navigation_is_the_answer_and_how_far_to_believe_it():
    parts = document(view(repeated_run("/nowhere")), "html").parts
    assert [part.id for part in parts if part.top] == ["answer", "confidence"]
    assert [part.id for part in parts if not part.top][:2] == ["scaling", "figures"]


def test_settings_that_differ_from_the_defaults_come_first():
    made = run_of("/nowhere", (5,))
    workload = replace(made.info.scenario.workload, protocol="openai-chat")
    info = replace(made.info, scenario=replace(made.info.scenario, workload=workload, repeats=1))
    blocks = list(configuration(info))
    first = next(iter(blocks[0].groups.values()))
    (defaults,) = blocks[-1].blocks[0].groups.values()
    assert ("protocol", "openai-chat") in first
    assert ("concurrency", "5") in first
    assert ("repeats", "1") in defaults
    assert not {name for name, _ in first} & {name for name, _ in defaults}


def test_data_quality_has_the_confidence_and_the_limit_of_every_measurement():
    of = view(run_of("/nowhere", (1, 10)))
    limit = LimitFinding(
        verdict=Limit.CLIENT, client=of.summaries[0].client, level=of.summaries[0].level,
        evidence=(BusyCore(busiest_second_percent=97.0),),
    )  # fmt: skip
    blocks = list(Quality().blocks(replace(of, findings=[limit]), "html"))
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert sum(map(len, table.groups.values())) == len(of.summaries)
    assert (
        "97 %" in next(block for block in blocks if isinstance(block, Verdict) and block.details).details[0]
    )


def test_costs_that_no_client_has_have_no_column():
    tables = [
        block for block in Costs().blocks(view(run_of("/nowhere", (10,))), "html") if isinstance(block, Table)
    ]
    headings = {column.above for column in tables[0].columns}
    assert "Memory" not in headings
    levels = [block for block in Costs().blocks(view(run_of("/nowhere")), "html") if isinstance(block, Table)]
    assert "Memory" in {column.above for column in levels[0].columns}
