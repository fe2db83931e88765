"""Every mistake names file, line, key, what was wrong and what would be right; nothing is constructed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from loadgen import protocols
from loadgen.scenario import Problem, ScenarioError, load
from tests.scenario.conftest import Fail, scenario_text

# what is changed in the good scenario, the line and the key of the one problem, words of what is said of it
WRONG: dict[str, tuple[dict[str, str | None], int, str, str]] = {
    "unknown key": ({"clinets": "[aiohttp]"}, 7, "clinets", "unknown key; did you mean clients?"),
    "unknown key, known elsewhere": ({"ttft": "1s"}, 7, "ttft", "did you mean target.simulator.ttft?"),
    "unknown key inside": ({"load": "{duraton: 3s, duration: 4s}"}, 6, "load.duraton", "mean duration?"),
    "missing key": ({"clients": None}, 1, "clients", "is missing; such as  clients: [requests, aiohttp]"),
    "wrong type": ({"repeats": '"3"'}, 7, "repeats", "'3' is not an integer"),
    "true is no number": ({"repeats": "true"}, 7, "repeats", "is not an integer"),
    "fractional count": ({"repeats": "1.5"}, 7, "repeats", "1.5 is not an integer"),
    "zero count": ({"repeats": "0"}, 7, "repeats", "0 is too small; at least 1"),
    "a list for a mapping": ({"timeouts": "[]"}, 7, "timeouts", "is a list; a mapping"),
    "a mapping for a list": ({"clients": "{a: b}"}, 4, "clients", "is a mapping; a list"),
    "a number for text": ({"model": "7"}, 7, "model", "is a number; text"),
    "text for a truth": ({"stream": "yes"}, 7, "stream", "'yes' is neither true nor false"),
    "nothing": ({"load": ""}, 6, "load", "is empty; a mapping"),
    "unknown arrivals": (
        {"load": "{arrivals: clsoed, duration: 5s}"},
        6,
        "load.arrivals",
        "did you mean closed?",
    ),
    "negative duration": ({"load": "{duration: -5s}"}, 6, "load.duration", "'-5s' is negative"),
    "negative bare duration": ({"load": "{duration: -5}"}, 6, "load.duration", "-5 is negative"),
    "duration without unit": ({"load": "{duration: 5}"}, 6, "load.duration", "5 has no unit"),
    "duration in an unknown unit": ({"load": "{duration: 5sec}"}, 6, "load.duration", "no known unit"),
    "duration of nothing": ({"load": "{duration: 0}"}, 6, "load.duration", "0 is too short"),
    "endless duration": ({"load": "{duration: 99999h}"}, 6, "load.duration", "too long; at most 24h"),
    "infinite duration": ({"load": "{duration: .inf}"}, 6, "load.duration", "inf has no unit"),
    "no timeout": ({"timeouts": "{idle: 0s}"}, 7, "timeouts.idle", "too short"),
    "not a number": ({"target": "{simulator: {jitter: .nan}}"}, 2, "target.simulator.jitter", "not finite"),
    "warm-up of the whole": ({"load": "{duration: 5s, warmup: 5s}"}, 6, "load.warmup", "leaves nothing"),
    "ramp beyond the end": ({"load": "{duration: 5s, ramp: 6s}"}, 6, "load.ramp", "shorter"),
    "duration and requests": ({"load": "{duration: 5s, requests: 2}"}, 6, "load.requests", "only one"),
    "two ramps": (
        {"load": "{requests: 1, ramp: 1s, ramp_per_stream: 5ms}"},
        6,
        "load.ramp_per_stream",
        "in place of ramp",
    ),
    "a ramp per stream for a time": (
        {"load": "{duration: 5s, ramp_per_stream: 5ms}"},
        6,
        "load.ramp_per_stream",
        "goes with requests",
    ),
    "neither of them": ({"load": "{ramp: 5s}"}, 6, "load", "neither duration nor requests"),
    "no concurrency at all": (
        {"concurrency": None},
        1,
        "concurrency",
        "is missing; such as  concurrency: [1, 10]",
    ),
    "no load": ({"load": None}, 1, "load", "is missing; such as  load: {duration: 10s, ramp: 2s}"),
    "nothing for concurrency": ({"concurrency": ""}, 5, "concurrency", "is empty; a list"),
    "empty client list": ({"clients": "[]"}, 4, "clients", "is an empty list; at least one"),
    "unknown client": (
        {"clients": "[aiohtp]"},
        4,
        "clients[0]",
        "'aiohtp' is not a client; did you mean aiohttp?",
    ),
    "client twice": ({"clients": "[floor, aiohttp, floor]"}, 4, "clients[2]", "floor is listed twice"),
    "client of another protocol": (
        {"clients": "[floor, openai-sync]"},
        4,
        "clients[1]",
        "openai-sync does not speak ollama-generate; another client, or the protocol openai-chat",
    ),
    "client of two other protocols": (
        {"clients": "[{client: ollama-async, stream: false}]", "protocol": "openai-chat"},
        4,
        "clients[0]",
        "ollama-async does not speak openai-chat; another client, or the protocol ollama-generate or ollama-chat",
    ),
    "client of no kind": ({"clients": "[7]"}, 4, "clients[0]", "is a number"),
    "client without name": ({"clients": "[{stream: true}]"}, 4, "clients[0]", "without a client's name"),
    "unknown option": (
        {"clients": "[{client: floor, lop: uvloop}]"},
        4,
        "clients[0].lop",
        "did you mean loop?",
    ),
    "option of another": (
        {"clients": "[{client: requests, loop: uvloop}]"},
        4,
        "clients[0].loop",
        "is not an option of requests",
    ),
    "option's value": (
        {"clients": "[{client: requests, stream: 1}]"},
        4,
        "clients[0].stream",
        "one of true, false",
    ),
    "unknown protocol": ({"protocol": "olama-chat"}, 7, "protocol", "did you mean ollama-chat?"),
    "no concurrency": ({"concurrency": "[]"}, 5, "concurrency", "empty list"),
    "concurrency of none": ({"concurrency": "[1, 0]"}, 5, "concurrency[1]", "at least 1"),
    "concurrency beyond all": ({"concurrency": "100001"}, 5, "concurrency", "at most 100,000"),
    "concurrency twice": ({"concurrency": "[1, 2, 1]"}, 5, "concurrency[2]", "1 is listed twice"),
    "no prompt": ({"prompts": "[]"}, 3, "prompts", "empty list"),
    "empty prompt": ({"prompts": '[a, " "]'}, 3, "prompts[1]", "is empty"),
    "prompt not in a list": ({"prompts": "hello"}, 3, "prompts", "is text; a list"),
    "prompts from nowhere": ({"prompts": "{fil: x}"}, 3, "prompts.fil", "did you mean file?"),
    "prompts file missing": ({"prompts": "{file: no.jsonl}"}, 3, "prompts.file", "no such file"),
    "prompts file of a kind": ({"prompts": "{file: s.yaml}"}, 3, "prompts.file", "neither .jsonl nor .txt"),
    "two targets": ({"target": "{simulator: {}, url: 'http://h'}"}, 2, "target.url", "only one"),
    "no target": ({"target": "{}"}, 2, "target", "neither simulator nor url"),
    "empty target": ({"target": "{url: }"}, 2, "target.url", "is empty"),
    "not http": ({"target": "{url: 'ftp://h'}"}, 2, "target.url", "does not begin with http"),
    "no host": ({"target": "{url: 'http://'}"}, 2, "target.url", "no host"),
    "no port": ({"target": "{url: 'http://h:99999'}"}, 2, "target.url", "cannot be read"),
    "broken address": ({"target": "{url: 'http://[::1'}"}, 2, "target.url", "cannot be read"),
    "header of two lines": (
        {"target": '{simulator: {}, headers: {X-A: "b\\r\\nc: d"}}'},
        2,
        "target.headers.X-A",
        "line break",
    ),
    "header of loadgen's": (
        {"target": "{simulator: {}, headers: {Content-Length: '1'}}"},
        2,
        "target.headers.Content-Length",
        "is set by",
    ),
    "header's name": (
        {"target": "{simulator: {}, headers: {'a b': c}}"},
        2,
        "target.headers.a b",
        "is not a header name",
    ),
    "unknown fault": (
        {"target": "{simulator: {faults: {stal: 5%}}}"},
        2,
        "target.simulator.faults.stal",
        "did you mean stall?",
    ),
    "fault beyond all": (
        {"target": "{simulator: {faults: {stall: 150%}}}"},
        2,
        "target.simulator.faults.stall",
        "not between 0 and 1",
    ),
    "faults beyond all": (
        {"target": "{simulator: {faults: {stall: 60%, reset: 0.5}}}"},
        2,
        "target.simulator.faults",
        "at most 1",
    ),
    "distribution": (
        {"target": "{simulator: {distribution: gama}}"},
        2,
        "target.simulator.distribution",
        "did you mean gamma?",
    ),
    "uniform below 0": (
        {"target": "{simulator: {distribution: uniform, jitter: 0.6}}"},
        2,
        "target.simulator.jitter",
        "0.577",
    ),
    "constant that varies": (
        {"target": "{simulator: {distribution: constant, jitter: 0.6}}"},
        2,
        "target.simulator.jitter",
        "constant",
    ),
    "folder's name": ({"name": "../etc"}, 1, "name", "cannot name a folder"),
    "threshold": ({"thresholds": "[quick]"}, 7, "thresholds[0]", "'quick' is not a threshold"),
    "unknown metric": ({"thresholds": "['ttft_p99 < 5']"}, 7, "thresholds[0]", "did you mean ttft_p99_ms?"),
    "metric in words": ({"thresholds": "['validity < 5']"}, 7, "thresholds[0]", "is not a metric"),
    "errors by count": ({"thresholds": "['errors < 5']"}, 7, "thresholds[0]", "errors < 1%"),
    "no percentage": ({"thresholds": "['ttft_p99_ms < 5%']"}, 7, "thresholds[0]", "is not a percentage"),
    "threshold's client": (
        {"thresholds": "['aiohtp.ttft_p99_ms < 5']"},
        7,
        "thresholds[0]",
        "aiohtp is not among the clients",
    ),
    "threshold's level": (
        {"thresholds": "['aiohttp@7.ttft_p99_ms < 5']"},
        7,
        "thresholds[0]",
        "7 is not among the concurrency levels",
    ),
    "options": ({"options": "[]"}, 7, "options", "is a list; a mapping"),
    "option that is no number": ({"options": "{a: [.nan]}"}, 7, "options.a[0]", "not finite"),
    "tag": (
        {"options": "!!python/object/apply:os.system ['exit 1']"},
        7,
        "options",
        "tags construct nothing",
    ),
    "harmless tag": ({"model": "!!str 7"}, 7, "model", "tags construct nothing"),
    "alias": ({"model": "*x"}, 7, "model", "is an alias"),
    "unset variable": ({"model": "${LOADGEN_NONE}"}, 7, "model", "${LOADGEN_NONE} is not set"),
    "half a reference": ({"model": '"${A-b}"'}, 7, "model", "is not a reference"),
    "lone surrogate": ({"model": '"\\ud800"'}, 7, "model", "is not Unicode text"),
    "two documents": ({"repeats": "3\n--- {}"}, 8, "scenario", "a second document"),
    "deep nesting": ({"options": "[" * 1000}, 7, "options" + "[0]" * 18, "nested more than 20 deep"),
    "unclosed list": ({"options": "[a,\n  b"}, 7, "options", "YAML syntax"),
    "unclosed text": ({"model": '"a'}, 7, "model", "YAML syntax"),
    "two colons": ({"model": "a: b"}, 7, "model", "mapping values are not allowed here"),
    "escape beyond Unicode": ({"model": '"\\U00110000"'}, 7, "model", "escape that is no character"),
    "control character": ({"model": "a\x01"}, 7, "model", "control character"),
}


STAGED: dict[str, tuple[str, str, str]] = {
    "no stages": ("[]", "", "is an empty list; at least one entry"),
    "nothing": ("", "", "is empty; a list"),
    "one stage alone": ("{to: 5, over: 1s}", "", "is a mapping; a list"),
    "neither": ("[{over: 5s}]", "[0]", "has neither to nor hold; one of the two: {to: 200, over: 60s} or"),
    "both": ("[{to: 1, hold: 5s}]", "[0].hold", "is mutually exclusive with to; only one of the two"),
    "over beside hold": (
        "[{to: 1}, {hold: 5s, over: 5s}]",
        "[1].over",
        "is mutually exclusive with hold; hold alone",
    ),
    "empty to": ("[{to: , over: 5s}]", "[0].to", "is empty; a value"),
    "empty hold": ("[{to: 1}, {hold: }]", "[1].hold", "is empty; a value"),
    "negative streams": ("[{to: -1, over: 5s}]", "[0].to", "-1 is too small; at least 0"),
    "negative time": ("[{to: 1, over: -5s}]", "[0].over", "'-5s' is negative; 0 or more"),
    "negative hold": ("[{to: 1}, {hold: -5s}]", "[1].hold", "'-5s' is negative"),
    "half a stream": ("[{to: 1.5, over: 5s}]", "[0].to", "1.5 is not an integer"),
    "time without unit": ("[{to: 1, over: 5}]", "[0].over", "5 has no unit"),
    "streams beyond all": ("[{to: 100001, over: 5s}]", "[0].to", "100001 is too large; at most 100,000"),
    "unknown key": ("[{too: 5, to: 5, over: 5s}]", "[0].too", "unknown key; did you mean to?"),
    "no stage": ("[5]", "[0]", "is a number; a mapping"),
    "no time": ("[{to: 9}, {to: 0, over: 0s}]", "", "last 0s in all; a stage that lasts"),
    "no streams": ("[{hold: 5s}, {to: 0, over: 5s}]", "", "never hold a stream; a stage above 0"),
    "streams at the very end": ("[{to: 1, over: 5s}, {to: 9}]", "", "never hold a stream"),
}


@pytest.mark.parametrize(("stages", "key", "said"), STAGED.values(), ids=STAGED)
def test_one_mistake_in_the_stages(failed: Fail, stages: str, key: str, said: str) -> None:
    (problem,) = failed(concurrency=None, load=None, stages=stages)
    assert (problem.where, problem.key) == ("5", f"stages{key}")
    assert said in f"{problem.wrong}; {problem.right}"


def test_stages_and_load_do_not_stand_side_by_side(failed: Fail) -> None:
    stages = "[{to: 5, over: 5s}]"
    for changed, told in (
        ({}, [("5", "concurrency"), ("6", "load")]),
        ({"load": None}, [("5", "concurrency")]),
        ({"concurrency": None}, [("5", "load")]),
    ):
        problems = failed(stages=stages, **changed)
        assert [(p.where, p.key) for p in problems] == told
        assert {p.wrong for p in problems} == {"is mutually exclusive with stages"}
        assert all("only one of the two" in p.right for p in problems)


def test_a_threshold_names_the_most_streams_of_the_stages(failed: Fail) -> None:
    (problem,) = failed(
        concurrency=None, load=None, stages="[{to: 9, over: 5s}, {hold: 1s}]", thresholds="['floor@8.ttft_p99_ms < 5']",
        clients="[floor]",
    )  # fmt: skip
    assert (problem.key, problem.right) == ("thresholds[0]", "one of 9")


@pytest.mark.parametrize(("changed", "line", "key", "said"), WRONG.values(), ids=WRONG)
def test_one_mistake(failed: Fail, changed: dict[str, str | None], line: int, key: str, said: str) -> None:
    (problem,) = failed(**changed)
    assert (problem.where, problem.key) == (str(line), key)
    assert said in f"{problem.wrong}; {problem.right}"
    assert problem.right


def test_a_protocol_that_the_simulator_does_not_speak(failed: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "SIMULATED", frozenset({"ollama-generate"}))
    (problem,) = failed(protocol="openai-chat")
    assert problem[:3] == ("7", "protocol", "the simulator does not speak openai-chat")
    assert problem.right == "ollama-generate, or a target.url"


def test_all_mistakes_at_once_in_the_order_of_the_file(failed: Fail) -> None:
    text = """\
