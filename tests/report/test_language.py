"""Reports in Chinese: every message has a translation, nothing English is left, and lines of wide characters fit."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from rich.cells import cell_len
from rich.console import Console

import loadgen
from docs import messages
from loadgen.report import language as of_language
from loadgen.report.document import document, summary
from loadgen.report.language import LANGUAGES, _, language, plural, preferred
from loadgen.report.renderers import FILES, markdown, render, terminal
from loadgen.report.renderers import html as page
from loadgen.report.renderers.terminal import Screen
from loadgen.report.sentences import SENTENCES, sentences
from loadgen.report.view import View
from tests.report import runs
from tests.test_sample import SAMPLE

OTHERS = LANGUAGES[1:]
ENGLISH = re.compile(r"[A-Za-z’']{2,}(?:,? [A-Za-z’']{2,})+")
# What stays as it is: a title, commands, units, and what the scenario, the machine and the style sheet say.
FOREIGN = {
    "Exploring streaming HTTP responses", "loadgen report", "token CPU", "Say hello", "AMD EPYC",
    "requests, httpx", "sync, httpx", "async, aiohttp", "generate, qwen",
}  # fmt: skip


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


def test_nothing_english_is_left_in_a_report(view: View) -> None:
    with language("zh"):
        made = page.report(document(view, "html"))
        texts = [
            *_texts(made),
            markdown.report(document(view, "markdown")),
            _printed(terminal.report(document(view, "terminal"))),
            _printed(terminal.summary(summary(view))),
        ]
        for finding in (each for each in view.findings if each.kind in SENTENCES):
            texts += [sentences(finding).statement, *sentences(finding).details]
    assert '<html lang="zh-Hans">' in made
    assert {found[0] for text in texts for found in ENGLISH.finditer(text)} <= FOREIGN


def _texts(made: str) -> Iterator[str]:
    """Yield what a page shows: its text, its labels, the texts of its charts."""
    bare = re.sub(r"<(script|style).*?</\1>", "", made, flags=re.DOTALL)
    yield from map(html.unescape, re.findall(r'(?:aria-label|title)="([^"]*)"', bare))
    yield from map(html.unescape, re.split(r"<[^>]+>", bare))
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', made, re.DOTALL)
    assert data
    yield from (text for text in messages.texts(json.loads(data[1])) if "sans-serif" not in text)


def _printed(shown: terminal.OnScreen, width: int = 80) -> str:
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
