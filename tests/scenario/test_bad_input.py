"""Every mistake names file, line, key, what was wrong and what would be right; nothing is constructed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from loadgen.protocols import openai
from loadgen.scenario import Problem, ScenarioError, load
from tests.scenario.conftest import LINES, Fail, scenario_text

# name -> the key that is wrong, the value of its top-level key in the good scenario, words of the message
WRONG: dict[str, tuple[str, str, str]] = {
    "unknown key": ("clinets", "[aiohttp]", "unknown key; did you mean clients?"),
    "unknown key, known elsewhere": ("ttft", "1s", "did you mean target.simulator.ttft?"),
    "unknown key inside": ("load.duraton", "{duraton: 3s, duration: 4s}", "mean duration?"),
    "metrics that are no URL": (
        "target.metrics",
        "{url: 'http://h', metrics: h/metrics}",
        "does not begin with http://",
    ),
    "metrics without a URL": (
        "target.metrics.url",
        "{url: 'http://h', metrics: {names: [a]}}",
        "is missing; such as  url:",
    ),
    "metrics of another key": (
        "target.metrics.urls",
        "{url: 'http://h', metrics: {urls: a, url: 'http://h/m'}}",
        "did you mean url?",
    ),
    "metrics of a number": ("target.metrics", "{url: 'http://h', metrics: 3}", "is a number; a mapping"),
    "wrong type": ("repeats", '"3"', "'3' is not an integer"),
    "true is no number": ("repeats", "true", "is not an integer"),
    "fractional count": (
        "repeats",
        "1.5",
        "1.5 is not an integer",
    ),
    "zero count": ("repeats", "0", "0 is too small; at least 1"),
    "a list for a mapping": ("timeouts", "[]", "is a list; a mapping"),
    "a mapping for a list": ("clients", "{a: b}", "is a mapping; a list"),
    "a number for text": ("model", "7", "is a number; text"),
    "text for a truth": ("stream", "yes", "'yes' is neither true nor false"),
    "nothing": ("load", "", "is empty; a mapping"),
    "unknown arrivals": ("load.arrivals", "{arrivals: clsoed, duration: 5s}", "did you mean closed?"),
    "negative duration": ("load.duration", "{duration: -5s}", "'-5s' is negative"),
    "negative bare duration": ("load.duration", "{duration: -5}", "-5 is negative"),
    "duration without unit": ("load.duration", "{duration: 5}", "5 has no unit"),
    "duration in an unknown unit": ("load.duration", "{duration: 5sec}", "no known unit"),
    "duration of nothing": ("load.duration", "{duration: 0}", "0 is too short"),
    "endless duration": ("load.duration", "{duration: 99999h}", "too long; at most 24h"),
    "infinite duration": ("load.duration", "{duration: .inf}", "inf is not a duration"),
    "a stop without errors": ("stop.after", "{after: 20}", "goes with errors"),
    "a stop that cannot be": ("stop.errors", "{errors: 100%}", "never more than all fail; less than 100%"),
    "errors of no stop": ("stop.errors", "{errors: 101%}", "is not between 0 and 1"),
    "overload that is no switch": ("stop.overload", "{overload: 5}", "5 is neither on nor off; on or off"),
    "an unknown rule to stop": ("stop.error", "{error: 10%}", "did you mean errors?"),
    "no timeout": ("timeouts.idle", "{idle: 0s}", "too short"),
    "not a number": ("target.simulator.jitter", "{simulator: {jitter: .nan}}", "nan is not a finite number"),
    "warm-up of the whole": ("load.warmup", "{duration: 5s, warmup: 5s}", "leaves nothing"),
    "ramp beyond the end": ("load.ramp", "{duration: 5s, ramp: 6s}", "shorter"),
    "duration and requests": ("load.requests", "{duration: 5s, requests: 2}", "only one"),
    "two ramps": (
        "load.ramp_per_stream",
        "{requests: 1, ramp: 1s, ramp_per_stream: 5ms}",
        "in place of ramp",
    ),
    "a ramp per stream for a time": (
        "load.ramp_per_stream",
        "{duration: 5s, ramp_per_stream: 5ms}",
        "goes with requests",
    ),
    "neither of them": ("load", "{ramp: 5s}", "neither duration nor requests"),
    "no objective": ("slo", "{}", "has no objective; such as {ttft_ms: 1000"),
    "no objective for anybody": ("slo", "{clients: {}}", "has no objective"),
    "an objective without value": ("slo.itl_ms", "{ttft_ms: 1s, itl_ms: }", "is empty"),
    "objective on another figure": ("slo.ttft_p95_ms", "{ttft_p95_ms: 1000}", "did you mean ttft_ms?"),
    "objective of no time": ("slo.ttft_ms", "{ttft_ms: 0}", "0 is not a time to stay within"),
    "objective that is no number": ("slo.ttft_ms", "{ttft_ms: .nan}", "nan is not a time to stay within"),
    "objective of an unknown client": (
        "slo.clients.aiohtp",
        "{ttft_ms: 1s, clients: {aiohtp: {itl_ms: 100}}}",
        "is not among the clients of this scenario; did you mean aiohttp?",
    ),
    "unknown objective of a client": (
        "slo.clients.aiohttp.itl",
        "{clients: {aiohttp: {itl: 100}}}",
        "did you mean itl_ms?",
    ),
    "goodput without objectives": ("thresholds[0]", '["good_percent > 95"]', "good_percent needs slo"),
    "nothing for concurrency": ("concurrency", "", "is empty; a list"),
    "empty client list": ("clients", "[]", "is an empty list; at least one"),
    "unknown client": ("clients[0]", "[aiohtp]", "'aiohtp' is not a client; did you mean aiohttp?"),
    "client twice": ("clients[2]", "[floor, aiohttp, floor]", "floor is listed twice"),
    "client of another protocol": (
        "clients[1]",
        "[floor, openai-sync]",
        "openai-sync does not speak ollama-generate; another client, or the protocol openai-chat",
    ),
    "client of no kind": ("clients[0]", "[7]", "is a number"),
    "client without name": ("clients[0]", "[{stream: true}]", "without a client's name"),
    "unknown option": ("clients[0].lop", "[{client: floor, lop: uvloop}]", "did you mean loop?"),
    "option of another": (
        "clients[0].loop",
        "[{client: requests, loop: uvloop}]",
        "is not an option of requests",
    ),
    "option's value": ("clients[0].stream", "[{client: requests, stream: 1}]", "one of true, false"),
    "unknown protocol": ("protocol", "olama-chat", "did you mean ollama-chat?"),
    "no concurrency": ("concurrency", "[]", "empty list"),
    "concurrency of none": ("concurrency[1]", "[1, 0]", "at least 1"),
    "concurrency beyond all": ("concurrency", "100001", "at most 100,000"),
    "concurrency twice": ("concurrency[2]", "[1, 2, 1]", "1 is listed twice"),
    "no prompt": ("prompts", "[]", "empty list"),
    "empty prompt": ("prompts[1]", '[a, " "]', "is empty"),
    "prompt not in a list": ("prompts", "hello", "is text; a list"),
    "prompts from nowhere": ("prompts.fil", "{fil: x}", "did you mean file?"),
    "prompts of two kinds": (
        "prompts",
        "{texts: [a], synthetic: {input_tokens: 5}}",
        "has synthetic and texts",
    ),
    "synthetic without length": ("prompts.synthetic.input_tokens", "{synthetic: {}}", "is missing"),
    "synthetic of none": ("prompts.synthetic.input_tokens", "{synthetic: {input_tokens: 0}}", "too small"),
    "synthetic typo": (
        "prompts.synthetic.input",
        "{synthetic: {input_tokens: 5, input: 4}}",
        "one of input_tokens",
    ),
    "too many": ("prompts.synthetic.count", "{synthetic: {input_tokens: 9000, count: 9000}}", "too many"),
    "conversation of texts": (
        "prompts.conversations",
        "{texts: [a], conversations: {think: 1s}}",
        "ollama-generate takes a text",
    ),
    "time to think": ("prompts.conversations.think", "{texts: [a], conversations: {think: 1}}", "no unit"),
    "spread of another": (
        "prompts.conversations.spread",
        "{texts: [a], conversations: {spread: 1}}",
        "lognormal",
    ),
    "made conversations": (
        "prompts.conversations",
        "{synthetic: {input_tokens: 5}, conversations: {}}",
        "texts, chats or a file",
    ),
    "message without role": ("prompts.chats[0][0].role", "{chats: [[{content: a}]]}", "is missing"),
    "another way": ("prompts.unique", "{texts: [a], unique: suffix}", "one of prefix, off"),
    "prompts file missing": ("prompts.file", "{file: no.jsonl}", "no such file"),
    "prompts file of a kind": ("prompts.file", "{file: s.yaml}", "ends in none of"),
    "two targets": ("target.url", "{simulator: {}, url: 'http://h'}", "only one"),
    "no target": ("target", "{}", "neither simulator nor url"),
    "empty target": ("target.url", "{url: }", "is empty"),
    "not http": ("target.url", "{url: 'ftp://h'}", "does not begin with http"),
    "path of the simulator": ("target.path", "{simulator: {}, path: /v1}", "the simulator has its own"),
    "path without a slash": ("target.path", "{url: 'http://h', path: v1}", "not the path of a request"),
    "path with a blank": ("target.path", "{url: 'http://h', path: '/a b'}", "cannot hold"),
    "path with a bad escape": ("target.path", "{url: 'http://h', path: '/a%2'}", "cannot hold"),
    "path with a fragment": ("target.path", "{url: 'http://h', path: '/a#b'}", "cannot hold"),
    "path with dots": ("target.path", "{url: 'http://h', path: '/a/../b'}", "has . or .."),
    "url with dots": ("target.url", "{url: 'http://h/./b'}", "has . or .."),
    "url with a bracket": ("target.url", "{url: 'http://h/?a=[1]'}", "cannot hold"),
    "no host": ("target.url", "{url: 'http://'}", "no host"),
    "no port": ("target.url", "{url: 'http://h:99999'}", "cannot be read"),
    "broken address": ("target.url", "{url: 'http://[::1'}", "cannot be read"),
    "header of two lines": (
        "target.headers.X-A",
        '{simulator: {}, headers: {X-A: "b\\r\\nc: d"}}',
        "line break",
    ),
    "header of loadgen's": (
        "target.headers.Content-Length",
        "{simulator: {}, headers: {Content-Length: '1'}}",
        "is set by",
    ),
    "header's name": ("target.headers.a b", "{simulator: {}, headers: {'a b': c}}", "is not a header name"),
    "unknown fault": (
        "target.simulator.faults.stal",
        "{simulator: {faults: {stal: 5%}}}",
        "did you mean stall?",
    ),
    "fault beyond all": (
        "target.simulator.faults.stall",
        "{simulator: {faults: {stall: 150%}}}",
        "not between 0 and 1",
    ),
    "faults beyond all": (
        "target.simulator.faults",
        "{simulator: {faults: {stall: 60%, reset: 0.5}}}",
        "at most 1",
    ),
    "distribution": (
        "target.simulator.distribution",
        "{simulator: {distribution: gama}}",
        "did you mean gamma?",
    ),
    "uniform below 0": (
        "target.simulator.jitter",
        "{simulator: {distribution: uniform, jitter: 0.6}}",
        "0.577",
    ),
    "constant that varies": (
        "target.simulator.jitter",
        "{simulator: {distribution: constant, jitter: 0.6}}",
        "constant",
    ),
    "exponential of another variation": (
        "target.simulator.jitter",
        "{simulator: {distribution: exponential, jitter: 0.5}}",
        "exponential distribution is 1",
    ),
    "folder's name": ("name", "../etc", "cannot name a folder"),
    "a study's test": ("study[0].test", "[{claim: c, test: quick}]", "'quick' is not a test"),
    "a study's metric": ("study[0].test", "[{claim: c, test: aiohttp.ttft_p9_ms < 5}]", "is not a metric"),
    "a study's client": ("study[0].test", "[{claim: c, test: aiohtp.ttft_p99_ms < 5}]", "among the clients"),
    "a ratio within less": (
        "study[0].test",
        "[{claim: c, test: aiohttp.ok within 1 x aiohttp}]",
        "about a ratio",
    ),
    "threshold": ("thresholds[0]", "[quick]", "'quick' is not a threshold"),
    "unknown metric": ("thresholds[0]", "['ttft_p99 < 5']", "did you mean ttft_p99_ms?"),
    "metric in words": ("thresholds[0]", "['validity < 5']", "is not a metric"),
    "errors by count": ("thresholds[0]", "['errors < 5']", "errors < 1%"),
    "no percentage": ("thresholds[0]", "['ttft_p99_ms < 5%']", "is not a percentage"),
    "threshold's client": ("thresholds[0]", "['aiohtp.ttft_p99_ms < 5']", "aiohtp is not among the clients"),
    "threshold's level": (
        "thresholds[0]",
        "['aiohttp@7.ttft_p99_ms < 5']",
        "7 is not among the levels",
    ),
    "options": ("options", "[]", "is a list; a mapping"),
    "option that is no number": ("options.a[0]", "{a: [.nan]}", "not finite"),
    "tag": ("options", "!!python/object/apply:os.system ['exit 1']", "tags construct nothing"),
    "harmless tag": ("model", "!!str 7", "tags construct nothing"),
    "alias": ("model", "*x", "is an alias"),
    "unset variable": ("model", "${LOADGEN_NONE}", "${LOADGEN_NONE} is not set"),
    "half a reference": ("model", '"${A-b}"', "is not a reference"),
    "lone surrogate": ("model", '"\\ud800"', "is not Unicode text"),
    "unclosed list": ("options", "[a,\n  b", "YAML syntax"),
    "unclosed text": ("model", '"a', "YAML syntax"),
    "two colons": ("model", "a: b", "mapping values are not allowed here"),
    "escape beyond Unicode": ("model", '"\\U00110000"', "escape that is no character"),
    "control character": ("model", "a\x01", "control character"),
}

# name -> what is changed in the good scenario, the line and the key of the problem, words of the message
MORE_WRONG: dict[str, tuple[dict[str, str | None], int, str, str]] = {
    "missing key": ({"clients": None}, 1, "clients", "is missing; such as  clients: [requests, aiohttp]"),
    "no concurrency at all": (
        {"concurrency": None},
        1,
        "concurrency",
        "is missing; such as  concurrency: [1, 10]",
    ),
    "no load": ({"load": None}, 1, "load", "is missing; such as  load: {duration: 10s, ramp: 2s}"),
    "client of two other protocols": (
        {"clients": "[{client: ollama-async, stream: false}]", "protocol": "openai-chat"},
        4,
        "clients[0]",
        "ollama-async does not speak openai-chat; another client, or the protocol ollama-generate or ollama-chat",
    ),
    "two documents": ({"repeats": "3\n--- {}"}, 8, "scenario", "a second document"),
    "key that is no Unicode": ({'"\\ud800"': "1"}, 7, "scenario", "has a key that is not text"),
    "inner key that is no Unicode": (
        {"options": '{deep: [{"a\\udfff": 1}]}'},
        7,
        "options.deep[0]",
        "has a key that is not text",
    ),
    "deep nesting": ({"options": "[" * 1000}, 7, "options" + "[0]" * 18, "nested more than 20 deep"),
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
    "half a stream": (
        "[{to: 1.5, over: 5s}]",
        "[0].to",
        "1.5 is not an integer",
    ),
    "time without unit": ("[{to: 1, over: 5}]", "[0].over", "5 has no unit"),
    "streams beyond all": ("[{to: 100001, over: 5s}]", "[0].to", "100001 is too large; at most 100,000"),
    "unknown key": ("[{too: 5, to: 5, over: 5s}]", "[0].too", "unknown key; did you mean to?"),
    "no stage": ("[5]", "[0]", "is a number; a mapping"),
    "no time": ("[{to: 9}, {to: 0, over: 0s}]", "", "last 0s in all; a stage that lasts"),
    "no streams": ("[{hold: 5s}, {to: 0, over: 5s}]", "", "never hold a stream; a stage above 0"),
    "streams at the very end": ("[{to: 1, over: 5s}, {to: 9}]", "", "never hold a stream"),
}


# With a rate: the keys, the key and line of the problem, what is said of it.
RATED = {
    "zero": ({"rate": "0"}, "rate", "0: nothing would arrive; arrivals per second"),
    "negative": ({"rate": "-5"}, "rate", "-5 is negative"),
    "negative text": ({"rate": "-5/s"}, "rate", "'-5/s' is negative"),
    "not a number": ({"rate": ".nan"}, "rate", "nan is not a rate; arrivals per second, such as 20"),
    "infinite": ({"rate": ".inf"}, "rate", "inf is not a rate"),
    "true": ({"rate": "true"}, "rate", "is not a rate"),
    "beyond any machine": ({"rate": "[5, 2e6]"}, "rate[1]", "at most 1,000,000 per second"),
    "per fortnight": ({"rate": "5/w"}, "rate", "'5/w' is not a rate"),
    "slower than a day": ({"rate": "0.00001"}, "rate", "1e-05 is too slow"),
    "twice": ({"rate": "[5, 5/s]"}, "rate[1]", "listed twice"),
    "none": ({"rate": "[]"}, "rate", "is an empty list"),
    "too short for one": ({"load": "{duration: 10ms}"}, "rate", "no stream arrives within 0.01s"),
    "concurrency": ({"concurrency": "5"}, "rate", "is mutually exclusive with concurrency"),
    "requests": ({"load": "{requests: 3}"}, "load.requests", "of which a rate has none; load.duration"),
    "ramp": ({"load": "{duration: 5s, ramp: 1s}"}, "load.ramp", "stages in place of rate"),
    "no load": ({"load": None}, "load", "is missing; such as  load: {duration: 60s}"),
    "no duration": ({"load": "{}"}, "load", "has no duration; how long streams arrive"),
    "shape of another": ({"load": "{duration: 5s, shape: 2}"}, "load.shape", "arrivals: gamma, or no shape"),
    "shape 0": ({"load": "{duration: 5s, arrivals: gamma, shape: 0}"}, "load.shape", "more than 0"),
    "no places": ({"load": "{duration: 5s, max_streams: 0}"}, "load.max_streams", "at least 1"),
    "closed": (
        {"load": "{duration: 5s, arrivals: closed}"},
        "load.arrivals",
        "goes with concurrency; one of",
    ),
    "long warm-up": ({"load": "{duration: 5s, warmup: 5s}"}, "load.warmup", "leaves nothing"),
    "another's level": ({"thresholds": "['aiohttp@6/s.ttft_p99_ms < 5']"}, "thresholds[0]", "one of 5/s"),
    "a level of streams": ({"thresholds": "['aiohttp@5.ttft_p99_ms < 5']"}, "thresholds[0]", "one of 5/s"),
}


@pytest.mark.parametrize(("keys", "key", "said"), RATED.values(), ids=RATED)
def test_one_mistake_with_a_rate(failed: Fail, keys: dict[str, str | None], key: str, said: str) -> None:
    (problem,) = failed(**{"concurrency": None, "load": "{duration: 5s}", "rate": "5", **keys})
    assert problem.key == key
    assert said in f"{problem.wrong}; {problem.right}"


OF_RATES = {
    "streams among rates": ("[{to: 5/s, over: 5s}, {to: 7, over: 3s}]", None, "stages[1].to", "7/s"),
    "no arrival": ("[{to: 0/s, over: 5s}]", None, "stages", "have time for no arrival"),
    "a duration": ("[{to: 5/s, over: 5s}]", "{duration: 5s}", "load.duration", "the stages say how long"),
    "a ramp": ("[{to: 5/s, over: 5s}]", "{ramp: 1s}", "load.ramp", "about slots"),
    "warm-up": ("[{to: 5/s, over: 5s}]", "{warmup: 5s}", "load.warmup", "leaves nothing of the 5s"),
}


@pytest.mark.parametrize(("stages", "load", "key", "said"), OF_RATES.values(), ids=OF_RATES)
def test_one_mistake_in_stages_of_rates(
    failed: Fail, stages: str, load: str | None, key: str, said: str
) -> None:
    (problem,) = failed(concurrency=None, load=load, stages=stages)
    assert problem.key == key
    assert said in f"{problem.wrong}; {problem.right}"


@pytest.mark.parametrize(
    ("load", "key"),
    [("{duration: 5s, arrivals: poisson}", "arrivals"), ("{duration: 5s, max_streams: 5}", "max_streams")],
)
def test_what_goes_with_a_rate_only(failed: Fail, load: str, key: str) -> None:
    (problem,) = failed(load=load)
    assert (problem.key, "rate" in problem.right) == (f"load.{key}", True)


@pytest.mark.parametrize(("stages", "key", "said"), STAGED.values(), ids=STAGED)
def test_one_mistake_in_the_stages(failed: Fail, stages: str, key: str, said: str) -> None:
    (problem,) = failed(concurrency=None, load=None, stages=stages)
    assert (problem.where, problem.key) == ("5", f"stages{key}")
    assert said in f"{problem.wrong}; {problem.right}"


def test_stages_and_load_do_not_stand_side_by_side(failed: Fail) -> None:
    stages = "[{to: 5, over: 5s}]"
    for changed, reported in (
        ({}, [("5", "concurrency"), ("6", "load")]),
        ({"load": None}, [("5", "concurrency")]),
        ({"concurrency": None}, [("5", "load")]),
    ):
        problems = failed(stages=stages, **changed)
        assert [(p.where, p.key) for p in problems] == reported
        assert {p.wrong for p in problems} == {"is mutually exclusive with stages"}
        assert all("only one of the two" in p.right for p in problems)


def test_a_threshold_names_the_most_streams_of_the_stages(failed: Fail) -> None:
    (problem,) = failed(
        concurrency=None, load=None, stages="[{to: 9, over: 5s}, {hold: 1s}]", thresholds="['floor@8.ttft_p99_ms < 5']",
        clients="[floor]",
    )  # fmt: skip
    assert (problem.key, problem.right) == ("thresholds[0]", "one of 9")


@pytest.mark.parametrize(("key", "value", "said"), WRONG.values(), ids=WRONG)
def test_one_mistake(failed: Fail, key: str, value: str, said: str) -> None:
    top = re.split(r"[.\[]", key)[0]
    (problem,) = failed(**{top: value})
    assert (problem.where, problem.key) == (str([*LINES, top].index(top) + 1), key)
    assert said in f"{problem.wrong}; {problem.right}"
    assert problem.right


@pytest.mark.parametrize(("changed", "line", "key", "said"), MORE_WRONG.values(), ids=MORE_WRONG)
def test_one_mistake_elsewhere(
    failed: Fail, changed: dict[str, str | None], line: int, key: str, said: str
) -> None:
    (problem,) = failed(**changed)
    assert (problem.where, problem.key) == (str(line), key)
    assert said in f"{problem.wrong}; {problem.right}"


def test_a_protocol_that_the_simulator_does_not_speak(failed: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai.Chat, "simulated", False)
    (problem,) = failed(protocol="openai-chat")
    assert problem[:3] == ("7", "protocol", "the simulator does not speak openai-chat")
    assert problem.right.startswith("ollama-generate or ollama-chat or openai-completions or ")
    assert problem.right.endswith(", or a target.url")


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
        (b"\x7fELF\x02\x01\x01\x00", 1, "is no scenario"),
        (b"PK\x03\x04", 1, "is no scenario"),
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


def test_prompts_are_reported_beside_other_mistakes(failed: Fail) -> None:
    problems = failed(prompts="{file: no.txt}", repeats="0")
    assert [(p.where, p.key) for p in problems] == [("3", "prompts.file"), ("7", "repeats")]


def test_tags_construct_nothing(tmp_path: Path, failed: Fail) -> None:
    proof = tmp_path / "constructed"
    (problem,) = failed(options=f"!!python/object/apply:os.mkdir ['{proof}']")
    assert problem.where == "7"
    assert not proof.exists()


def test_aliases_do_not_multiply(failed: Fail) -> None:
    levels = ["options:", "  a: &a [x, x, x, x, x, x, x, x, x]"]
    levels += [
        f"  {b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}]"
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


_NAMES = (
    "name target prompts clients concurrency load stages to over hold simulator url headers Authorization duration"
    " rate arrivals shape max_streams"
    " requests ramp warmup file timeouts idle thresholds options faults reset client stream loop repeats seed"
)
_KEYS = st.sampled_from(_NAMES.split())
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["5s", "${A}", "-1ms", "5%"])
)  # fmt: skip
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
    good = YAML(typ="safe", pure=True).load(scenario_text(clients="[floor]", load="{requests: 1}"))
    with file.open("w", encoding="utf-8", errors="replace") as out:
        YAML(typ="safe", pure=True).dump({**good, key: value}, out)
    reported: list[Problem] = []
    try:
        load(file, environ={"A": "x"})
    except ScenarioError as error:
        reported = error.problems
    assert all(problem.wrong and problem.right for problem in reported)


@pytest.mark.parametrize(
    "content",
    [
        "root:x:0:0:s3cret-line:/root:/bin/bash\ns3cret-line:x:1:1::/:/bin/sh\n",
        "S3CRET=s3cret-line\nexport s3cret-line\n",
        "apiVersion: v1\nkind: Secret\ndata: {s3cret-line: s3cret-line}\n",
        "s3cret-line: &s3cret-line [*s3cret-line]\n",
        "password: !s3cret-line x\n",
        "s3cret-line: [\n",
        '{"s3cret-line": {"s3cret-line": 1},,}\n',
        "-----BEGIN PRIVATE KEY-----\ns3cret-line: `s3cret-line`\n",
        "[s3cret-line]\ns3cret-line = 1\n",
        "s3cret-line: 1\n---\ns3cret-line: 2\n",
        "- s3cret-line\n- s3cret-line: %s3cret-line\n",
        "name: ${S3CRET-LINE\nversion: s3cret-line\nusers: s3cret-line\n",
        "s3cret-line",
    ],
)
def test_what_is_no_scenario_is_not_shown(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(content)
    with pytest.raises(ScenarioError) as raised:
        load(file)
    assert "s3cret-line" not in str(raised.value).lower()
