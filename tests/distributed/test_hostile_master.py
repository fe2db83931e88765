"""Whatever a master sends: a worker measures what its own files hold, or nothing, and tells nothing of other files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from loadgen.distributed import messages
from loadgen.distributed.worker import Trust, fingerprint
from loadgen.scenario import Override, load
from tests.cli.command import scenario as scenario_file
from tests.distributed.network import End, Site, site, until

KEY, SECRET, OWN, ELSEWHERE = "sk-of-the-worker", "line-of-a-file", "http://127.0.0.1:1", "http://127.0.0.1:2"
PYTHON = "/usr/bin/of-the-file"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A worker's folder, with a scenario; its environment has a key; other files lie beside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("API_KEY", KEY)
    target = {"url": OWN, "headers": {"Authorization": "Bearer ${API_KEY}"}}
    scenario_file(folder, target=target, concurrency=4)
    (folder / "notes.yaml").write_text(f"password: {SECRET}\n{SECRET}: 1\n")
    (folder / "like.yaml").write_text(f"name: {SECRET} {SECRET}\ntarget: {SECRET}\nprompts: [{SECRET}]\n")
    (folder / "prompts.jsonl").write_text(f'"{SECRET}"\n')
    (tmp_path / "outside.yaml").write_text((folder / "scenario.yaml").read_text())
    (folder / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    return folder


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, here: Path) -> Iterator[Site]:
    for made in site(monkeypatch):
        made.trust = Trust()
        yield made


def job(
    path: str = "scenario.yaml", *overrides: Any, url: str | None = None, slots: Any = (0, 1)
) -> messages.Job:
    try:  # the master knows what the worker will read
        made = [each if isinstance(each, str) else Override(*each) for each in overrides]
        print_ = fingerprint(load("scenario.yaml", made))
    except Exception:
        print_ = ""
    dealt = {1: slots} if isinstance(slots, tuple) else slots
    return messages.Job(1, path, overrides, print_, url, slots=dealt)


def answer(made: Site, sent: messages.Job | bytes) -> str:
    """Return why the worker takes no part; empty where it starts an engine."""
    if "w_1" not in made.workers:
        made.join("w_1")
    heard: list[str] = []
    made.network.coordinator.handlers[messages.FAILED] = lambda _, why: heard.append(why)
    data = sent if isinstance(sent, bytes) else messages.pack(sent)
    made.network.coordinator.send(messages.JOB, data, "w_1")
    until(lambda: heard or made.workers["w_1"].controllers, "an answer")
    assert not (heard and made.workers["w_1"].controllers)
    return heard[0] if heard else ""


REFUSED: dict[str, tuple[str, Sequence[Any]]] = {
    "another target": ("scenario.yaml", [f"target.url={ELSEWHERE}"]),
    "another target by its flag": ("scenario.yaml", [("--url", "target.url", ELSEWHERE)]),
    "another target as a whole": (
        "scenario.yaml",
        [f"target={{url: '{ELSEWHERE}', headers: {{A: '${{API_KEY}}'}}}}"],
    ),
    "a target that names the key": ("scenario.yaml", [f"target.url={ELSEWHERE}/${{API_KEY}}"]),
    "another path": ("scenario.yaml", ["target.path=/steal"]),
    "another header": ("scenario.yaml", ["target.headers.X-Key=${API_KEY}"]),
    "a header without the key": ("scenario.yaml", ["target.headers.X-Forwarded-Host=evil"]),
    "a simulator": ("scenario.yaml", ["target={simulator: {}}"]),
    "the key as the model": ("scenario.yaml", ["model=${API_KEY}"]),
    "the key as a prompt": ("scenario.yaml", ["prompts=['say ${API_KEY}']"]),
    "the key as an option": ("scenario.yaml", ["options.x.y=${API_KEY:-none}"]),
    "the key by a flag": ("scenario.yaml", [("--set", "model", "${API_KEY}")]),
    "a dollar before the key": ("scenario.yaml", ["model=$$${API_KEY}"]),
    "a file of prompts": ("scenario.yaml", ["prompts={file: prompts.jsonl}"]),
    "any file of prompts": ("scenario.yaml", ["prompts.file=/etc/passwd"]),
    "an interpreter": ("scenario.yaml", ["clients=[{client: floor, python: /bin/sh}]"]),
    "an interpreter by a flag": (
        "scenario.yaml",
        [("--client", "clients", [{"client": "floor", "python": "/bin/sh"}])],
    ),
    "a file that is no scenario": ("notes.yaml", []),
    "a file like a scenario": ("like.yaml", []),
    "a file outside": ("../outside.yaml", []),
    "a link to outside": ("link.yaml", []),
    "passwords": ("/etc/passwd", []),
    "a device": ("/dev/zero", []),
    "its own environment": ("/proc/self/environ", []),
    "no file": ("none.yaml", []),
    "no path": ("a\0b.yaml", []),
    "a folder": (".", []),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_worker_takes_nothing_that_its_own_scenario_does_not_hold(made: Site, name: str) -> None:
    path, overrides = REFUSED[name]
    why = answer(made, job(path, *overrides))
    assert "cannot use this scenario" in why
    for text in (KEY, SECRET, "root:", "password"):
        assert text not in why


@pytest.mark.parametrize(
    "sent",
    [
        job(url=ELSEWHERE),
        job(url="http://169.254.169.254"),
        job(slots={0: (0,)}),
        job(slots={99: (0,)}),
        job(slots=(10**9,)),
        job(slots=(-1,)),
        b"\xff",
        b"\x91" * 300_000,
        messages.pack(messages.End(1, 0.0)),
    ],
    ids=lambda sent: str(sent)[:40],
)
def test_a_job_that_cannot_be_is_refused(made: Site, sent: Any) -> None:
    if isinstance(sent, messages.Job):
        sent = job(url=sent.url, slots=dict(sent.slots))
    assert answer(made, sent)


TAKEN: dict[str, tuple[str, Sequence[Any]]] = {
    "its scenario": ("scenario.yaml", []),
    "its scenario by its full path": ("", []),
    "what sends nothing elsewhere": (
        "scenario.yaml",
        ["concurrency=3", "prompts=[Why?]", "load.requests=7", "model=a$$b"],
    ),
    "its own target": ("scenario.yaml", [f"target.url={OWN}"]),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_its_own_scenario_holds_is_measured(made: Site, here: Path, name: str) -> None:
    path, overrides = TAKEN[name]
    assert answer(made, job(path or str(here / "scenario.yaml"), *overrides)) == ""
    assert made.engine("w_1").cell.url == OWN
    assert made.engine("w_1").cell.headers == {"Authorization": f"Bearer {KEY}"}


def test_a_target_that_the_worker_was_started_with_may_be_named(made: Site) -> None:
    made.trust = Trust(url=ELSEWHERE)
    assert answer(made, job("scenario.yaml", f"target.url={ELSEWHERE}")) == ""
    assert made.engine("w_1").cell.url == ELSEWHERE


def test_a_scenario_that_the_worker_was_started_with_may_lie_elsewhere(made: Site, here: Path) -> None:
    outside = str(here.parent / "outside.yaml")
    made.trust = Trust(scenario=outside)
    assert answer(made, job(outside)) == ""


def test_commands_that_cannot_be_change_nothing(made: Site) -> None:
    assert answer(made, job()) == ""
    worker: End = made.network.ends["w_1"]
    for kind in (messages.ADD, messages.END):
        for data in (
            b"\xff",
            b"",
            messages.pack(messages.Add(7, 1, (0,))),
            messages.pack(messages.End(7, 0.0)),
        ):
            worker.handlers[kind]("", data)
    assert made.engine("w_1").commands == []