name: demo
target: {simulator: {ttft: 5, gap: -1s}}
prompts: [hello, ""]
clients:
  - aiohtp
  - {client: requests, sesion: shared, stream: 1}
concurency: [1]
load: {duration: 1s, ramp: x}
load: {requests: 3}
model: *x
thresholds: ["erors < 1%"]
options: {a: !!python/name:os.system ''}
stream: ${LOADGEN_NONE}
"""
    assert [(int(p.where), p.key) for p in failed(text)] == [
        (1, "concurrency"),
        (2, "target.simulator.ttft"),
        (2, "target.simulator.gap"),
        (3, "prompts[1]"),
        (5, "clients[0]"),
        (6, "clients[1].sesion"),
        (6, "clients[1].stream"),
        (7, "concurency"),
        (8, "load.ramp"),
        (9, "load"),
        (10, "model"),
        (11, "thresholds[0]"),
        (12, "options.a"),
        (13, "stream"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: demo\nload:\n\tduration: 5s\n", 3),
        ("name: demo\nload:\n  duration: 5s\n\tramp: 1s\n", 4),
        ("\tname: demo\n", 1),
        ("name: demo\nclients:\n  \t- aiohttp: x\n", 3),
    ],
)
def test_tabs(failed: Fail, text: str, line: int) -> None:
    (problem,) = failed(text)
    assert (problem.where, problem.wrong) == (str(line), "a tab")
    assert "spaces" in problem.right


def test_lines_are_those_of_an_editor(failed: Fail) -> None:
    (problem,) = failed(prompts='["a\u2028b\x85c"]', repeats="0")
    assert (problem.where, problem.key) == ("7", "repeats")


def test_a_duplicate_names_both_lines(failed: Fail) -> None:
    (problem,) = failed(scenario_text() + "repeats: 1\nrepeats: 2\n")
    assert (problem.where, problem.key, problem.wrong) == ("8", "repeats", "is there twice, first in line 7")


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"", 1, "is empty"),
        (b"# nothing\n", 1, "is empty"),
        (b"- a\n", 1, "is a list and not a mapping"),
        (b"hello", 1, "is text and not a mapping"),
        (b"name: a\nmodel: \xff\n", 2, "is not UTF-8 text"),
        ("name: a".encode("utf-16"), 1, "is not UTF-8 text"),
        (b"\x7fELF\x02\x01\x01\x00", 1, "control character"),
        (b"PK\x03\x04", 1, "control character"),
    ],
)
def test_what_is_no_scenario(tmp_path: Path, content: bytes, line: int, said: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(content)
    with pytest.raises(ScenarioError, match=f"s.yaml:{line}: scenario: .*{said}"):
        load(file)


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    with file.open("wb") as large:
        large.truncate(50_000_000)
    file.chmod(0)  # reading it would be an error of its own, except for root
    with pytest.raises(ScenarioError, match="has 50,000,000 bytes; at most 1,048,576 bytes"):
        load(file)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "smoke.yaml").write_text(scenario_text(), encoding="utf-8")
    with pytest.raises(
        ScenarioError, match=r"smok\.yaml: scenario: there is no such file; did you mean .*smoke\.yaml"
    ):
        load(tmp_path / "smok.yaml")
    with pytest.raises(ScenarioError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(ScenarioError, match="cannot be read"):
        load(tmp_path / "smoke.yaml" / "x")
    with pytest.raises(ScenarioError, match="cannot be read: not a file name"):
        load("a\0b")
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ScenarioError, match="is not a regular file"):
        load(tmp_path / "pipe.yaml")


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b'"a"\n[1]\n', 2, "holds no prompt"),
        (b'"a"\n\n{"prompt": ""}\n', 3, "holds no prompt"),
        (b'"a"\n"b\n', 2, "is not JSON"),
        (b"[" * 100_000, 1, "is not JSON"),
        (b'"\\ud800"', 1, "half a character"),
        (b"\n\n", 1, "holds no prompt"),
        (b'"a"\n"\xff"', 2, "is not UTF-8 text"),
    ],
)
def test_a_bad_line_of_the_prompts(
    tmp_path: Path, failed: Fail, content: bytes, line: int, said: str
) -> None:
    (tmp_path / "p.jsonl").write_bytes(content)
    (problem,) = failed(prompts="{file: p.jsonl}")
    assert problem.where == f"{tmp_path / 'p.jsonl'}:{line}"
    assert (problem.key, said in problem.wrong) == ("prompts.file", True)


def test_large_prompts_are_refused_unread(tmp_path: Path, failed: Fail) -> None:
    with (tmp_path / "p.txt").open("wb") as large:
        large.truncate(17 << 20)
    (problem,) = failed(prompts="{file: p.txt}")
    assert (problem.where, problem.right) == ("3", "at most 16,777,216 bytes")


def test_prompts_are_told_beside_other_mistakes(failed: Fail) -> None:
    problems = failed(prompts="{file: no.txt}", repeats="0")
    assert [(p.where, p.key) for p in problems] == [("3", "prompts.file"), ("7", "repeats")]


def test_tags_construct_nothing(tmp_path: Path, failed: Fail) -> None:
    proof = tmp_path / "constructed"
    (problem,) = failed(options=f"!!python/object/apply:os.mkdir ['{proof}']")
    assert problem.where == "7"
    assert not proof.exists()


def test_aliases_do_not_multiply(failed: Fail) -> None:
    levels = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    levels += [
        f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}]"
        for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    ]
    problems = failed("\n".join(levels))
    assert sum(p.wrong == "is an alias" for p in problems) == 9 * 6
    (itself,) = failed(options="&x {a: *x}")
    assert itself.key == "options.a"


def test_many_values_are_refused_before_they_are_parsed(failed: Fail) -> None:
    (problem,) = failed(options="[" + "a," * 400_000 + "]")
    assert problem.wrong == "has more than 20,000 values"


def test_a_message_is_one_line_of_printable_text() -> None:
    problem = Problem("s.yaml:1", "a\x1b[31m\nb", "x" * 10_000, "y\u202e")
    assert str(problem).isprintable()
    assert len(str(problem)) < 2_000


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
    )
)
@example(b"%YAML 9.9\n---\na: 1")
@example(b"? [a, b]\n: {c: d}\n? {e: f}\n: g")
@example(b"<<: *a")
@example(b"name: !<tag:yaml.org,2002:python/name:os.system> x")
@example(b"a: " + b"9" * 5000)
def test_no_bytes_do_worse_than_a_scenario_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(content)
    with pytest.raises(ScenarioError) as raised:
        load(file, environ={})
    assert raised.value.problems


_KEYS = st.sampled_from(
    [
        "name",
        "target",
        "prompts",
        "clients",
        "concurrency",
        "load",
        "stages",
        "to",
        "over",
        "hold",
        "simulator",
        "url",
        "headers",
        "Authorization",
        "duration",
        "requests",
        "ramp",
        "warmup",
        "file",
        "timeouts",
        "idle",
        "thresholds",
        "options",
        "faults",
        "reset",
        "client",
        "stream",
        "loop",
        "repeats",
        "seed",
    ]
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["5s", "${A}", "-1ms", "5%"]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=_KEYS, value=_VALUES)
def test_no_value_does_worse_than_a_scenario_error(tmp_path: Path, key: str, value: object) -> None:
    file = tmp_path / "s.yaml"
    good = {
        "name": "a",
        "target": {"simulator": {}},
        "prompts": ["a"],
        "clients": ["floor"],
        "concurrency": 1,
    }
    with file.open("w", encoding="utf-8", errors="replace") as out:
        YAML(typ="safe", pure=True).dump({**good, "load": {"requests": 1}, key: value}, out)
    told: list[Problem] = []
    try:
        load(file, environ={"A": "x"})
    except ScenarioError as error:
        told = error.problems
    assert all(problem.wrong and problem.right for problem in told)
