"""``lines: native``: the library's own line iterator hands over, the same decoder parses."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import pytest
import urllib3

from loadgen import clients
from loadgen.clients import BUILTIN, Missing, info, version
from loadgen.model import ClientId, Load, Outcome
from tests.clients.conditions import CONDITIONS, END, LAST, TIMEOUTS, TOKEN, Expected, chunked, says
from tests.clients.measuring import record, record_all, rows
from tests.clients.raw import Raw
from tests.lab.cells import cell

NAMES = [name for name in BUILTIN if "lines" in info(name).options and version(name) is not None]
SEEN = (
    "chunked",
    "chunked, slowly",
    "cut in a character",
    "last line without LF",
    "no end",
    "closed between chunks",
    "status 404",
    "redirect",
    "error line",
    "broken line",
    "stall",
)
LINES: dict[str, Expected] = {name: CONDITIONS[name] for name in SEEN}
# The reads of the default complete several lines; each of these is one.
LINES["lines at once"] = Expected(says(chunked(TOKEN * 5 + END), LAST), CONDITIONS["chunked"].outcome, 5)


def test_a_library_hands_over_line_by_line() -> None:
    with ExitStack() as stack:
        handlers = {name: condition.handler for name, condition in LINES.items()}
        recordings = record_all(
            [
                cell(
                    client=ClientId(name, {"lines": "native"}),
                    url=stack.enter_context(Raw(handlers)).url,
                    concurrency=len(LINES),
                    prompts=tuple(LINES),
                    timeouts=TIMEOUTS[Outcome.IDLE_TIMEOUT],
                    load=Load(requests=1),
                )
                for name in NAMES
            ]
        )
    for name, recording in zip(NAMES, recordings, strict=True):
        found = {tuple(LINES)[row.slot]: row for row in rows(recording)}
        # A stalled line is there before the body has ended, or the outcome were another.
        for condition, expected in LINES.items():
            row = found[condition]
            assert (row.outcome, row.tokens) == (expected.outcome, expected.tokens), (name, condition, row)
            assert max(row.counts, default=0) <= 1, (name, condition)


def test_the_default_hands_over_reads() -> None:
    assert {info(name).options["lines"] for name in NAMES} == {("bytes", "native")}
    with Raw({"Why?": LINES["lines at once"].handler}) as server:
        (row,) = rows(record(cell(client=ClientId("requests"), url=server.url, concurrency=1)))
    assert (row.tokens, max(row.counts)) == (5, 5)


@pytest.mark.parametrize("name", ["urllib3", "requests"])
def test_a_fork_in_the_place_of_urllib3_is_not_measured_as_urllib3(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib3, "AsyncPoolManager", object, raising=False)
    monkeypatch.delitem(sys.modules, "loadgen.clients.genuine_urllib3", raising=False)
    with pytest.raises(Missing, match="urllib3-future"):
        clients.load(ClientId(name))
