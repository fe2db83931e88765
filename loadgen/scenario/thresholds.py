"""``thresholds``: ``[client[@level].]metric op value[%]``, with a level such as ``100`` (streams) or ``20/s``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any, Final, Literal, NamedTuple, cast

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from loadgen.model import ClientId, Level, Scenario, Threshold
from loadgen.scenario import variants
from loadgen.scenario.environment import Filled
from loadgen.scenario.problems import Problem, ScenarioError, choose, nearest
from loadgen.scenario.values import Found, check, problems_of, rate, shown, text, wrong

_THRESHOLD: Final = re.compile(
    r"(?:(?P<client>.+?)(?:@(?P<level>[0-9]{1,9}|[0-9.]{1,20}/[smh]))?\.)?(?P<metric>[A-Za-z0-9_]+)\s*"
    r"(?P<op><=|>=|<|>)\s*(?P<value>[-+]?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(?P<percent>%?)"
)


class InFile(NamedTuple):
    """The clients and levels of the file, which thresholds may name even if the command line leaves them out."""

    folder: FilePath
    version: variants.Version
    clients: set[str]
    levels: set[Level]


def metrics() -> dict[str, str]:
    """Return the columns of ``summary.csv`` that a threshold may name, with their units.

    ``errors`` counts streams in ``summary.csv``, and is their percentage in a threshold.
    """
    from loadgen.analysis.metrics import columns

    units = {name: column.unit for name, column in columns().items() if column.part in ("value", "n")}
    return units | {"errors": "%"}


def needs(metric: str) -> str:
    """Return the key of the scenario without which a metric is not measured; empty where it needs none."""
    from loadgen.analysis.metrics import columns

    return columns()[metric].metric.needs if metric in columns() else ""


def threshold(value: Any, info: ValidationInfo) -> Threshold:
    """Return the threshold; it may name the clients and levels of this scenario."""
    match = _matched(text(value), value, "[client[@level].]metric", "aiohttp@100.ttft_p99_ms < 500")
    check(value, _problems(match, isinstance(value, Filled), info))
    return _threshold(match)


def objectives(flag: str, value: str, scenario: Scenario) -> tuple[Threshold, ...]:
    """Return the thresholds of a flag, apart by commas: none names a level. Raises ScenarioError."""
    clients, data = scenario.clients, {"slo": scenario.workload.slo.is_set}
    found, problems = [], []
    for part in value.split(","):
        try:
            match = _matched(part, part, "[client.]metric", "ttft_p95_ms < 1000, errors < 1%")
            if match["level"]:
                raise wrong(
                    f"{shown(part.strip())} names a level", "an objective without one: it is searched for"
                )
            check(part, [*_of_metric(match, data), *_of_client(match["client"], clients, names(clients))])
            found.append(_threshold(match))
        except PydanticCustomError as error:
            problems += [
                Problem(flag, "objective", is_wrong, right) for _, is_wrong, right in problems_of(error)
            ]
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return tuple(found)


def _matched(part: str, value: Any, form: str, example: str) -> re.Match[str]:
    if match := _THRESHOLD.fullmatch(part.strip()):
        return match
    raise wrong(f"{shown(value)} is not a threshold", f"{form}, one of < <= > >=, a number: {example}")


def _threshold(match: re.Match[str]) -> Threshold:
    return Threshold(
        text=match[0],
        metric=match["metric"],
        op=cast(Literal["<", "<=", ">", ">="], match["op"]),
        value=float(match["value"]),
        client=match["client"],
        level=level_of(match["level"]) if match["level"] else None,
    )


def _problems(match: re.Match[str], hidden: bool, info: ValidationInfo) -> Found:
    level, in_file = match["level"], info.context
    assert isinstance(in_file, InFile)
    yield from _of_metric(match, info.data, hidden)
    clients: list[ClientId] | None = info.data.get("clients")
    if clients is not None:
        yield from _of_client(match["client"], clients, names(clients) | in_file.clients, hidden)
    data = info.data
    levels = levels_of(
        [*data.get("concurrency", ()), *data.get("rate", ())], [s.to for s in data.get("stages", ())]
    )
    if level and levels and level_of(level) not in {*levels, *in_file.levels}:
        problem = f"{'***' if hidden else level} is not among the levels of this scenario"
        yield (), problem, f"one of {', '.join(map(_text, levels))}"


def metric_problems(metric: str, hidden: bool = False) -> Found:
    """Yield what is wrong with the name of a metric."""
    known = metrics()
    if metric not in known:
        near = nearest(metric, known)
        right = f"did you mean {near}?" if near else "a column of summary.csv such as ttft_p99_ms, or errors"
        yield (), f"{'***' if hidden else metric} is not a metric", right


def _of_metric(match: re.Match[str], data: Mapping[str, Any], hidden: bool = False) -> Found:
    metric, known = match["metric"], metrics()
    if metric not in known:
        yield from metric_problems(metric, hidden)
    elif metric == "errors" and not match["percent"]:
        yield (), "errors without %", "the share of streams that failed, such as errors < 1%"
    elif (key := needs(metric)) and not data.get(key, True):
        yield (), f"{metric} needs {key}, which the scenario has not", "slo: {ttft_ms: 1000}, for example"
    elif match["percent"] and known[metric] != "%":
        yield (), f"{metric} is not a percentage", "the number without %"


def _of_client(
    client: str | None, clients: Iterable[ClientId], known: set[str], hidden: bool = False
) -> Found:
    if client and client not in known:
        problem = f"{'***' if hidden else client} is not among the clients of this scenario"
        yield (), problem, choose(client, sorted(names(clients)))


def level_of(text: str) -> Level | None:
    """Return the level that a threshold names; ``None`` where that is no number."""
    if "/" not in text:
        return Level(streams=int(text))
    with suppress(PydanticCustomError):
        return Level(rate=rate(text))
    return None


def _text(level: Level) -> str:
    return f"{level.streams}" if level.rate is None else f"{level.rate:.12g}/s"


def levels_of(listed: Iterable[Any], stages: Iterable[Any]) -> list[Level]:
    """Return the levels of so many streams, which are integers, or of rates, which are not; of stages the most."""
    numbers = [number for number in listed if isinstance(number, int | float)]
    numbers += sorted(to for to in stages if isinstance(to, int | float))[-1:]
    return [Level(streams=n) if isinstance(n, int) else Level(rate=n) for n in numbers]


def in_file(data: Mapping[str, Any], folder: FilePath, version: variants.Version) -> InFile:
    """Return what thresholds may name, from a file as plain values; ``folder`` is the file's."""
    listed = {
        key: data[key] if isinstance(data.get(key), list) else [data.get(key)]
        for key in ("clients", "concurrency", "rate", "stages")
    }
    clients: list[ClientId] = []
    for value in listed["clients"]:
        with suppress(PydanticCustomError):
            clients.append(variants.client(value, folder, version))
    rates = [*map(_rate, listed["rate"])]
    stages = [
        _rate(to) if isinstance(to := stage.get("to"), str) else to
        for stage in listed["stages"]
        if isinstance(stage, dict)
    ]
    levels = {*levels_of(listed["concurrency"], stages), *levels_of(rates, ())}
    return InFile(folder, version, names(variants.numbered(clients)), levels)


def _rate(value: Any) -> float | None:
    with suppress(PydanticCustomError):
        return rate(value)
    return None


def names(clients: Iterable[ClientId]) -> set[str]:
    """Return the names that a threshold may use for these clients."""
    return {name for client in clients for name in (client.label, client.name)}
