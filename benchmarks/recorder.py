"""Measure what one read with one token costs in the engine, stamped, decoded and kept, beside ``json.loads`` of it.

    python benchmarks/recorder.py [--rounds 200] [--reads 1000]

For each protocol the event is the simulator's own. Both sides run in turn in one process, a stream of ``--reads``
reads each; the figures are medians of all rounds, in nanoseconds of CPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from time import process_time_ns

from loadgen import protocols
from loadgen.engine.recorder import StreamRecorder
from loadgen.protocols import anthropic, ollama, openai, openai_completions, openai_responses
from loadgen.protocols.encoder import Encoder

ENCODERS: dict[str, Encoder] = {
    "ollama-generate": ollama.Encoder("qwen3:1.7b", "generate"),
    "ollama-chat": ollama.Encoder("qwen3:1.7b", "chat"),
    "openai-chat": openai.Encoder("qwen3:1.7b"),
    "openai-completions": openai_completions.Encoder("qwen3:1.7b"),
    "openai-responses": openai_responses.Encoder("qwen3:1.7b"),
    "anthropic-messages": anthropic.Encoder("qwen3:1.7b"),
}


def ns_per_call(call: Callable[[bytes], object], data: bytes, reads: int) -> float:
    began = process_time_ns()
    for _ in range(reads):
        call(data)
    return (process_time_ns() - began) / reads


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--reads", type=int, default=1000)
    arguments = parser.parse_args()
    print(f"ns of CPU per read with one token, median of {arguments.rounds} rounds")
    print(f"{'protocol':<20} {'recorder':>9} {'json.loads':>11} {'ratio':>6}")
    for name, encoder in ENCODERS.items():
        event = encoder.token("token ", b"2026-01-31T12:00:00.123456789Z")
        line = event.rpartition(b"data: ")[2]  # JSON alone, where the event has more
        pairs = []
        for _ in range(arguments.rounds):
            recorder = StreamRecorder(0, 0, 0, protocols.load(name).decoder(True))
            recorder.headers(200)
            ours = ns_per_call(recorder.data, event, arguments.reads)
            pairs.append((ours, ns_per_call(json.loads, line, arguments.reads)))
            assert recorder.text_events == arguments.reads
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"{name:<20} {ours:9.0f} {theirs:11.0f} {ours / theirs:6.2f}")


if __name__ == "__main__":
    main()
