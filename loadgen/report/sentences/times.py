"""Where the time of streams went, in English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadgen.model import Part, TimeFinding
from loadgen.report.columns import where
from loadgen.report.language import _, plural
from loadgen.report.sentences import Sentences
from loadgen.report.text import joined, number

PARTS: Mapping[Part, str] = {
    Part.DNS: "name lookup",
    Part.CONNECT: "connect",
    Part.TLS: "TLS handshake",
    Part.SEND: "client: to send",
    Part.UNRECEIVED: "before the server had the request",
    Part.LOAD: "load",
    Part.QUEUE: "queue",
    Part.PROMPT: "prompt",
    Part.FIRST_DECODE: "first decode",
    Part.UNSPLIT: "not divided",
    Part.RECEIVE: "client: to receive",
    Part.DECODE: "decode",
    Part.REST: "after the last token",
}
SHORT: Mapping[Part, str] = {  # heads of columns
    **PARTS,
    Part.SEND: "to send",
    Part.UNRECEIVED: "on its way",
    Part.RECEIVE: "to receive",
    Part.REST: "to the end",
}
LATER = (Part.DECODE, Part.REST)


def ttft(parts: Mapping[Part, float]) -> Mapping[Part, float]:
    """Return the parts of the TTFT."""
    return {part: ms for part, ms in parts.items() if part not in LATER}


def sentences(finding: TimeFinding) -> Sentences:
    """Return of what the mean TTFT consists, and which streams it is not known of."""
    parts = ttft(finding.mean)
    text = _("{where}: TTFT {ttft} ms = {parts}").format(
        where=where(finding.client, finding.level),
        ttft=number(sum(parts.values())),
        parts=" + ".join(f"{number(ms)} {_(PARTS[part])}" for part, ms in parts.items()),
    )
    return Sentences(text, tuple(contradictions([finding])))


def contradictions(found: Sequence[TimeFinding]) -> list[str]:
    """Return how many streams have durations that cannot be; nothing without such streams."""
    places = [of for of in found if of.contradicted]
    if not places:
        return []
    streams = plural(sum(of.contradicted for of in places), "{n} stream", "{n} streams")
    return [
        _(
            "The durations that the server reports of {streams} ({places}) exceed the time that the client waited; "
            "the TTFT of these is not divided."
        ).format(streams=streams, places=joined(where(of.client, of.level) for of in places))
    ]
