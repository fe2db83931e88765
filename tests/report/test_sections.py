"""The table of sections: a new one is on the page, in its navigation, in the terminal and in Markdown."""

from loadgen.report import sections
from loadgen.report.blocks import Text
from loadgen.report.document import document
from loadgen.report.renderers import html, markdown
from loadgen.report.sections.section import Section
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
