"""What explains the differences in the article's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from loadgen.model import ArticleDifference, ArticleFinding, ArticleMetric, Estimate, SourceKind
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.text import clauses, flowing, joined, number

ARTICLE = '"Exploring streaming HTTP responses …" (2025)'
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
    SourceKind.ANSWER_LENGTH: "the lengths of answers that are not capped make a difference as large",
    SourceKind.NOISE: "two runs of one client differ by as much",
}
MAX_RUNS = 10_000


def sentences(finding: ArticleFinding) -> Sentences:
    """Return how many of the article's differences each source explains, and what this run shows about the sources."""
    if finding.missing:
        who = joined(map(str, finding.missing))
        text = _("Undecided: {clients} not measured at one stream in two repeats or more")
        return Sentences(
            _("This run cannot explain the differences in the article's table"), (text.format(clients=who),)
        )
    counts = Counter(_(SOURCES[difference.source]) for difference in finding.differences)
    count = _("{source}: {n}")
    sources = joined(count.format(source=source, n=times) for source, times in counts.items())
    details = [_model(finding), *(_order(*order) for order in finding.orders.items())]
    if finding.tokens:
        shortest, longest = finding.tokens
        lengths = f"{shortest:,}"
        if longest != shortest:
            lengths = _("{low} to {high}").format(low=lengths, high=f"{longest:,}")
        details.append(_("Answers: {lengths} tokens").format(lengths=lengths))
    if finding.cap:
        text = _(
            "Answers: at most {n} tokens here, the article's without a cap; one prompt then gave 85 to 1,488"
        )
        details.append(text.format(n=finding.cap))
    if finding.simulated:
        text = _("Simulated: load times and lengths of answers are the scenario's, not a model's")
        details.append(text)
    statement = _("What explains the {n} differences in the article's table: {sources}")
    return Sentences(statement.format(n=len(finding.differences), sources=sources), tuple(details))


def first(finding: ArticleFinding) -> str:
    """Return what the finding says, where the article is, and what the rows below are."""
    text = _("{statement}. The article is {article}; ratios of times, there and here:")
    return text.format(statement=sentences(finding).statement, article=ARTICLE)


def reason(difference: ArticleDifference) -> str:
    """Return why a difference is explained by its source."""
    own = _own(difference)
    if difference.source is SourceKind.CLIENT or difference.own == "not_measured":
        return own
    if difference.source is SourceKind.UNEXPLAINED:
        text = _("no source makes more than {ratio} times here; {own}")
        return text.format(ratio=number(difference.largest), own=own)
    return _("{reason}; {own}").format(reason=_(REASONS[difference.source]), own=own)


def runs(difference: ArticleDifference) -> str:
    """Return how many runs a difference of the article's size, and of this run's, takes."""
    return _(
        "A difference of the article's size takes {article} runs of each client to detect; one of this run's size "
        "takes {ours}"
    ).format(article=_runs(difference.runs_article), ours=_runs(difference.runs_ours))


def key(finding: ArticleFinding) -> str:
    """Return what the marks are, and how many times two single runs differ by each source."""
    marks = _("◇ the article, ● this run; the line is ×1, no difference.")
    if not finding.sources:
        return marks
    ratios = clauses(
        f"{joined([_(METRICS[one.metric]), _(SOURCES[one.source])])} ×{number(one.ratio)}"
        for one in finding.sources
    )
    text = _("What makes two single runs differ here, by up to how many times: {sources}.")
    return flowing([marks, text.format(sources=ratios)])


def _own(difference: ArticleDifference) -> str:
    text = {
        "reaches": _(
            "the client is slower here too, the server's own time apart, and the interval reaches as far"
        ),
        "smaller": _("the client's part is {ratio} times here: beyond the noise, but smaller"),
        "opposite": _("{client} itself takes less time than {baseline} here"),
        "noise": _("the two clients do not differ here beyond the noise"),
        "one_round": _("one repeat gives no estimate of the noise"),
        "not_measured": _("no repeat has both clients with the model loaded"),
    }[difference.own]
    return text.format(
        ratio=number(difference.own_ratio), client=difference.client, baseline=difference.baseline
    )


def _model(finding: ArticleFinding) -> str:
    if finding.cold:
        text = _(
            "Model: {cold} of {streams} streams waited for it to load, the longest {seconds} s; they are excluded from "
            "the rest"
        )
    elif finding.load_s:
        text = _("Model: no stream waited for it to load; the warm-up did, {seconds} s")
    else:
        text = _("Model: no stream waited for it to load")
    made = text.format(cold=finding.cold, streams=finding.streams, seconds=number(finding.load_s))
    if finding.load_article_s is None:
        return made
    more = _("the article's model has more parameters, its load would take up to {seconds} s")
    return clauses([made, more.format(seconds=number(finding.load_article_s))])


def _order(metric: ArticleMetric, change: Estimate | None) -> str:
    if change is None or change.value is None or change.low is None or change.high is None:
        return _("Order: its effect on the {metric} is unknown").format(metric=_(METRICS[metric]))
    text = (
        _("Order: the {metric} changes by {change} per place in a round ({bounds}), no evidence of an effect")
        if change.low <= 0 <= change.high
        else _("Order: the {metric} changes by {change} per place in a round ({bounds})")
    )
    bounds = _("{low} to {high}").format(low=f"{change.low:+.1%}", high=f"{change.high:+.1%}")
    return text.format(metric=_(METRICS[metric]), change=f"{change.value:+.1%}", bounds=bounds)


def _runs(runs: int | None) -> str:
    if runs is None:
        return "–"
    return f"{runs:,}" if runs <= MAX_RUNS else _("over {n}").format(n=f"{MAX_RUNS:,}")
