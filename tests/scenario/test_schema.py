"""The JSON Schema says the same as the validation."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from loadgen import clients
from loadgen.scenario import schema
from tests.scenario.conftest import scenario_text
from tests.scenario.test_load import DESIGN, SCENARIOS


def plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def mistakes(text: str) -> list[str]:
    return [error.message for error in validator().iter_errors(plain(text))]


def test_it_is_a_schema_in_plain_json() -> None:
    made = json.loads(json.dumps(schema()))
    Draft202012Validator.check_schema(made)
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_is_described_and_none_is_null() -> None:
    made = schema()
    for shape in (made, *(shape for shape in made["$defs"].values() if "properties" in shape)):
        for key, rules in shape["properties"].items():
            assert rules.get("description") or "$ref" in rules, key
            assert {"type": "null"} not in rules.get("anyOf", []), key


@pytest.mark.parametrize("file", sorted(SCENARIOS.rglob("*.yaml")), ids=lambda file: file.stem)
def test_shipped_scenarios_fit(file: Path) -> None:
    assert mistakes(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        DESIGN,
        scenario_text(
            load='{duration: "${T:-5s}", ramp: 0}', repeats='"${N}"', stream='"${S}"', protocol='"${P}"'
        ),
        scenario_text(clients="[{client: aiohttp, stream: false, loop: uvloop}]", prompts="{file: p.txt}"),
        scenario_text(clients="[{client: requests, stack: 0.5 MiB, python: ~/other/bin/python}]"),
        scenario_text(concurrency=None, load=None, stages='[{to: 5}, {to: "${N}", over: 5s}, {hold: 1s}]'),
        scenario_text(
            thresholds='["aiohttp loop=uvloop@5.ttft_p99_ms<=1.5", "errors < 1%", "${METRIC} < 5"]'
        ),
        scenario_text(target='{url: "http://h", metrics: "http://h/metrics"}'),
        scenario_text(target='{url: "http://h", metrics: {url: "${URL}", names: [a_total]}}'),
        scenario_text(
            slo='{ttft_ms: 1000, itl_ms: 99.5, total_ms: 20s, clients: {aiohttp: {ttft_ms: "${T}"}}}'
        ),
        scenario_text(target="{simulator: {faults: {reset: 5%, stall: 0.1}, split: 1%}}", concurrency="5"),
        scenario_text(concurrency=None, rate="[5, 0.5, 20/s, 30/m]", load="{duration: 60s}"),
        scenario_text(
            concurrency=None, rate="20", load="{duration: 60s, arrivals: gamma, shape: 0.5, max_streams: 500}"
        ),
        scenario_text(concurrency=None, load=None, stages="[{to: 20/s, over: 60s}, {hold: 2m}]"),
        scenario_text(
            concurrency=None, stages="[{to: 20/s, over: 60s}]", load="{arrivals: constant, max_streams: 5}"
        ),
        scenario_text(trace="{file: t.csv, speed: [1, 2]}", concurrency=None, load=None, prompts=None),
        scenario_text(trace="{file: t.csv}", concurrency=None, load="{duration: 5s, max_streams: 9}"),
    ],
)
def test_good_scenarios_fit(text: str) -> None:
    assert mistakes(text) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"clinets": "[]"},
        {"thresholds": '["ttft_p98_ms < 5"]'},
        {"thresholds": '["ttft_p99_ms = 5"]'},
        {"clients": "[aiohtp]"},
        {"clients": "[]"},
        {"clients": "[{client: requests, loop: uvloop}]"},
        {"clients": "[{client: requests, stack: 262144}]"},
        {"clients": "[{client: requests, stack: 256KB}]"},
        {"clients": "[{client: aiohttp, stack: 256KiB}]"},
        {"clients": "[{client: aiohttp, python: 3}]"},
        {"slo": "{ttft: 5}"},
        {"slo": "{ttft_ms: 0}"},
        {"slo": "{clients: {aiohttp: {itl: 5}}}"},
        {"repeats": "0"},
        {"repeats": "x"},
        {"protocol": "olama"},
        {"load": "{duration: 5}"},
        {"load": "{duration: 5s, requests: 3}"},
        {"load": "{}"},
        {"target": "{}"},
        {"target": "{simulator: {faults: {stal: 5%}}}"},
        {"concurrency": "[1, 1]"},
        {"prompts": "hello"},
        {"prompts": None},
        {"trace": "{file: t.csv}"},
        {"trace": "{file: t.csv, speed: 0}", "concurrency": None, "load": None},
        {"trace": "{file: t.csv}", "concurrency": None, "load": "{shape: 2}"},
        {"name": None},
        {"concurrency": None},
        {"load": None},
        {"stages": "[{to: 5, over: 5s}]"},
        {"load": None, "stages": "[{to: 5, over: 5s}]"},
        {"concurrency": None, "load": None},
        {"concurrency": None, "load": None, "stages": "[]"},
        {"concurrency": None, "load": None, "stages": "[{to: 5, hold: 5s}]"},
        {"concurrency": None, "load": None, "stages": "[{hold: 5s, over: 5s}]"},
        {"concurrency": None, "load": None, "stages": "[{over: 5s}]"},
        {"concurrency": None, "load": None, "stages": "[{to: -1}]"},
        {"rate": "5"},
        {"concurrency": None, "rate": "0"},
        {"concurrency": None, "rate": "-5"},
        {"concurrency": None, "rate": "[5, 5]"},
        {"concurrency": None, "rate": "5", "load": "{requests: 3}"},
        {"concurrency": None, "rate": "5", "load": "{duration: 5s, max_streams: 0}"},
        {"concurrency": None, "rate": "5", "load": "{duration: 5s, arrivals: poison}"},
        {"concurrency": None, "rate": "5", "load": None, "stages": "[{to: 5/s, over: 5s}]"},
        {"concurrency": None, "load": "{duration: 5s}", "stages": "[{to: 5/s, over: 5s}]"},
        {"concurrency": None, "load": "{max_streams: 5}", "stages": "[{to: 5, over: 5s}]"},
    ],
)
def test_bad_scenarios_do_not(changed: dict[str, str | None]) -> None:
    assert mistakes(scenario_text(**changed))


def test_every_client_is_known() -> None:
    assert mistakes(scenario_text(clients=json.dumps(clients.names()))) == []
