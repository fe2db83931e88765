"""JUnit XML, as a CI server reads it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from loadgen.model import Threshold
from loadgen.report.renderers.junit import junit
from tests import synthetic
from tests.report.runs import failed_run, hostile_run, run_of, view


def suites(run) -> dict[str, ET.Element]:
    root = ET.fromstring(junit(view(run)))
    assert root.tag == "testsuites"
    for counted in (root, *root):
        for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(counted.attrib[attribute]) == len(list(counted.iter(tag)))
    return {suite.attrib["name"]: suite for suite in root}


def broken(suite: ET.Element, tag: str) -> dict[str, str]:
    """Return the messages of the failures or errors, by test case."""
    found = ((case, case.find(tag)) for case in suite)
    return {case.attrib["name"]: of.attrib["message"] for case, of in found if of is not None}


def test_a_threshold_is_a_test_case_of_every_client_at_every_level():
    thresholds = (
        Threshold(text="ttft_p50_ms < 1", metric="ttft_p50_ms", op="<", value=1.0),
        Threshold(text="errors < 1%", metric="errors", op="<", value=1.0),
        Threshold(text="floor.ttft_p50_ms < 1", client="floor", metric="ttft_p50_ms", op="<", value=1.0),
    )
    run = run_of("run")
    scenario = replace(run.info.scenario, thresholds=thresholds)
    found = suites(replace(run, info=replace(run.info, scenario=scenario)))
    aiohttp = found["aiohttp"]
    assert {case.attrib["classname"] for case in aiohttp} == {"sweep.aiohttp"}
    failures = broken(aiohttp, "failure")
    assert set(failures) == {"ttft_p50_ms < 1 at 1 stream", "ttft_p50_ms < 1 at 20 streams"}
    assert " ms" in failures["ttft_p50_ms < 1 at 1 stream"]
    assert "errors < 1 % at 20 streams" in {case.attrib["name"] for case in aiohttp}
    assert broken(found["run"], "failure") == {"floor.ttft_p50_ms < 1": "no measurement matches it"}


def test_an_invalid_measurement_is_an_error_with_its_reason():
    found = suites(failed_run("run"))
    errors = {name: of for suite in found.values() for name, of in broken(suite, "error").items()}
    assert any(name.startswith("valid at ") and "0 of " in message for name, message in errors.items())


@pytest.mark.parametrize("state", ["interrupted", "failed"])
def test_a_run_that_ended_early_is_an_error(state):
    run = run_of("run")
    found = suites(replace(run, info=replace(run.info, state=state, failure="the disk is full")))
    assert "the disk is full" in broken(found["run"], "error")["the run is complete"]


def test_a_run_without_a_measurement_is_an_error():
    (suite,) = suites(synthetic.run("run", [])).values()
    assert set(broken(suite, "error")) == {"something was measured"}


def test_what_others_wrote_is_no_markup():
    assert b"\x1b" not in junit(view(hostile_run("run")))
    assert suites(hostile_run("run"))
