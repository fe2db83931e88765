"""OpenAI's completions: as those of a chat, with a text in place of messages and of deltas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from loadgen.protocols import openai


class Completions(openai.Api):
    """``POST /v1/completions``."""

    path = "/completions"


@dataclass(frozen=True)
class Encoder(openai.Encoder):
    """Encodes answers of ``/v1/completions``; a stream reports its usage where that was requested."""

    id: ClassVar = "cmpl-simulator"
    object: ClassVar = "text_completion"
    whole_object: ClassVar = "text_completion"
    last: ClassVar[dict[str, Any]] = {"text": ""}

    def opening(self) -> bytes:
        return b""

    def part(self, text: str) -> dict[str, Any]:
        return {"text": text}

    all = part
