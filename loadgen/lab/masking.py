"""Hide secrets in everything of a run that is written or shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgspec

from loadgen.model import Load, Prompt, Recording, Scenario, ServerInfo, Simulator, Template, Workload
from loadgen.secrets import MASK, is_shown, mask, mask_cut, mask_url


def shareable(scenario: Scenario) -> Scenario:
    """Return the scenario as it may be written down: ``***`` for every secret, no path of this machine."""
    secrets, target = scenario.secrets, scenario.target
    url = None if target.url is None else mask_url(target.url, secrets)
    metrics = target.metrics and replace(target.metrics, url=mask_url(target.metrics.url, secrets))
    shown = _of_headers(target.headers, secrets)
    return replace(
        scenario,
        target=replace(
            target,
            url=url,
            path=mask_url(target.path, secrets),
            headers=shown,
            metrics=metrics,
            simulator=target.simulator and _of_simulator(target.simulator, secrets),
        ),
        workload=_of_workload(scenario.workload, secrets),
        clients=tuple(replace(client, python=None) for client in scenario.clients),
        source=None if scenario.source is None else mask(_utf8(Path(scenario.source).name), secrets),
        warnings=(),
        secrets=frozenset(),
    )


def is_complete(scenario: Scenario) -> bool:
    """Return whether the scenario as it was written down has all that it was measured with."""
    written = msgspec.json.encode((scenario.target, scenario.workload)).decode()
    workload = scenario.workload
    elsewhere = (
        workload.load.trace
        or workload.request.file
        or any("python" in client.options for client in scenario.clients)
    )
    return MASK not in written and not elsewhere


def _utf8(name: str) -> str:
    """Return the name of a file that may be any bytes as text."""
    return name.encode(errors="backslashreplace").decode()


def masked(recording: Recording, secrets: Collection[str]) -> Recording:
    """Return the recording without secrets: errors and options may quote them."""
    errors = recording.streams.error.copy()
    shown = {text: mask_cut(text, secrets) for text in set(errors)}
    errors[:] = [shown[text] for text in errors]
    return replace(
        recording,
        streams=replace(recording.streams, error=errors),
        ended=mask_cut(recording.ended, secrets),
        workload=_of_workload(recording.workload, secrets),
    )


def without_secrets(server: ServerInfo, secrets: Collection[str]) -> ServerInfo:
    """Return what a server says of itself without secrets, of which its model's name may have some."""
    return replace(server, **_of_value({f.name: getattr(server, f.name) for f in fields(server)}, secrets))


def _of_workload(workload: Workload, secrets: Collection[str]) -> Workload:
    return replace(
        workload,
        model=mask(workload.model, secrets),
        load=_of_load(workload.load, secrets),
        # those that were made can be made again, and the warm-up has what they were made by
        calibration=None,
        prompts=()
        if workload.synthetic
        else tuple(_of_prompt(prompt, secrets) for prompt in workload.prompts),
        options=_of_value(workload.options, secrets),
        body=_of_value(workload.body, secrets),
        request=_of_request(workload.request, secrets),
    )


def _of_simulator(simulator: Simulator, secrets: Collection[str]) -> Simulator:
    served = (replace(each, request=_of_request(each.request, secrets)) for each in simulator.served)
    return replace(simulator, served=tuple(served))


def _of_request(request: Template, secrets: Collection[str]) -> Template:
    return replace(
        request,
        path=mask_url(request.path, secrets),
        headers=_of_headers(request.headers, secrets),
        text=_of_value(request.text, secrets),
        json=_of_value(request.json, secrets),
        file=mask(_utf8(Path(request.file).name), secrets),
    )


def _of_headers(headers: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    return {name: mask(value, secrets) if is_shown(name) else MASK for name, value in headers.items()}


def _of_load(load: Load, secrets: Collection[str]) -> Load:
    if load.trace is None:
        return load
    return replace(load, trace=replace(load.trace, file=mask(_utf8(Path(load.trace.file).name), secrets)))


def _of_prompt(prompt: Prompt, secrets: Collection[str]) -> Prompt:
    messages = (replace(each, content=mask(each.content, secrets)) for each in prompt.messages)
    return replace(prompt, text=mask(prompt.text, secrets), messages=tuple(messages))


def _of_value(value: Any, secrets: Collection[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _of_value(each, secrets) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_of_value(each, secrets) for each in value)
    return mask(value, secrets) if isinstance(value, str) else value
