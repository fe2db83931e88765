"""Runs for the report's tests: a concurrency sweep, one concurrency, one where nothing succeeded, and a hostile one."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from rich.console import Console

from loadgen import analysis
from loadgen.findings import findings as found
from loadgen.model import ClientId, Finding, Prompt, Run, ServerInfo, Summary
from loadgen.report.blocks import Document, Form, Part
from loadgen.report.document import document
from loadgen.report.renderers import html, terminal
from loadgen.report.sections import Section
from loadgen.report.view import View
from tests import synthetic

HOSTILE = (
    "</script><script>document.title='owned'</script>{{7*7}}{% raw %}<!--"
    "\x1b[31mred\u202egnirts\x00\x07$$x^2$$@{told}"
)
FORMULA = '=HYPERLINK("http://127.0.0.1/","x")'
CLIENTS = (("requests", "threads"), ("httpx-sync", "threads"), ("httpx-async", "tasks"), ("aiohttp", "tasks"))


def run_of(
    folder: Path | str,
    levels: tuple[int, ...] = (1, 20),
    repeats: int = 1,
    name: str = "sweep",
    lag_ratio: float = 10.0,
) -> Run:
    """Return a run of four clients; the delivery lag of each is ``lag_ratio`` times that of the one before."""
    recordings = []
    for repeat in range(repeats):
        for concurrency in levels:
            for place, (client, mode) in enumerate(CLIENTS):
                recordings.append(
                    synthetic.recording(
                        client=client,
                        mode=mode,
                        concurrency=concurrency,
                        repeat=repeat,
                        index=len(recordings),
                        streams=max(12, 2 * concurrency),
                        tokens=20,
                        jitter=0.4,
                        ramp_ms=500,
                        lag_us=100.0 * lag_ratio**place,
                        lag_jitter=0.5,
                        rss_per_stream_kib=20.0 * (place + 1),
                    )
                )
    return synthetic.run(folder, recordings, name=name)


def repeated_run(folder: Path | str) -> Run:
    """Three valid rounds with a client measured twice, at one stream and at many, asked for the article's answer."""
    made = run_of(folder, (1, 100), repeats=3, lag_ratio=4.0)
    controls = [
        replace(cell, client=replace(cell.client, control=True), index=len(made.recordings) + cell.index)
        for cell in made.recordings
        if cell.client.name == "requests"
    ]
    both = synthetic.run(folder, [*made.recordings, *controls], name="repeated")
    scenario = replace(made.info.scenario, answers="article")
    return replace(both, info=replace(both.info, scenario=scenario))


def shared_run(folder: Path | str) -> Run:
    """As :func:`run_of`, by two workers, of which the second was lost in the last cell."""
    parts = [part for cell in run_of(folder).recordings for part in synthetic.split(cell)]
    parts[-1] = replace(parts[-1], ended="it was not heard of for 5 s")
    return synthetic.run(folder, parts, name="shared")


def failed_run(folder: Path | str) -> Run:
    cell = synthetic.recording(
        client="aiohttp", concurrency=2, streams=4, outcomes={"refused": 4}, server_late_p99_ms=None,
        base_rss_kib=None, cpu_us_per_token=None, voluntary_per_token=None, involuntary_per_token=None,
    )  # fmt: skip
    return synthetic.run(folder, [cell], name="nothing")


def hostile_run(folder: Path | str) -> Run:
    """Every text that a server, a file or an argument could have written is ``HOSTILE``."""
    cell = synthetic.recording(
        client="aiohttp", concurrency=3, streams=12, outcomes={"server_error": 2, "failed": 1}, ended=HOSTILE
    )
    errors = np.where(cell.streams.outcome == "ok", "", HOSTILE)
    errors[-1] = FORMULA
    made = synthetic.run(folder, [cell])
    client = ClientId("aiohttp", {"note": HOSTILE})
    made = replace(
        made, recordings=(replace(cell, client=client, streams=replace(cell.streams, error=errors)),)
    )
    workload = replace(
        made.info.scenario.workload, prompts=(Prompt(HOSTILE),), model=HOSTILE, options={HOSTILE: HOSTILE}
    )
    scenario = replace(made.info.scenario, name=HOSTILE, workload=workload)
    machine = replace(made.info.machine, processor=HOSTILE)
    versions = {HOSTILE: HOSTILE}
    server = ServerInfo(
        name=HOSTILE, version=HOSTILE, model=HOSTILE, family=HOSTILE, quantization=HOSTILE, digest=HOSTILE
    )
    info = replace(
        made.info, server=server, scenario=scenario, started=HOSTILE, machine=machine, versions=versions
    )
    return replace(made, info=info)


def analysed(run: Run) -> tuple[list[Summary], list[Finding]]:
    summaries = analysis.summarise(run)
    return summaries, found(run, summaries)


def view(run: Run) -> View:
    return View(run, *analysed(run))


def page(run: Run) -> str:
    return html.report(document(view(run), "html"))


@cache
def page_of(name: str) -> str:
    """Return the page of one of :data:`RUNS`, made once for all tests."""
    return page(RUNS[name]())


def html_of(of: View, section: Section) -> str:
    """Return the markup of one section."""
    return html.report(only(of, section, "html"))


def only(of: View, section: Section, form: Form) -> Document:
    """Return the document of one section."""
    part = Part(section.id, "", list(section.blocks(of, form)))
    return Document("", "", [part], styles=of.styles)


RUNS: Mapping[str, Callable[[], Run]] = {
    "sweep": lambda: run_of("/nowhere"),
    "one": lambda: run_of("/nowhere", (5,)),
    "failed": lambda: failed_run("/nowhere"),
    "repeated": lambda: repeated_run("/nowhere"),
    "hostile": lambda: hostile_run("/nowhere"),
    "shared": lambda: shared_run("/nowhere"),
}


def shown(of, width=100, encoding="utf-8", colour=False):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    Console(
        file=file, width=width, force_terminal=colour, color_system="truecolor" if colour else None
    ).print(terminal.report(document(of, "terminal") if isinstance(of, View) else of))
    file.flush()
    return raw.getvalue().decode(encoding)


def section(of, section, width=100):
    """Return what one section prints."""
    return shown(only(of, section, "terminal"), width)
