"""What a stream asks."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """Prompts are conversations: each message of the user is a turn, after the one before and ``think`` seconds.

    ``think`` is a mean; ``spread``, of ``lognormal``, the coefficient of variation.
    """

    think: float = 0.0
    distribution: Literal["exponential", "lognormal", "constant"] = "exponential"
    spread: float = 1.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a stream asks: a ``text``, or the ``messages`` of a chat in its place.

    ``output_tokens`` is how long an answer it asks for; ``None``: as the scenario's options say. ``input_tokens`` is
    how many it was made to have, if it was made; without a text, how many it is to get when it is asked. ``blocks`` are
    the parts that such a text begins with: equal numbers are equal parts.
    """

    text: str = ""
    messages: tuple[Message, ...] = ()
    output_tokens: int | None = None
    input_tokens: int | None = None
    blocks: tuple[int, ...] = ()

    @property
    def chat(self) -> tuple[Message, ...]:
        """Return the messages; a text is one of the user."""
        return self.messages or (Message("user", self.text),)

    def __str__(self) -> str:
        said = " · ".join(f"{each.role}: {each.content}" for each in self.messages) or self.text
        return said if self.output_tokens is None else f"{said} [{self.output_tokens} tokens]"
