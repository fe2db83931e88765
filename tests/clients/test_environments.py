"""Clients that have an environment of their own, where ``loadgen env`` has built it."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadgen import clients, interpreters
from loadgen.model import ClientId, Load, Outcome
from tests.clients import test_openai
from tests.clients.conditions import CHUNKED, LAST, chunk, length, says, says_and_closes
from tests.clients.measuring import record, record_each, rows
from tests.clients.raw import Raw
from tests.lab.cells import cell

ALONE = [name for name, path in clients.BUILTIN.items() if clients.info(name).alone]

# Written into each engine: notes whom it connects to.
HOOK = """
import os, sys
if "loadgen.engine" in sys.orig_argv:
    def note(event, args):
        if event in ("socket.connect", "socket.getaddrinfo"):
            with open(os.environ["NOTES"], "a") as notes:
                print(args[1][0] if event == "socket.connect" else args[0], file=notes)
    sys.addaudithook(note)
"""


def needed(name: str) -> None:
    if clients.version(name) is None and interpreters.of(ClientId(name)) is None:
        pytest.skip(f"loadgen env {name} was not run here")


def chat(text: str, done: str = "false") -> bytes:
    answer = (
        f'{{"model":"m","message":{{"role":"assistant","content":"{text}"}},"done":{done},"eval_count":3}}\n'
    )
    return chunk(answer.encode())


@pytest.mark.parametrize("name", [name for name in ALONE if "openai-chat" in clients.info(name).protocols])
@pytest.mark.usefixtures("environment")
def test_conditions_of_openai(name: str) -> None:
    needed(name)
    test_openai.check_conditions([name], record_each)
    test_openai.check_whole(name)


environment = test_openai.environment


@pytest.mark.parametrize("name", [name for name in ALONE if "ollama-chat" in clients.info(name).protocols])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_conditions_of_ollama(name: str, stream: bool) -> None:
    needed(name)
    error = chunk(b'{"error":"llama fell"}\n')
    conditions = {
        "ok": (says(CHUNKED, *[chat("n")] * 9, chat("", "true"), LAST), Outcome.OK, 9),
        "closed": (says_and_closes(CHUNKED, chat("n")), Outcome.TRUNCATED, 1),
        "error": (says(CHUNKED, chat("n"), error, LAST), Outcome.SERVER_ERROR, 1),
        "status": (says(length(4, b"503 Busy"), b"busy"), Outcome.HTTP_STATUS, 0),
    }
    if not stream:
        conditions = {
            "ok": (says(CHUNKED, chat("n", "true"), LAST), Outcome.OK, 1),
            "status": conditions["status"],
        }
    with Raw({prompt: handler for prompt, (handler, _, _) in conditions.items()}) as server:
        recording = record(
            cell(
                client=ClientId(name),
                url=server.url,
                protocol="ollama-chat",
                stream=stream,
                concurrency=len(conditions),
                prompts=tuple(conditions),
                load=Load(requests=1),
            )
        )
    found = {tuple(conditions)[row.slot]: (row.outcome, row.tokens) for row in rows(recording)}
    assert found == {prompt: (outcome, tokens) for prompt, (_, outcome, tokens) in conditions.items()}
    assert all(
        b'"stream":false' not in each.body.replace(b" ", b"") or not stream for each in server.requests
    )


@pytest.mark.parametrize("name", ALONE)
def test_it_asks_no_other_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    needed(name)
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    for variable in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(variable, "true")
    protocol = (clients.info(name).protocols or ("openai-chat",))[0]
    answers = says(CHUNKED, chat("n"), chat("", "true"), LAST)
    if protocol == "openai-chat":
        answers = test_openai.CONDITIONS["at once"].handler
    with Raw({"Why?": answers}) as server:
        recording = record(cell(client=ClientId(name), url=server.url, protocol=protocol, concurrency=1))
    assert [row.outcome for row in rows(recording)] == [Outcome.OK]
    assert set((tmp_path / "notes").read_text().split()) == {"127.0.0.1"}
