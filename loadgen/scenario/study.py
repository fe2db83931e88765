"""``study``: claims to test, such as ``httpx-aiohttp@100.cpu_us_per_token < 0.8 x httpx-async``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from loadgen.model import ClientId, Level, StudyClaim
from loadgen.scenario.problems import choose
from loadgen.scenario.thresholds import level_of, metric_problems, names
from loadgen.scenario.values import Found, check, shown, text, wrong

_TEST: Final = re.compile(
    r"(?P<client>.+?)(?:@(?P<level>[0-9]{1,9}|[0-9.]{1,20}/[smh]))?\.(?P<metric>[A-Za-z0-9_]+)\s*"
    r"(?P<direction><|>|\bwithin\b)\s*(?P<line>[0-9]{1,15}(?:\.[0-9]{1,15})?)(?:\s*[x×]\s+(?P<baseline>.+))?"
)
_DIRECTIONS: Final[dict[str, Literal["above", "below", "within"]]] = {
    "<": "below",
    ">": "above",
    "within": "within",
}
FORM: Final = "client[@level].metric < 0.8 x client, with <, > or within; or without x client, a value"


class Test(NamedTuple):
    """A test as it is written, and its parts."""

    text: str
    client: str
    metric: str
    direction: Literal["above", "below", "within"]
    line: float
    baseline: str | None
    level: Level | None

    def of(self, claim: str, source: str) -> StudyClaim:
        """Return the claim that is tested so."""
        return StudyClaim(
            claim=claim,
            source=source,
            test=self.text,
            client=self.client,
            metric=self.metric,
            direction=self.direction,
            line=self.line,
            baseline=self.baseline,
            level=self.level,
        )


def parsed(value: Any) -> Test:
    """Return the parsed test."""
    match = _TEST.fullmatch(text(value).strip())
    if match is None:
        raise wrong(f"{shown(value)} is not a test", FORM)
    check(value, _problems(match))
    return Test(
        text=match[0],
        client=match["client"],
        metric=match["metric"],
        direction=_DIRECTIONS[match["direction"]],
        line=float(match["line"]),
        baseline=match["baseline"],
        level=level_of(match["level"]) if match["level"] else None,
    )


def _problems(match: re.Match[str]) -> Found:
    if match["metric"] == "errors":
        yield (), "errors counts streams", "errors_share, a share"
    else:
        yield from metric_problems(match["metric"])
    if match["direction"] == "within" and (match["baseline"] is None or float(match["line"]) <= 1):
        yield (), "within is about a ratio", "within 1.1 x client: at most 1.1 times, and at least 1 / 1.1"


def client_problems(tests: Iterable[Test], clients: Iterable[ClientId], in_file: set[str]) -> Found:
    """Yield the tests that name a client which is not measured; a test names it with its options."""
    labels = sorted(client.label for client in clients)
    for at, each in enumerate(tests):
        for name in (each.client, each.baseline):
            if name is not None and name not in {*labels, *in_file}:
                yield (at, "test"), f"{name} is not among the clients of this scenario", choose(name, labels)


def measured(claims: Iterable[StudyClaim], clients: Iterable[ClientId]) -> tuple[StudyClaim, ...]:
    """Return the claims whose clients are measured."""
    known = {None, *names(clients)}
    return tuple(each for each in claims if {each.client, each.baseline} <= known)
