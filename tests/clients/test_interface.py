"""What a client provides, and how one from outside the package comes in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadgen import clients
from loadgen.cli.clients import command
from loadgen.clients import BUILTIN, Info, InvalidClient, Missing
from loadgen.model import ClientId, Load, Outcome
from loadgen.scenario import ScenarioError, load
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, says
from tests.clients.measuring import record, rows
from tests.clients.raw import Raw
from tests.lab.cells import cell
from tests.outsiders import install

OUTSIDER = r"""
import asyncio, http.client
from urllib.parse import urlsplit
from loadgen.clients import Info
from loadgen.protocols.ollama import Generate


class Outsider:
    INFO = Info(name="outsider", mode="threads", distribution="outside", options={"pace": ("fast", "slow")})
    failures = ()

    def __init__(self, cell):
        assert cell.client.options == {"pace": "slow"}

    def stream(self, request, sink):
        connection = http.client.HTTPConnection(urlsplit(request.url).netloc)
        connection.request(request.method, request.url, request.body, request.headers)
        sink.connected(connection.sock)
        response = connection.getresponse()
        sink.headers(response.status)
        while data := response.read1(65536):
            sink.data(data)


class Loop:
    INFO = Info(name="outsider-async", mode="tasks", distribution="outside")
    failures = ()

    def __init__(self, cell):
        asyncio.get_running_loop()

    async def stream(self, request, sink):
        url = urlsplit(request.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body)
        sink.headers(int((await reader.readline()).split()[1]))
        await reader.readuntil(b"\r\n\r\n")
        sink.data(await reader.readexactly(BODY_SIZE))
        writer.close()


class Spoken(Generate):
    def question(self, prompt):
        return {"prompt": prompt.text, "outside": True}


class NoInfo(Outsider):
    INFO = None


class OtherName(Outsider): ...


class Blocking(Loop):
    INFO = Info(name="blocking", mode="threads", distribution="outside")


class NoStream:
    INFO = Info(name="nostream", mode="threads", distribution="outside")
"""
BODY = TOKEN + END
CLASSES = {
    "outsider": "Outsider",
    "outsider-async": "Loop",
    "noinfo": "NoInfo",
    "othername": "OtherName",
    "blocking": "Blocking",
    "nostream": "NoStream",
}


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "outside", raising=False)
    source = OUTSIDER.replace("BODY_SIZE", str(len(BODY)))
    install(tmp_path, monkeypatch, "outside", source, clients=CLASSES, protocols={"spoken": "Spoken"})


@pytest.mark.usefixtures("outside")
def test_a_client_and_a_protocol_from_outside_are_measured() -> None:
    client = ClientId("outsider", {"pace": "slow"})
    with Raw({"Why?": says(CHUNKED, chunk(TOKEN), chunk(END), LAST)}) as server:
        recording = record(cell(client=client, url=server.url, protocol="spoken", load=Load(requests=2)))
    assert [(row.outcome, row.tokens) for row in rows(recording)] == [(Outcome.OK, 1)] * 4
    assert all(b'"outside": true' in request.body for request in server.requests)
    assert recording.mode == "threads"
    assert clients.version("outsider") == "1.2"
    assert clients.options("outsider").keys() == {"stack", "pace"}


@pytest.mark.usefixtures("outside")
def test_an_async_client_from_outside_runs_on_a_loop() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
    with Raw({"Why?": says(answer)}) as server:
        recording = record(cell(client=ClientId("outsider-async"), url=server.url))
    assert [(row.outcome, row.tokens) for row in rows(recording)] == [(Outcome.OK, 1)] * 2
    assert recording.mode == "tasks"


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("noinfo", "has no INFO"),
        ("othername", "INFO.name is 'outsider'"),
        ("blocking", "INFO.mode must be 'tasks', not 'threads'"),
        ("nostream", "no method stream"),
    ],
)
def test_what_is_no_client_is_refused(name: str, says: str) -> None:
    with pytest.raises(InvalidClient, match=says):
        clients.info(name)


def test_a_mode_is_one_of_three() -> None:
    with pytest.raises(InvalidClient, match="'async', not one of threads, tasks, greenlets"):
        Info(name="x", mode="async", distribution="x")  # type: ignore[arg-type]


def test_every_name_is_that_of_its_info() -> None:
    assert {name: clients.info(name).name for name in BUILTIN} == {name: name for name in BUILTIN}


def test_an_unknown_client_is_a_lookup_error() -> None:
    with pytest.raises(LookupError):
        clients.info("nobody")


def test_a_missing_library_is_one_line_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    known = clients.info("aiohttp")
    kind = clients.load(ClientId("aiohttp"))
    monkeypatch.setattr(kind, "INFO", replace(known, modules=("no_such_module",)))
    with pytest.raises(Missing) as raised:
        clients.load(ClientId("aiohttp"))
    assert str(raised.value) == 'aiohttp needs no_such_module: pip install "loadgen[aiohttp]"'


def test_every_info_is_read_without_a_library() -> None:
    code = """
import sys
from loadgen import clients
before = set(sys.modules)
for name in clients.BUILTIN:
    clients.info(name)
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) <= {*sys.stdlib_module_names, "loadgen"}


@pytest.mark.usefixtures("outside")
def test_a_scenario_with_what_is_no_client_is_refused_and_the_list_says_why(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "name: x\ntarget: {url: 'http://h:1'}\nprompts: [a]\nclients: [blocking]\nconcurrency: [1]\n"
    )
    with pytest.raises(ScenarioError, match=r"INFO\.mode must be 'tasks'"):
        load(path)
    listed = CliRunner().invoke(command).output
    assert ["outsider-async", "async", "outside", "1.2"] in [line.split() for line in listed.splitlines()]
    assert "noinfo" in listed
    assert "has no INFO" in listed
