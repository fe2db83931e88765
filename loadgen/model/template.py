"""The request, and the events of the answer, of a protocol that is described in the scenario."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A request, with at most one body: ``text``, ``json`` or the bytes of ``file``; ``path`` is added to the URL's.

    ``{prompt}`` and ``{model}`` are filled in and escaped for where they stand; ``{{`` and ``}}`` are braces. ``file``
    is sent as it is.
    """

    # Not in the repr, which tracebacks of others print: all may hold credentials.
    method: str = "GET"
    path: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """JSON Pointers into the events of an answer. ``None``: every event is output, there is no end but the body's.

    ``end`` of ``sse`` that is no pointer is the data of the last event. ``usage`` has pairs: a count of
    :class:`~loadgen.model.Usage` or ``finish_reason``, and its pointer.
    """

    text: str | None = None
    end: str | None = None
    error: str | None = None
    usage: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A protocol that the scenario describes, as the simulator serves it."""

    protocol: str
    request: Template
    events: Events = Events()
