"""JUnit XML, for CI: a suite per client, whose test cases are its measurements and thresholds at each level.

An invalid measurement is an error, a threshold that did not hold a failure. A run that ended early is an error of its
own, and so is one without a measurement; a threshold that matches no measurement is a failure. The names of test cases
do not depend on the language.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from loadgen.model import ThresholdFinding, Validity
from loadgen.report.language import _
from loadgen.report.sections.answer import unfinished
from loadgen.report.sentences.thresholds import line, statement
from loadgen.report.sentences.validity import reason
from loadgen.report.text import plain
from loadgen.report.view import View

RUN = "run"  # the suite of what is about no single client


def junit(view: View) -> bytes:
    """Return the document."""
    name = view.run.info.scenario.name or view.run.folder.name
    root = ET.Element("testsuites", name=plain(name))

    def case(suite: str, test: str, error: str = "", failure: str = "") -> None:
        """Add a test case; it has passed without an error and a failure."""
        found = next((each for each in root if each.get("name") == plain(suite)), None)
        if found is None:
            found = ET.SubElement(root, "testsuite", name=plain(suite), timestamp=view.run.info.started[:19])
        added = ET.SubElement(found, "testcase", classname=f"{plain(name)}.{plain(suite)}", name=plain(test))
        for kind, message in (("error", error), ("failure", failure)):
            if message:
                ET.SubElement(added, kind, message=plain(message), type=kind).text = plain(message)

    if ended := unfinished(view.run):
        case(RUN, "the run is complete", error=ended)
    if not view.summaries:
        case(RUN, "something was measured", error=_("Nothing was measured."))
    for summary in view.by_level:
        invalid = summary.validity is Validity.INVALID
        against = "; ".join(map(reason, summary.reasons)) if invalid else ""
        case(summary.client.label, f"valid at {summary.level}", error=against)
    for threshold in view.of(ThresholdFinding):
        for result in threshold.results:
            message = "" if result.held else line(threshold, result)
            kind = "error" if result.reason == "invalid" else "failure"
            case(result.client.label, f"{statement(threshold)} at {result.level}", **{kind: message})
        if not threshold.results:
            case(RUN, statement(threshold), failure=_("no measurement matches it"))
    for element in [*root, root]:
        for kind, path in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            element.set(kind, str(len(element.findall(f".//{path}"))))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
