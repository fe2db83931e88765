"""Traces: their formats, their times, what is wrong with a line, and what is read before a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadgen.loads import arrivals, trace
from loadgen.loads.trace import TraceError, rows, survey
from loadgen.model import Arrival, Level, Load, Message, Prompt, Trace
from tests.lab.cells import cell

MS = 1_000_000
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"


def written(folder: Path, content: str | list[dict[str, Any]], name: str = "t.jsonl") -> str:
    text = content if isinstance(content, str) else "".join(json.dumps(line) + "\n" for line in content)
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def replayed(file: str, rate: float = 1.0, of: float = 1.0, **changes: Any) -> list[Arrival]:
    load = Load(arrivals="trace", trace=Trace(file=file, rate=of, seconds=9.0), duration=9.0)
    return [*arrivals(cell(load=load, level=Level(rate=rate), **changes))]


@pytest.mark.parametrize(
    ("name", "content", "times", "asks"),
    [
        (
            "mooncake.jsonl",
            '{"timestamp": 2000, "input_length": 600, "output_length": 7, "hash_ids": [4, 9]}\n'
            '{"timestamp": 2030, "input_length": 5, "output_length": 0, "hash_ids": []}\n',
            [0, 30],
            [Prompt("", (), 7, 600, (4, 9)), Prompt("", (), 1, 5)],
        ),
        (
            "burst.csv",
            f"{BURST}5,ChatGPT,472,18,490,Conversation log\n5.5,GPT-4,1087,0,1087,API log\n",
            [0, 500],
            [Prompt("", (), 18, 472), Prompt("", (), 1, 1087)],
        ),
        (
            "azure.csv",
            f"\ufeff{AZURE}2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:47.0051234+00:00,9,1\n",
            [0, 324.533],
            [Prompt("", (), 44, 374), Prompt("", (), 1, 9)],
        ),
        (
            "own.jsonl",
            '{"timestamp": 1, "prompt": "Why?", "output_tokens": 3, "user": 7}\n\n'
            '{"timestamp": 1.25, "messages": [{"role": "user", "content": "Who?"}]}\n'
            '{"timestamp": 1.25, "input_tokens": 12}\r\n'
            '{"timestamp": 1.5, "output_tokens": 4}\n'
            '{"timestamp": "1970-01-01T00:00:02Z"}',
            [0, 250, 250, 500, 1000],
            [
                Prompt("Why?", output_tokens=3),
                Prompt(messages=(Message("user", "Who?"),)),
                Prompt(input_tokens=12),
                Prompt("second", output_tokens=4),
                None,
            ],
        ),
        (
            "own.csv",
            'timestamp,prompt\n0,"a, ""b""\nc"\n0.5,d\n',
            [0, 500],
            [Prompt('a, "b"\nc'), Prompt("d")],
        ),
    ],
)
def test_the_columns_of_published_traces_are_known(
    tmp_path: Path, name: str, content: str, times: list[float], asks: list[Prompt | None]
) -> None:
    found = replayed(written(tmp_path, content, name), prompts=("first", "second"))
    assert [each.due / MS for each in found] == pytest.approx(times, abs=1e-4)
    assert [each.own for each in found] == asks
    assert [each.slot for each in found] == [*range(len(times))]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"timestamp": 0, "prompt": "a"}\r\n{"timestamp": 1, "prompt": "b"}\r\n')
    assert survey(str(file), chat=False, needs_prompts=True).rate == 1


def test_a_level_scales_the_time_and_a_duration_cuts_it(tmp_path: Path) -> None:
    file = written(tmp_path, [{"timestamp": second} for second in range(20)])
    assert [each.due // MS for each in replayed(file, rate=4.0, of=2.0)][:3] == [0, 500, 1000]
    assert len(replayed(file, rate=4.0, of=2.0)) == 18
    assert len(replayed(file)) == 9


@pytest.mark.parametrize(
    ("name", "content", "line", "said"),
    [
        ("t.jsonl", '{"timestamp": 2}\n\n{"timestamp": 1.5}\n', 3, "goes back in time, by 0.5 s"),
        ("t.jsonl", '{"timestamp": 2}\n{"time": 3}\n', 2, "has no timestamp"),
        ("t.jsonl", '{"timestamp": 2}\n{"timestamp": "soon"}\n', 2, "has a timestamp that is no time"),
        ("t.jsonl", '{"timestamp": 2}\n{"timestamp": 1e999}\n', 2, "is not a JSON object"),
        ("t.jsonl", '{"timestamp": 2}\n{"timestamp": true}\n', 2, "has a timestamp that is no time"),
        ("t.jsonl", '{"timestamp": 2}\n{"timestamp": \n', 2, "is not a JSON object"),
        ("t.jsonl", '{"timestamp": 2}\n[3]\n', 2, "is not a JSON object"),
        ("t.jsonl", '{"timestamp": 2}\n{"timestamp": 2, "output_tokens": -1}\n', 2, "no number of tokens"),
        ("t.jsonl", '{"timestamp": 2, "prompt": 7}\n', 1, "holds no prompt"),
        ("t.jsonl", '{"timestamp": 2, "input_length": 7, "hash_ids": 3}\n', 1, "hash_ids"),
        ("t.jsonl", "", 1, "has no arrival"),
        ("t.csv", "", 1, "has no column of times"),
        ("t.csv", "when,prompt\n1,a\n", 1, "has no column of times"),
        ("t.csv", AZURE, 2, "has no arrival"),
        ("t.csv", f'{AZURE}"1",2,3\n1,2\n', 3, "has 2 fields, the header 3"),
        ("t.csv", f"{BURST}5,a,1,1,2,b\n4,a,1,1,2,b\n", 3, "goes back in time, by 1 s"),
        ("t.csv", 'timestamp,prompt\n0,"a\nb"\nnever,c\n', 4, "has a timestamp that is no time"),
    ],
)
def test_what_is_wrong_names_the_line(tmp_path: Path, name: str, content: str, line: int, said: str) -> None:
    file = written(tmp_path, content, name)
    for read in (replayed, lambda of: survey(of, chat=True, needs_prompts=False)):
        with pytest.raises(TraceError) as raised:
            read(file)
        assert (raised.value.line, said in raised.value.wrong) == (line, True)
        assert str(raised.value).startswith(f"{name}:{line}: ")


def test_messages_need_a_protocol_and_lines_without_a_prompt_those_of_the_scenario(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        [{"timestamp": 0, "input_tokens": 1}, {"timestamp": 1, "messages": [{"role": "a", "content": "b"}]}],
    )
    with pytest.raises(TraceError, match=r"t\.jsonl:2: has messages"):
        [*rows(file, chat=False, needs_prompts=True)]
    bare = written(tmp_path, [{"timestamp": 0, "output_tokens": 5}])
    with pytest.raises(TraceError, match=r"t\.jsonl:1: has neither a prompt nor its length"):
        survey(bare, chat=True, needs_prompts=True)


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
@pytest.mark.parametrize("date", [False, True])
def test_the_rate_is_the_mean_of_all_arrivals(tmp_path: Path, name: str, date: bool) -> None:
    times = [0.0, 0.5, 1.0, 4.0]
    shown = [f"2026-01-01 00:00:0{at}00" if date else at for at in times]
    if name == "t.csv":
        file = written(tmp_path, "timestamp\n" + "".join(f"{at}\n" for at in shown), name)
    else:
        file = written(tmp_path, [{"timestamp": at} for at in shown], name)
    found = survey(file, chat=True, needs_prompts=False)
    assert (found.rate, found.seconds) == pytest.approx((0.75, 16 / 3))
    assert survey(written(tmp_path, [{"timestamp": 7}]), chat=True, needs_prompts=False)[:2] == (1.0, 1.0)


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_a_large_file_is_estimated_from_its_beginning_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(trace, "CHECKED_BYTES", 1 << 20)
    monkeypatch.setattr(trace, "BLOCK_ROWS", 1000)
    number = 200_000
    if name == "t.csv":
        lines = ["timestamp,prompt\n", *(f"{at / 100:08.2f},Why?\n" for at in range(number))]
    else:
        lines = [f'{{"timestamp": {at / 100:08.2f}1}}\n'.replace(" 0", " 1") for at in range(number)]
        lines = [f'{{"timestamp": {10_000 + at / 100:.2f}}}\n' for at in range(number)]
    found = survey(written(tmp_path, "".join(lines), name), chat=True, needs_prompts=False)
    assert (found.rate, found.seconds) == pytest.approx((100, number / 100), rel=0.02)


def test_files_are_told_apart(tmp_path: Path) -> None:
    digests = {
        survey(written(tmp_path, [{"timestamp": at}]), chat=True, needs_prompts=False).digest for at in (0, 1)
    }
    assert len(digests) == 2
