"""Reports in Chinese: every message has a translation, nothing English is left, and lines of wide characters fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from string import Formatter

import pytest
from rich.cells import cell_len
from rich.console import Console

import loadgen
from docs import messages
from loadgen.capacity.document import page as limit_page
from loadgen.capacity.document import summary as limit_summary
from loadgen.report import language as of_language
from loadgen.report.blocks import Document, Form, Part, Text
from loadgen.report.comparison.document import document as comparison_document
from loadgen.report.document import document, summary
from loadgen.report.language import LANGUAGES, _, language, plural, preferred
from loadgen.report.renderers import FILES, html, markdown, render, terminal
from loadgen.report.renderers.terminal import Screen
from loadgen.report.sentences import SENTENCES, sentences
from loadgen.report.sentences.validity import reason
from loadgen.report.view import View
from tests.analysis.test_validity import CASES
from tests.capacity import test_document
from tests.report import runs, test_comparison
from tests.test_sample import SAMPLE

OTHERS = LANGUAGES[1:]
ENGLISH = re.compile(r"[A-Za-z’']{2,}(?:,? [A-Za-z’']{2,})+")
# What stays as it is: a title, commands, names, and what the scenario, the machine, a server or an engine say.
FOREIGN = (
    "Exploring streaming HTTP responses", "loadgen report", "loadgen compare", "loadgen run scenarios", "token CPU",
    "Say hello", "AMD EPYC", "requests, httpx", "sync, httpx", "async, aiohttp", "aiohttp, requests, httpx",
    "async, httpx", "generate, qwen", "short introduction to asynchronous programming in Python", "worker host",
    "the engine was killed", "refused it ended as refused", "it was not heard of for",
)  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_every_message_of_the_code_has_a_translation_and_no_other_is_kept(name: str) -> None:
    entries = [entry for entry in messages.catalogue(name) if entry.id]
    assert {entry.id for entry in entries} == {*messages.messages()}, "run: python docs/messages.py"
    assert not [entry.id for entry in entries if not entry.string or not all(entry.string)]


@pytest.mark.parametrize("name", OTHERS)
def test_a_translation_has_the_values_of_its_message(name: str) -> None:
    def fields(texts: str | tuple[str, ...]) -> set[str]:
        parts = [part for text in messages.texts(texts) for part in Formatter().parse(text)]
        return {field.partition(".")[0] for _literal, field, *_rest in parts if field}

    for entry in messages.catalogue(name):
        missing = fields(entry.id) ^ fields(entry.string)
        assert missing <= {"n"} if isinstance(entry.id, tuple) else not missing, entry.string


@pytest.fixture(scope="module")
def view() -> View:
    return loadgen.Run.load(SAMPLE).view


Made = Iterator[tuple[Form, Document]]


def sample() -> Made:
    yield from _report(loadgen.Run.load(SAMPLE).view)


def every_section() -> Made:
    for run in (runs.repeated_run, runs.shared_run, runs.failed_run):
        yield from _report(runs.view(run("run")))


def _report(of: View) -> Made:
    yield from ((form, document(of, form)) for form in ("html", "terminal", "markdown"))
    yield "summary", summary(of)
    found = [sentences(each) for each in of.findings if each.kind in SENTENCES]
    yield from _sentences(text for one in found for text in (one.statement, *one.details))


def comparison() -> Made:
    of_runs = test_comparison.view()
    for of in (of_runs, replace(of_runs, of_clients=True)):
        yield from ((form, comparison_document(of, form)) for form in ("html", "terminal", "markdown"))


def limit() -> Made:
    result = test_document.whole(**test_document.FOUR)
    yield from (("html", limit_page(result)), ("summary", limit_summary(result)))


def validity() -> Made:
    yield from _sentences(reason(why) for _how, why in CASES.values() if why)


def _sentences(found: Iterable[str]) -> Made:
    yield "terminal", Document("", "", [Part("", "", [Text(text) for text in found])])


@pytest.mark.parametrize("made", [sample, every_section, comparison, limit, validity])
def test_nothing_english_is_left(made: Callable[[], Made]) -> None:
    with language("zh"):
        texts = [text for form, of in made() for text in _shown(form, of)]
    phrases = {found[0] for text in texts for found in ENGLISH.finditer(text)}
    assert {phrase for phrase in phrases if not any(phrase in known for known in FOREIGN)} == set()


def _shown(form: Form, of: Document) -> Iterator[str]:
    if form == "html":
        page = html.report(of)
        assert '<html lang="zh-Hans">' in page
        yield from _texts(page)
    elif form == "markdown":
        yield markdown.report(of)
    else:
        yield _printed(terminal.summary(of) if form == "summary" else terminal.report(of), 1000)


def _texts(made: str) -> Iterator[str]:
    """Yield what a page shows: its text, its labels, the texts of its charts."""
    bare = re.sub(r"<(script|style).*?</\1>", "", made, flags=re.DOTALL)
    yield from map(unescape, re.findall(r'(?:aria-label|title)="([^"]*)"', bare))
    yield from map(unescape, re.split(r"<[^>]+>", bare))
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', made, re.DOTALL)
    assert data
    yield from (text for text in messages.texts(json.loads(data[1])) if "sans-serif" not in text)


def _printed(shown: terminal.OnScreen, width: int) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_of_wide_characters_fit_and_begin_with_no_punctuation(view: View, width: int) -> None:
    with language("zh"):
        lines = _printed(terminal.report(document(view, "terminal")), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert not [line for line in lines if line.lstrip()[:1] in tuple("，。；：、）")]
    text = "同步客户端等待每个数据块时会阻塞所在线程（httpx 与 requests 一样），需要 101 个线程。" * 4
    wrapped = [line.plain for line in Screen(40).wrapped(text)]
    assert "".join(wrapped).replace(" ", "") == text.replace(" ", "")
    assert all(36 <= cell_len(line) <= 40 for line in wrapped[:-1])


def test_a_value_stands_apart_from_chinese_letters_only_where_it_is_latin() -> None:
    message = of_language._Chinese("{clients}的{metrics} 和 {more}")
    assert message.format(clients="两个客户端", metrics="TTFT", more="内存") == "两个客户端的 TTFT 和内存"
    assert message.format(clients="aiohttp", metrics="内存", more="CPU") == "aiohttp 的内存和 CPU"


def test_the_files_for_scripts_do_not_depend_on_the_language(tmp_path: Path) -> None:
    view = runs.view(runs.failed_run(tmp_path))
    files = [name for name in FILES if name != "report.html"]
    with language("zh"):
        made = [render(name, view) for name in files]
    assert made == [render(name, view) for name in files]


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "zh_CN"}, "zh"), ({"LANG": "zh_CN.GBK"}, "en"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"), ({"LANG": "de_DE.UTF-8"}, "en"), ({}, "en"),
    ],
)  # fmt: skip
def test_the_locale_decides(environment: dict[str, str], name: str) -> None:
    assert preferred(environment) == name


def test_english_needs_no_catalogue() -> None:
    assert (_("client"), plural(1, "{n} round", "{n} rounds")) == ("client", "1 round")
    with pytest.raises(ValueError, match="no such language"), language("xx"):
        pass
