"""What explains the differences in the article's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from loadgen.model import ArticleDifference, ArticleFinding, ArticleMetric, Estimate, SourceKind
from loadgen.report.sentences import Sentences
from loadgen.report.text import number

ARTICLE = '"Exploring streaming HTTP responses …" (2025)'
FIRST = f"The article is {ARTICLE}; ratios of times, there and here:"
METRICS: Mapping[ArticleMetric, str] = {"ttft": "time to first chunk", "total": "total time"}
SOURCES = {
    SourceKind.CLIENT: "the client",
    SourceKind.COLD_MODEL: "a cold model",
    SourceKind.ORDER: "order",
    SourceKind.ANSWER_LENGTH: "a longer answer",
    SourceKind.NOISE: "noise",
    SourceKind.UNEXPLAINED: "unexplained",
}
REASONS = {
    SourceKind.COLD_MODEL: "a stream that waits for the model to load is as much later",
    SourceKind.ORDER: "a run's place in the order makes a difference as large",
    SourceKind.ANSWER_LENGTH: "the lengths of the answers, as the server counts them, make a difference as large",
    SourceKind.NOISE: "two runs of one client differ by as much",
}
MAX_RUNS = 10_000


def sentences(finding: ArticleFinding) -> Sentences:
    """Return how many of the article's differences each source explains, and what this run shows about the sources."""
    if finding.missing:
        who = ", ".join(map(str, finding.missing))
        return Sentences(
            "This run cannot explain the differences in the article's table",
            (f"Undecided: {who} not measured at one stream in two repeats or more",),
        )
    counts = Counter(SOURCES[difference.source] for difference in finding.differences)
    sources = ", ".join(f"{source}: {times}" for source, times in counts.items())
    details = [_model(finding), *(_order(*order) for order in finding.orders.items())]
    if finding.tokens:
        shortest, longest = finding.tokens
        details.append(f"Answers: {shortest:,}{f' to {longest:,}' if longest != shortest else ''} tokens")
    if finding.simulated:
        details.append("Simulated: load times and lengths of answers are the scenario's, not a model's")
    return Sentences(
        f"What explains the {len(finding.differences)} differences in the article's table: {sources}",
        tuple(details),
    )


def reason(difference: ArticleDifference) -> str:
    """Return why a difference is explained by its source."""
    own = _own(difference)
    if difference.source is SourceKind.CLIENT or difference.own == "not_measured":
        return own
    if difference.source is SourceKind.UNEXPLAINED:
        return f"no source makes more than {number(difference.largest)} times here; {own}"
    return f"{REASONS[difference.source]}; {own}"


def runs(difference: ArticleDifference) -> str:
    """Return how many runs a difference of the article's size, and of this run's, takes."""
    return (
        f"A difference of the article's size takes {_runs(difference.runs_article)} runs of each client to "
        f"detect; one of this run's size takes {_runs(difference.runs_ours)}"
    )


def _own(difference: ArticleDifference) -> str:
    return {
        "reaches": "the client is slower here too, the server's own time apart, and the interval reaches as far",
        "smaller": f"the client's part is {number(difference.own_ratio)} times here: beyond the noise, but smaller",
        "opposite": f"{difference.client} itself takes less time than {difference.baseline} here",
        "noise": "the two clients do not differ here beyond the noise",
        "one_round": "one repeat gives no estimate of the noise",
        "not_measured": "no repeat has both clients with the model loaded",
    }[difference.own]


def _model(finding: ArticleFinding) -> str:
    if not finding.cold:
        return "Model: no stream waited for it to load"
    waited = f"{finding.cold} of {finding.streams} streams waited for it to load"
    return f"Model: {waited}, the longest {number(finding.load_s)} s; they are excluded from the rest"


def _order(metric: ArticleMetric, change: Estimate | None) -> str:
    if change is None or change.value is None or change.low is None or change.high is None:
        return f"Order: its effect on the {METRICS[metric]} is unknown"
    nothing = ", no evidence of an effect" if change.low <= 0 <= change.high else ""
    bounds = f"{change.low:+.1%} to {change.high:+.1%}"
    return f"Order: the {METRICS[metric]} changes by {change.value:+.1%} per place in a round ({bounds}){nothing}"


def _runs(runs: int | None) -> str:
    if runs is None:
        return "–"
    return f"{runs:,}" if runs <= MAX_RUNS else f"over {MAX_RUNS:,}"
