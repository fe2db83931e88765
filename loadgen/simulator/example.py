"""A request that the simulator answers, to try it with."""

from __future__ import annotations

from loadgen import protocols
from loadgen.model import Cell, ClientId, Level, Load, Prompt, Request, Simulator, Workload


def example(name: str, url: str, spec: Simulator) -> Request:
    """Return a request of the protocol of that name, for one of the models of ``spec``."""
    prompt, model = Prompt("Why is the sky blue?"), next(iter(spec.models), "simulator")
    workload = Workload(prompts=(prompt,), load=Load(requests=1), protocol=name, model=model)
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
    return protocols.load(name).request(cell, prompt)
