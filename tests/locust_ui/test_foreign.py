"""A real `loadgen ui`, and what other web pages, and files that lie about, may do to it: nothing."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.cli.command import SECONDS, scenario
from tests.cli.server import Handler, ollama
from tests.locust_ui.locusts import QUICK, Locust, listens, runs, soon, ui

FORM = {"user_count": "1", "spawn_rate": "1"}
STATE_CHANGING = ("/swarm", "/stop", "/stats/reset")
READ = ("/", "/streaming/data", "/stats/requests", "/exceptions", "/logs", "/streaming/files/streams.csv")
SECRET = "line-of-a-file"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign") / "here"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def started(folder: Path) -> Iterator[Locust]:
    """A UI that Locust's own configuration would open to everybody."""
    conf = (
        f"web-host = 0.0.0.0\nhtml = {folder}/of-conf.html\nrun-time = 7m\nlogfile = {folder}/of-conf.log\n"
    )
    (folder / "locust.conf").write_text(conf)
    (folder / ".locust.conf").write_text(conf)
    (folder / "pyproject.toml").write_text('[tool.locust]\nrun-time = "6m"\nheadless = "true"\n')
    env = {
        "HOME": str(folder),
        "LOCUST_HEADLESS": "true",
        "LOCUST_HTML": f"{folder}/of-env.html",
        "LOCUST_RUN_TIME": "5m",
    }
    with ui(folder, scenario(folder, target=QUICK, concurrency=3), env=env) as own:
        yield own
        assert own.interrupt() == 0
    assert not [path for path in folder.iterdir() if path.name.startswith(("of-", "x"))]


def ask(of: Locust, method: str, path: str, headers: Mapping[str, str], **form: str) -> tuple[int, str]:
    """Send exactly these headers."""
    at = urlsplit(of.url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=SECONDS)
    body = urlencode(form) if method == "POST" else None
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(method, path, body, {"Host": at.netloc, **kind, **headers})
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    assert answer.headers["Access-Control-Allow-Origin"] is None or answer.status == 403
    connection.close()
    return answer.status, text


FOREIGN: tuple[Mapping[str, str], ...] = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},  # another program of this machine
    {"Origin": "http://localhost"},
    {"Origin": "http://127.0.0.1.evil.example:{port}"},
    {"Origin": "http://[bad"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Host": "evil.example"},
    {"Host": "evil.example:{port}"},
    {"Host": "127.0.0.1.evil.example:{port}"},
    {
        "Host": "evil.example",
        "Origin": "http://evil.example",
        "Sec-Fetch-Site": "same-origin",
    },  # DNS rebinding
    {"Host": ""},
    {"Host": "[::bad"},
)
OWN: tuple[Mapping[str, str], ...] = (
    {},  # no browser
    {"Origin": "http://{netloc}"},
    {"Origin": "http://{netloc}", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Host": "localhost:{port}"},
    {"Host": "localhost:9000", "Origin": "http://localhost:9000"},  # through a tunnel
    {"Host": "[::1]:{port}"},
)


def filled(headers: Mapping[str, str], of: Locust) -> dict[str, str]:
    at = urlsplit(of.url)
    return {
        name: value.replace("{netloc}", at.netloc).replace("{port}", str(at.port))
        for name, value in headers.items()
    }


def state(of: Locust) -> str:
    return of.requests()["state"]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_foreign_page_changes_and_reads_nothing(
    started: Locust, folder: Path, headers: Mapping[str, str]
) -> None:
    sent = filled(headers, started)
    for path in STATE_CHANGING:
        assert ask(started, "POST", path, sent, **FORM)[0] == 403
    for path in READ:
        assert ask(started, "GET", path, sent)[0] in (400, 403)
    assert (state(started), runs(folder)) == ("ready", [])


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_its_own_page_and_programs_are_answered(started: Locust, headers: Mapping[str, str]) -> None:
    sent = filled(headers, started)
    assert ask(started, "GET", "/streaming/data", sent)[0] == 200
    assert ask(started, "POST", "/stats/reset", sent) == (200, "ok")


def test_links_from_other_pages_may_be_followed(started: Locust) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert ask(started, "GET", "/", link)[0] == 200
    assert ask(started, "POST", "/stop", link)[0] == 403


def test_only_scenarios_below_the_folder_can_be_chosen(started: Locust, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(f"{SECRET}: 1\n")
    (folder / "link.yaml").symlink_to(outside)
    (folder / "notes.txt").write_text(f"{SECRET}: 1\n")
    (folder / "notes.yaml").write_text(f"password = {SECRET}\n- {SECRET}: [\n")
    for path in (
        str(outside),
        f"../../{outside.name}",
        "link.yaml",
        "/etc/passwd",
        "notes.txt",
        "x\0.yaml",
        "notes.yaml",
    ):
        answer = started.start(1, scenario=path)
        assert not answer["success"], path
        assert SECRET not in answer["message"]
        assert "root:" not in answer["message"]
    assert (state(started), runs(folder)) == ("ready", [])


def test_fields_that_are_not_in_the_form_set_nothing(started: Locust, folder: Path) -> None:
    def answer(handler: Handler) -> None:
        handler.stream(3)

    files = {
        "html_file": f"{folder}/x.html",
        "csv_prefix": f"{folder}/x",
        "logfile": f"{folder}/x.log",
        "json_file": "x",
    }
    with ollama(answer) as elsewhere:
        refused = started.start(1, host=elsewhere.url)
        assert not refused["success"]
        fields = {
            **files,
            "master_bind_host": "0.0.0.0",
            "web_host": "0.0.0.0",
            "headless": "true",
            "profile": "x",
        }
        assert started.start(1, **fields)["success"]
        soon(lambda: started.client()["ok"] > 0, "streams")
        started.stop()
        soon(lambda: started.data()["state"] == "stopped", "the end")
        assert not elsewhere.seen
    [run] = runs(folder)
    assert json.loads((run / "run.json").read_text())["scenario"]["target"]["url"] is None


def test_nothing_but_its_own_options_configured_it(started: Locust) -> None:
    """That no file was written is seen at its end."""
    assert '"run_time": null' in started.get("/")
    assert not listens(started.url.replace("127.0.0.1", "127.0.0.2"))
