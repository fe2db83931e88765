"""Make what the pages quote from the sample run, the commands and the metrics: ``python docs/make.py``.

It stands between ``<!-- made by docs/make.py: NAME -->`` and ``<!-- end -->``. The charts need Chromium; they are drawn
again where the run has changed, or with ``--charts``. ``--load`` runs scenarios/arrivals.yaml, three minutes on a quiet
machine, and draws the picture of docs/load.md.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from shutil import which
from typing import Literal, get_args
from unittest.mock import patch

import click
from click.testing import CliRunner

import loadgen
from loadgen import Run, clients, protocols
from loadgen.analysis.metrics import METRICS, Metric, column, metrics
from loadgen.cli import cli
from loadgen.model import ClientId
from loadgen.model.clients import HttpVersion
from loadgen.report.blocks import Charts, Document, Part, Table, cells
from loadgen.report.charts import scaling
from loadgen.report.client_style import Styles
from loadgen.report.columns import title_of
from loadgen.report.language import LANGUAGES, language
from loadgen.report.renderers import html, markdown
from loadgen.report.sections.answer import Answer
from loadgen.report.sections.figures import Figures
from loadgen.report.view import View
from loadgen.scenario.resolve import refusals

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = "reports/sample"
PICTURES = "docs/images"
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
DRAWN = ("ttft_p50_ms", "rss_per_stream_kib", "threads_peak", "cpu_us_per_token")  # the README's charts
LOAD = ("TTFT from the schedule p50", "Completed")  # the charts of docs/load.md
BLOCK = re.compile(r"(<!-- made by docs/make\.py: (.+?) -->\n\n)(.*?)(\n<!-- end -->)", re.DOTALL)
OTHER_COLUMNS = (
    ("client", "The client with its options; `(A/A)` is the A/A control, the same client measured again."),
    ("mode", "`threads`, `tasks` or `greenlets`: how its streams run."),
    ("concurrency", "Target concurrency: streams at once."),
    ("rate", "Arrivals per second of an open load; then `concurrency` is empty."),
    ("repeats", "Included repeats; an invalid repeat is excluded if others are not."),
    ("validity", "`valid`, `suspect` (disturbed, or a low sample size) or `invalid`."),
    ("reasons", "Why it is not valid, the most serious reason first."),
    ("limited_by", "Whose limit was reached: `client`, `server`, `simulator` or `machine`; empty: nobody's."),
    ("low_sample", "Columns whose percentile has a low sample size."),
    ("outcomes", "Number of streams for each outcome."),
)


@cache
def view() -> View:
    """Return the sample run at its highest level, without the A/A control."""
    full = Run.load(ROOT / SAMPLE).view
    [*_, highest] = full.levels.values()
    return View(full.run, [s for s in highest if not s.client.control], full.findings)


def answer(lang: str) -> str:
    """Return the run's answer in its sentences."""
    with language(lang):
        texts = [markdown.render(block) for block in Answer().blocks(view(), "summary")]
    return "\n".join(f"> {text}\n>" for text in texts).removesuffix("\n>") + "\n"


def rows(lang: str) -> str:
    """Return the main figures, a row for each client, each on one line."""
    with language(lang):
        [table] = Figures().blocks(view(), "markdown")
        clients = [
            [replace(cell, note="") for cell in cells(row)] for of in table.groups.values() for row in of
        ]
        rendered = markdown.render(Table(table.columns, {"": clients}))
    return (
        re.sub(
            r"^\| \w+(?:-\w+)+", lambda name: name[0].replace("-", "&#8209;"), rendered, flags=re.MULTILINE
        )
        + "\n"
    )


def terminal(lang: str) -> str:
    """Return what ``loadgen report`` prints; it writes nothing."""
    with chdir(ROOT), patch("loadgen.report.write.write", lambda view, **_: view.run.folder / "report.html"):
        words = ["report", SAMPLE, *(["--lang", lang] if lang != "en" else [])]
        ran = CliRunner(env={"COLUMNS": None, "LANG": None, "LC_ALL": None}).invoke(cli, words)
    return f"```text\n$ loadgen {' '.join(words)}\n{ran.stdout}```\n"


def charts() -> Charts:
    """Return the charts of the README."""
    shown = view().summaries, view().styles
    drawn = [*scaling.latencies(*shown), *scaling.costs(*shown)]
    titles = [title_of(column(name).metric) for name in DRAWN]
    return Charts([next(chart for chart in drawn if chart.title.startswith(title)) for title in titles])


def picture(lang: str) -> str:
    """Return the charts as a picture for light and dark; its text says what they show."""
    with language(lang):
        words = " ".join(chart.alternative for chart in charts().charts)
    dark, light = (f"{PICTURES}/clients-{scheme}-{lang}.png" for scheme in SCHEMES)
    return (
        f'<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="{dark}">\n'
        f'  <img src="{light}" alt="{words}">\n</picture>\n'
    )


