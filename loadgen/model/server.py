"""What a server says of itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """The target and its model, in its own words; ``None`` where it does not say. Sizes are bytes.

    ``digest`` identifies the model's file, ``size_bytes`` is what it takes in memory, ``vram_bytes`` how much of that
    is the GPU's. ``context`` is the greatest number of tokens of a request, ``slots`` how many it serves at once.
    """

    name: str | None = None
    version: str | None = None
    model: str | None = None
    family: str | None = None
    parameters: str | None = None
    quantization: str | None = None
    digest: str | None = None
    context: int | None = None
    size_bytes: int | None = None
    vram_bytes: int | None = None
    slots: int | None = None

    @property
    def processor(self) -> str | None:
        """Return where the model is in memory, as ``ollama ps`` prints it; ``None`` where that is not known."""
        if not self.size_bytes or self.vram_bytes is None:
            return None
        gpu = round(100 * min(self.vram_bytes / self.size_bytes, 1.0))
        return {0: "100% CPU", 100: "100% GPU"}.get(gpu, f"{100 - gpu}%/{gpu}% CPU/GPU")
