"""Which client: its name, its options, and whether it is the A/A control."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

Mode = Literal["threads", "tasks", "greenlets"]
HttpVersion = Literal["1.1", "2"]


@dataclass(frozen=True, slots=True)
class ClientId:
    """One HTTP client, with the options that make it a variant of its own.

    ``control``: the A/A control, the same client measured a second time, to see what differs by itself.
    ``python``: path of the interpreter that runs its engine; ``None``: ours.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    control: bool = False
    python: str | None = None

    @property
    def label(self) -> str:
        """Return the name shown in every table, such as ``requests session=shared`` or ``requests (A/A)``.

        For display only. Nothing reads a label back.
        """
        return f"{self.name} {self.variant}".strip()

    @property
    def variant(self) -> str:
        """Return what the label adds to the name: the options, and whether it is the control. For display only."""
        options = (
            f"{key}={str(value).lower() if isinstance(value, bool) else value}"
            for key, value in sorted(self.options.items())
        )
        return " ".join([*options, *(["(A/A)"] if self.control else [])])

    @property
    def original(self) -> Self:
        """Return the client that this one is the A/A control of; itself where it is none."""
        return replace(self, control=False)

    def __str__(self) -> str:
        return self.label

    def __hash__(self) -> int:
        return hash((self.name, self.control, tuple(sorted(self.options))))
