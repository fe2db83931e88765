"""The server's own metrics in words: how they fit what the clients saw, and where there were none."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.model import UnwatchedFinding, WatchedFinding
from loadgen.report.columns import where
from loadgen.report.language import _, plural
from loadgen.report.sentences import Sentences
from loadgen.report.text import flowing, number, percent, plain

REASONS = {
    "power_cap": "power cap", "hardware": "hardware slowdown", "temperature": "temperature",
    "power_brake": "power brake",
}  # fmt: skip


def notable(finding: WatchedFinding) -> bool:
    """Return whether it belongs to the notes on data quality."""
    return finding.verdict in ("others", "elsewhere") or bool(finding.throttled)


def sentences(finding: WatchedFinding) -> Sentences:
    """Return whether the server's requests were the streams in flight, and what slowed its GPUs."""
    place = where(finding.client.label if finding.client else "", finding.level)
    statement = flowing(_statements(finding))
    return Sentences(_("{where}: {reason}").format(where=place, reason=statement), tuple(_details(finding)))


def _statements(finding: WatchedFinding) -> Iterator[str]:
    texts = {
        "agrees": _(
            "The server's own count agrees with the client's: {theirs} requests running or waiting, {ours} streams in "
            "flight."
        ),
        "others": _(
            "The server had {theirs} requests running or waiting, more than the {ours} streams in flight: others used "
            "it too."
        ),
        "elsewhere": _(
            "The server had {theirs} requests running or waiting, fewer than the {ours} streams in flight: the others "
            "were on their way, or waited before the server counts them."
        ),
    }
    if finding.verdict:
        theirs = (finding.running or 0.0) + (finding.waiting or 0.0)
        yield texts[finding.verdict].format(theirs=number(theirs), ours=number(finding.in_flight))
    for reason, share in finding.throttled.items():
        text = _("A GPU was throttled in {share} of the readings: {reason}.")
        yield text.format(share=percent(share), reason=_(REASONS.get(reason, reason)))


def _details(finding: WatchedFinding) -> Iterator[str]:
    if finding.readings:
        yield plural(
            finding.readings, "{n} reading in the measured time", "{n} readings in the measured time"
        )


def unseen(finding: UnwatchedFinding) -> Sentences:
    """Return which source gave nothing, and why."""
    name, why = plain(finding.url or finding.source, 120), plain(finding.why, 200)
    if finding.verdict == "nothing":
        text = _("{name} gave nothing: {why}. The run went on without it.")
    elif finding.failed:
        text = _("{name} gave nothing in {failed} of {readings} readings, the first time: {why}.")
    else:
        text = _("{name} has more than is kept: {left_out} values were left out.")
    shown = text.format(
        name=name, why=why, failed=finding.failed, readings=finding.readings, left_out=f"{finding.left_out:,}"
    )
    return Sentences(shown)
