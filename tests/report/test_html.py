import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from loadgen.model import Load, Stage
from loadgen.report.charts.axes import axis
from loadgen.report.charts.style import _apart
from loadgen.report.client_style import client_styles
from loadgen.report.document import document
from loadgen.report.renderers import html
from loadgen.report.sections import sections as every_section
from loadgen.report.sections.answer import Answer
from loadgen.report.sections.setup import Setup
from loadgen.report.view import View
from tests.report.runs import HOSTILE, html_of, page, page_of, run_of, shared_run
from tests.synthetic import client_id


def drawn(modes):
    """Return each client's style by its label."""
    given = client_styles({client_id(label): mode for label, mode in modes.items()})
    return {client.label: style for client, style in given.items()}


VOID = {"meta", "path", "rect", "circle", "line", "link", "br", "img"}


class Page(HTMLParser):
    """The elements of a page, its visible text, and what does not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text, self.scripts, self.wrong = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.wrong.append((tag, list(self.open[-3:])))
        elif self.open:
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif not self.open or self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture(scope="module")
def sweep():
    return page_of("sweep")


def test_the_page_nests_and_carries_every_section(sweep):
    parsed = Page(sweep)
    assert parsed.wrong == []
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    sections = [attributes["id"] for tag, attributes in parsed.elements if tag == "section"]
    links = [
        attributes["href"][1:] for tag, attributes in parsed.elements if tag == "a" and "href" in attributes
    ]
    assert (
        links[-len(sections) :] == sections == [s.id for s in every_section() if s.title and s.id in sections]
    )
    assert {"figures", "scaling", "distributions", "timeline", "usage", "quality", "setup"} <= set(sections)


def test_the_page_is_small_and_the_same_every_time(sweep):
    assert len(sweep.encode()) < 2_500_000
    assert page(run_of("/nowhere")) == sweep


def test_the_page_refers_to_nothing_outside(sweep):
    for _, attributes in Page(sweep).elements:
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
    (policy,) = (a["content"] for tag, a in Page(sweep).elements if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy.split(";")[1]


@pytest.fixture(scope="module")
def repeated():
    return Page(page_of("repeated"))


def test_claims_come_first_and_every_section_nests(repeated):
    assert repeated.wrong == []
    sections = [a["id"] for tag, a in repeated.elements if tag == "section"]
    assert {"claims", "article", "costs", "delivery_lag", "figures", "quality"} <= set(sections)


def test_a_chart_has_its_values_as_text(repeated):
    labels = [a["aria-label"] for _, a in repeated.elements if a.get("role") == "img"]
    (threads, _) = [
        words
        for words in labels
        if words.startswith("threads per additional stream") and "httpx-sync" in words
    ]
    assert "more than 0.9 supports it" in threads
    assert "requests 1.00 (1.00 to 1.00), supports it" in threads


def test_every_chart_has_a_place_and_words(sweep):
    parsed = Page(sweep)
    charts = [a for tag, a in parsed.elements if a.get("class") == "chart"]
    assert {a.get("role") for a in charts} == {"img"}
    places = {a["id"] for _, a in parsed.elements if a.get("class") == "canvas"}
    data = json.loads(parsed.scripts[0])
    assert len(charts) == len(data) == len(places) > 20
    assert {item["target"] for item in data} == places
    assert all(len(chart["aria-label"]) > 20 for chart in charts)
    assert any("requests: " in chart["aria-label"] and "at 20" in chart["aria-label"] for chart in charts)


def test_tables_have_captions_and_scopes(sweep):
    parsed = Page(sweep)
    tables = sum(tag == "table" for tag, _ in parsed.elements)
    named = [a["aria-label"] for _, a in parsed.elements if a.get("role") == "region"]
    assert tables == len(named) > 3
    assert all(named)
    assert {a.get("scope") for tag, a in parsed.elements if tag == "th"} == {
        "col",
        "colgroup",
        "row",
        "rowgroup",
    }


def test_nothing_succeeded_and_nothing_at_all_still_give_a_page():
    text = " ".join(Page(page_of("failed")).text)
    assert "it ended as refused" in text
    empty = run_of("/nowhere", ())
    parsed = Page(html.report(document(View(empty, [], []), "html")))
    assert parsed.wrong == []
    assert "Nothing was measured" in " ".join(parsed.text)


def test_workers_are_named_and_a_lost_one_stands_in_plain_sight(sweep):
    shared = Page(page_of("shared"))
    assert shared.wrong == []
    assert len(json.loads(shared.scripts[0])) == len(json.loads(Page(sweep).scripts[0]))
    text = " ".join(" ".join(shared.text).split())
    assert "2 workers" in text
    assert "host-1 128 streams, 8 cells" in text
    assert "host-2 80 streams, 8 cells; it was not heard of for 5 s" in text
    assert "worker host-2: lost after 20 of its streams had ended; they count" in text
    assert "host-2: it was not heard of for 5 s" in text
    assert "worker" not in "".join(Page(sweep).text)


def test_an_unfinished_run_counts_cells_and_not_their_parts():
    made = shared_run("/nowhere")
    info = replace(made.info, state="interrupted")
    text = html_of(View(replace(made, info=info, recordings=made.recordings[:6]), [], []), Answer())
    assert "The run was interrupted: 3 of 8 cells were measured" in text


def test_stages_are_printed_as_people_write_them():
    load = Load(stages=(Stage(5, 0.5), Stage(5, 60.0), Stage(1000, 0.0)))
    made = run_of("/nowhere", (5,))
    workload = replace(made.info.scenario.workload, load=load)
    info = replace(made.info, scenario=replace(made.info.scenario, workload=workload))
    text = html_of(View(replace(made, info=info), [], []), Setup())
    assert "to 5 over 0.5 s, hold 60 s, to 1,000 at once" in text


def test_foreign_text_is_text():
    text = page_of("hostile")
    parsed = Page(text)
    assert parsed.wrong == []
    assert sum(tag == "script" for tag, _ in parsed.elements) == sum(
        tag == "script" for tag, _ in Page(page_of("failed")).elements
    )
    shown = (
        HOSTILE.replace("\x1b", "\\x1b")
        .replace("\u202e", "\\u202e")
        .replace("\x00", "\\x00")
        .replace("\x07", "\\x07")
    )
    assert "".join(parsed.text).count(shown) >= 6  # title, name, model, prompt, error, machine
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "49" not in re.findall(r"owned&#39;&lt;/script&gt;(..)", text)


def test_clients_keep_their_style_and_never_share_one():
    modes = {
        "aiohttp": "tasks",
        "requests": "threads",
        "requests session=shared": "threads",
        "floor": "tasks",
    }
    given = drawn(modes)
    assert list(given) == list(modes)
    assert len({(style.light, style.marker, style.dash) for style in given.values()}) == 4
    assert given["requests"].light == drawn({"requests": "threads"})["requests"].light
    assert len({style.variable for style in given.values()}) == 4


def test_many_variants_of_one_client_look_different():
    labels = [f"requests stack={size}KiB" for size in range(64, 128, 4)]
    given = drawn(dict.fromkeys(labels, "threads")).values()
    assert (
        len({(style.light, style.marker) for style in given})
        == len({(style.light, style.dash) for style in given})
        == 16
    )


def test_every_mode_has_colours_of_its_own():
    given = drawn({"requests": "threads", "aiohttp": "tasks", "requests-gevent": "greenlets"}).values()
    assert len({style.light for style in given}) == len({style.dark for style in given}) == 3


def test_variants_are_named_by_what_differs():
    labels = [
        "requests",
        "requests stack=1MiB",
        "requests session=shared",
        "httpx-sync session=shared",
        "aiohttp loop=uvloop",
    ]
    assert [style.short for style in drawn(dict.fromkeys(labels, "threads")).values()] == [
        "requests",
        "stack=1MiB",
        "requests session=shared",  # as httpx-sync has it too
        "httpx-sync session=shared",
        "aiohttp loop=uvloop",
    ]


@pytest.mark.parametrize(
    ("values", "log", "ticks"),
    [
        ([1, 10, 100, 1000], True, (1, 10, 100, 1000)),
        ([3, 80], False, (0, 20, 40, 60, 80)),
        ([0, 5000], False, (0, 2000, 4000)),
        ([0.2, 9], True, (0.2, 0.5, 1, 2, 5, 10)),
        ([0, 0], False, (0, 0.5, 1)),
        ([], False, (0, 0.5, 1)),
    ],
)
def test_axes_are_logarithmic_where_the_range_asks_for_it(values, log, ticks):
    made = axis(values)
    assert made.log is log
    assert made.ticks == ticks


def test_whole_axes_have_whole_ticks():
    assert axis([1, 2], whole=True).ticks == (0, 1, 2)


def test_labels_keep_their_order_and_distance():
    spots = _apart([10.0, 11.0, 12.0, 60.0, 99.0, 100.0], 13.0, 100.0)
    assert spots == sorted(spots)
    assert min(b - a for a, b in pairwise(spots)) >= 13.0 - 1e-9
    assert max(spots) <= 100.0
