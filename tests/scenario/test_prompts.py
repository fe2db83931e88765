"""Prompts in files: of which kind they are, in which column they are, and what is wrong with a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from loadgen.model import Message, Prompt
from tests.scenario.conftest import Fail
from tests.scenario.conftest import Load as Loader

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
ASKED = Prompt(messages=(Message("system", "Be brief."), Message("user", "Why?")))


def written(folder: Path, name: str, content: str | bytes | dict[str, list[Any]]) -> str:
    if isinstance(content, dict):
        parquet.write_table(pyarrow.table(content), folder / name)
    else:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


@pytest.mark.parametrize(
    ("file", "content", "column", "prompts"),
    [
        ("p.jsonl", '{"q": "one", "prompt": "no"}\n{"q": "two", "output_tokens": 7}', "q",
         [Prompt("one"), Prompt("two", output_tokens=7)]),
        ("p.jsonl", f'"a"\n{json.dumps({"messages": CHAT})}', None, [Prompt("a"), ASKED]),
        ("p.csv", 'prompt,n\r\n"a ""b"", c\nd",1\r\n\r\ne,2\r\n', None, [Prompt('a "b", c\nd'), Prompt("e")]),
        ("p.csv", "\ufeffq,output_tokens\na\u2028b,3\nc,\n", "q", [Prompt("a\u2028b", output_tokens=3), Prompt("c")]),
        ("p.csv", 'messages\n"[{""role"": ""user"", ""content"": ""Why?""}]"\n', None,
         [Prompt(messages=(Message("user", "Why?"),))]),
        ("p.parquet", {"prompt": ["a", "b"], "output_tokens": [1, None]}, None,
         [Prompt("a", output_tokens=1), Prompt("b")]),
        ("p.parquet", {"chat": [CHAT], "prompt": ["no"]}, "chat", [ASKED]),
    ],
)  # fmt: skip
def test_the_column_that_has_the_prompts(
    loaded: Loader, tmp_path: Path, file: str, content: Any, column: str | None, prompts: list[Prompt]
) -> None:
    named = f", column: {column}" if column else ""
    scenario = loaded(prompts=f"{{file: {written(tmp_path, file, content)}{named}}}", protocol="openai-chat")
    assert list(scenario.workload.prompts) == prompts


@pytest.mark.parametrize(
    ("file", "content", "column", "line", "said"),
    [
        ("p.jsonl", '{"questoin": "a"}\n{"question": "b"}\n', "questoin", 2, "no column 'questoin': did you mean"),
        ("p.jsonl", '{"prompt": "a"}\n"b"\n', "prompt", 2, "has no column 'prompt'"),
        ("p.jsonl", '{"messages": [{"role": "user"}]}', None, 1, "without a role and a content"),
        ("p.jsonl", '{"messages": []}', None, 1, "holds no prompt"),
        ("p.jsonl", '"a"\n{"prompt": "b", "output_tokens": 0}', None, 2, "no number of tokens"),
        ("p.csv", "id,question\n1,a\n", None, 1, "has no column 'prompt'"),
        ("p.csv", 'prompt,n\n"a\nb",1\nc\n', None, 4, "has 1 fields, the header 2"),
        ("p.csv", 'prompt\na\n"b\n\nc', None, 3, "is not CSV"),
        ("p.csv", "prompt,n\na,1\n,2\n", None, 3, "holds no prompt"),
        ("p.csv", "prompt\n", None, 1, "holds no prompt"),
        ("p.csv", b"", None, 1, "has no column"),
        ("p.parquet", {"prompt": ["a", None]}, None, 2, "holds no prompt"),
        ("p.parquet", {"q": ["a"]}, None, None, "has no column 'prompt'"),
        ("p.parquet", b"PAR1 and no more", None, None, "is not Parquet"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_line(
    failed: Fail, tmp_path: Path, file: str, content: Any, column: str | None, line: int | None, said: str
) -> None:
    named = f", column: {column}" if column else ""
    problems = failed(prompts=f"{{file: {written(tmp_path, file, content)}{named}}}", protocol="ollama-chat")
    problem = problems[0]
    assert problem.where == ("3" if line is None else f"{tmp_path / file}:{line}")
    assert (problem.key, said in f"{problem.wrong}; {problem.right}") == ("prompts.file", True)


def test_a_protocol_of_texts_takes_no_messages(failed: Fail, tmp_path: Path) -> None:
    written(tmp_path, "p.jsonl", json.dumps({"messages": CHAT}))
    (problem,) = failed(prompts="{file: p.jsonl}", protocol="ollama-generate")
    assert "ollama-chat or openai-chat" in problem.right


def test_many_bad_lines_are_not_all_reported(failed: Fail, tmp_path: Path) -> None:
    written(tmp_path, "p.jsonl", "nothing\n" * 1000)
    assert len(failed(prompts="{file: p.jsonl}")) == 20


def test_parquet_needs_pyarrow(failed: Fail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (problem,) = failed(prompts="{file: p.parquet}")
    assert problem.right == 'pip install "loadgen[parquet]"'
