"""What a good stream is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from loadgen.model.clients import ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """The most milliseconds that a good stream takes; ``None``: no such objective.

    ``itl_ms``: no gap between its tokens is longer; ``tpot_ms``: their mean gap is not. Under an open load ``ttft_ms``
    and ``total_ms`` count from the schedule.
    """

    ttft_ms: float | None = None
    itl_ms: float | None = None
    tpot_ms: float | None = None
    total_ms: float | None = None

    @property
    def limits(self) -> Mapping[str, float]:
        """Return the milliseconds of each objective that is set, by the key of its metric."""
        found = ((name, getattr(self, f"{name}_ms")) for name in OBJECTIVES)
        return {name: limit for name, limit in found if limit is not None}


OBJECTIVES = tuple(each.name.removesuffix("_ms") for each in fields(Objectives))  # keys of metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo(Objectives):
    """The objectives of all ``clients`` but those that have their own, keyed by name or label."""

    clients: Mapping[str, Objectives] = field(default_factory=dict)

    @property
    def is_set(self) -> bool:
        """Return whether any stream is to be judged."""
        return bool(self.limits or self.clients)

    def of(self, client: ClientId) -> Objectives:
        """Return the objectives of a client."""
        return self.clients.get(client.original.label) or self.clients.get(client.name) or self
