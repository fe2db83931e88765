"""``loadgen compare``: what changed beyond the noise."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from loadgen.cli.common import FILE, Renamed, fail, lang_option, make_console
from loadgen.exit_code import ExitCode


@click.command()
@click.argument("base", type=FILE)
@click.argument("head", required=False, type=FILE)
@click.option(
    "--client", "labels", metavar="NAME", multiple=True,
    help="Client to compare, twice, within one run: the second with the first.",
)  # fmt: skip
@click.option(
    "--tolerance", type=click.FloatRange(min=0, min_open=True), default=25.0, metavar="PERCENT",
    help="Regression tolerance: the worsening that the runs must be able to detect.",
)  # fmt: skip
@click.option(
    "--force", "--anyway", cls=Renamed, is_flag=True, help="Compare runs that were measured differently."
)
@click.option("--markdown", metavar="FILE|-", help="Write a verdict and a table for a pull request.")
@click.option("--html", "page", type=FILE, metavar="FILE", help="Write an HTML page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def command(
    base: Path, head: Path | None, labels: tuple[str, ...], tolerance: float,
    force: bool, markdown: str | None, page: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Compare two runs, or two clients of one run. Did it get worse, beyond the noise?

    \b
    loadgen compare BASE HEAD
    loadgen compare RUN --client requests --client aiohttp

    \b
    Exit codes: 0 nothing worse beyond the noise     1 worse
                2 bad arguments, or not comparable   3 a run holds nothing valid
                4 cannot tell; the number of repeats that could is printed
    """
    if (head is None) != (len(labels) == 2):
        message = "compare two runs, BASE and HEAD, or two clients of one run, --client A --client B"
        raise click.UsageError(message)
    if as_json and markdown == "-":
        message = "--json and --markdown - both write to the standard output; use --markdown FILE"
        raise click.UsageError(message)
    from loadgen import analysis, store
    from loadgen.analysis import compare as comparing
    from loadgen.analysis import delivery_lag
    from loadgen.analysis.differences import differences, schedules_agree
    from loadgen.analysis.goodput import judged_by
    from loadgen.model import Slo, Validity
    from loadgen.report.comparison import ComparisonView, json, sentences
    from loadgen.report.comparison.document import document
    from loadgen.report.renderers import html, terminal
    from loadgen.report.renderers import markdown as as_markdown
    from loadgen.report.sections.answer import left_out
    from loadgen.report.write import put

    runs = [store.load(folder) for folder in (base, head) if folder is not None]
    for run in runs:
        if run.left_out:
            click.echo(f"loadgen: {run.folder}: {left_out(run)}", err=True)
    slo = next((of for run in reversed(runs) if (of := run.info.scenario.workload.slo).is_set), Slo())
    summaries = [analysis.summarise(judged_by(run, slo)) for run in runs]
    for folder, found in zip((base, head), summaries, strict=False):
        if all(summary.validity is Validity.INVALID for summary in found):
            message = f"{folder}: no valid measurement; loadgen report {folder} shows the reasons"
            fail(message, ExitCode.NOT_MEASURED)
    if head is not None:
        differ = differences(runs[0], runs[1])
        blocking = [f"  {sentences.difference(each)}" for each in differ if each.blocking]
        if blocking and not force:
            listed = "\n".join(blocking)
            fail(f"not comparable (compare them with --force):\n{listed}", ExitCode.BAD)
        compared = comparing.runs(*summaries, paired=schedules_agree(*runs), tolerance=tolerance / 100)
        sides, names = summaries, [str(base), str(head)]
    else:
        known = {summary.client.label: summary.client for summary in summaries[0]}
        if missing := [label for label in labels if label not in known]:
            fail(f"{base}: no client {missing[0]!r} in it; there are: {', '.join(known)}", ExitCode.BAD)
        if labels[0] == labels[1]:
            raise click.UsageError("--client names two different clients")
        differ = []
        pair = [known[label] for label in labels]
        compared = comparing.clients(summaries[0], *pair, tolerance=tolerance / 100)
        sides = [[each for each in summaries[0] if each.client == client] for client in pair]
        names = list(labels)
    if compared.verdict == "worse":
        compared = comparing.with_delays(compared, delivery_lag.findings(runs[-1], summaries[-1]))
    view = ComparisonView(compared, names[0], names[1], sides[0], sides[1], differ, of_clients=head is None)
    if page is not None:
        put(page, html.report(document(view, "html")))
    if markdown is not None and markdown != "-":
        put(Path(markdown), as_markdown.report(document(view, "markdown")))
    if as_json:
        click.echo(json.render(view), nl=False)
    elif markdown == "-":
        click.echo(as_markdown.report(document(view, "markdown")), nl=False)
    else:
        make_console().print(terminal.report(document(view, "terminal")))
    sys.exit(comparing.exit_code(compared))
