"""A request that the simulator answers, to try it with."""

from __future__ import annotations

from dataclasses import replace

from loadgen import protocols
from loadgen.model import Cell, ClientId, Level, Load, Prompt, Request, Served, Simulator, Workload


def example(
    name: str, url: str, spec: Simulator, served: Served | None = None, text: str = "Why is the sky blue?"
) -> Request:
    """Return a request of the protocol of that name, which may be described, for one of the models of ``spec``."""
    prompt, model = Prompt(text), next(iter(spec.models), "simulator")
    workload = Workload(prompts=(prompt,), load=Load(requests=1), protocol=name, model=model)
    if served is not None:
        workload = replace(workload, request=served.request, events=served.events)
    cell = Cell(
        client=ClientId("curl"),
        workload=workload,
        url=url,
        headers={},
        index=0,
        repeat=0,
        seed=0,
        level=Level(streams=1),
    )
    return protocols.of(workload).request(cell, prompt)