def draw(shown: Charts, styles: Styles, name: str, lang: str) -> None:
    """Draw charts with Chromium, as the report shows them."""
    from playwright.sync_api import sync_playwright

    with language(lang):
        page = html.report(Document("", "", [Part("charts", "", [shown])], styles=styles))
    with (
        tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file,
        sync_playwright() as started,
    ):
        file.write(page)
        file.flush()
        chromium = started.chromium.launch(executable_path=which("chromium"))
        for scheme in SCHEMES:
            tab = chromium.new_page(
                viewport={"width": 1000, "height": 800},
                device_scale_factor=2,
                color_scheme=scheme,
                bypass_csp=True,
            )
            tab.goto(f"file://{file.name}")
            tab.wait_for_selector("html[data-charts=ready]")
            tab.add_style_tag(content="body { background: none; }")
            path = ROOT / PICTURES / f"{name}-{scheme}-{lang}.png"
            tab.locator(".charts").screenshot(path=path, omit_background=True)
        chromium.close()


def draw_load() -> None:
    """Run the scenario of docs/load.md, and draw its picture."""
    with tempfile.TemporaryDirectory() as folder:
        full = loadgen.run(ROOT / "scenarios/arrivals.yaml", out=Path(folder) / "run").view
        drawn = {chart.title: chart for chart in scaling.latencies(full.summaries, full.styles)}
        draw(
            Charts([chart for title, chart in drawn.items() if title.startswith(LOAD)]),
            full.styles,
            "load",
            "en",
        )


def commands() -> str:
    """Return the help of every command."""
    with click.Context(cli) as context:
        names = cli.list_commands(context)
    shown = [
        (
            f"loadgen {name}",
            CliRunner().invoke(cli, [name, "--help"], prog_name="loadgen", terminal_width=80),
        )
        for name in names
    ]
    return "\n".join(f"## {title}\n\n```text\n{ran.stdout}```\n" for title, ran in shown)


def metric_table() -> str:
    """Return the rows for every metric, then for the columns that are none."""
    lines = ["| columns | unit | better | description |", "|---|---|---|---|"]
    lines += [
        f"| {_columns(metric)} | {metric.unit} | {metric.better or ''} | {metric.description} |"
        for metric in metrics()[: len(METRICS)]
    ]
    lines += ["", "These columns are not metrics:", "", "| column | description |", "|---|---|"]
    lines += [f"| `{name}` | {description} |" for name, description in OTHER_COLUMNS]
    return "\n".join(lines) + "\n"


def client_protocols() -> str:
    """Return the versions of HTTP in which each client is measured in each protocol, and why it has no others."""
    names, versions = list(protocols.BUILTIN), get_args(HttpVersion)
    lines = [f"| client | {' | '.join(f'`{name}`' for name in names)} | refused because |"]
    lines += ["|---" * (len(names) + 2) + "|"]
    for client in clients.BUILTIN:
        measured, why = [], dict[str, None]()
        for name in names:
            found = [
                (
                    http,
                    connections,
                    [wrong for wrong, _ in refusals(ClientId(client), name, http, connections)],
                )
                for http in versions
                for connections in clients.info(client).connections
            ]
            measured.append(
                ", ".join(dict.fromkeys(http for http, _, reasons in found if not reasons)) or "–"
            )
            others = [reason.replace(f" {name}", " others") for *_, reasons in found for reason in reasons]
            why.update(dict.fromkeys([*others, *_kept(client, name)]))
        said = "; ".join(each.removeprefix(f"{client} ") for each in why)
        alone = " *" if clients.info(client).alone else ""
        lines.append(f"| `{client}`{alone} | {' | '.join(measured)} | {said} |")
    return "\n".join(lines) + "\n"


def _kept(client: str, protocol: str) -> list[str]:
    """Return why the client keeps no connection, if it does not."""
    held = [*refusals(ClientId(client), protocol, "1.1", clients.info(client).connections[0])]
    return [wrong for wrong, _ in refusals(ClientId(client), protocol, "1.1", "reuse")] if not held else []


def _columns(metric: Metric) -> str:
    return " ".join(f"`{metric.column(rank)}`" for rank in metric.ranks)


MAKERS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "metrics": metric_table,
    "client protocols": client_protocols,
    **{
        f"{name} {lang}": partial(make, lang)
        for name, make in {"answer": answer, "charts": picture, "rows": rows, "terminal": terminal}.items()
        for lang in LANGUAGES
    },
}


def pages() -> list[Path]:
    """Return the pages in which something is made."""
    return [
        page
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
        if BLOCK.search(page.read_text("utf-8"))
    ]


def made(page: Path) -> str:
    """Return the page as it should be."""
    return BLOCK.sub(lambda found: found[1] + MAKERS[found[2]]() + found[4], page.read_text(encoding="utf-8"))


def main() -> None:
    if "--load" in sys.argv:
        draw_load()
    before = "".join(page.read_text(encoding="utf-8") for page in pages())
    for lang in LANGUAGES:
        if "--charts" in sys.argv or picture(lang) not in before:
            with language(lang):
                shown = charts()
            draw(shown, view().styles, "clients", lang)
    for page in pages():
        page.write_text(made(page), encoding="utf-8")


if __name__ == "__main__":
    main()
