"""Requests of templates: what is filled in is escaped for where it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadgen import protocols
from loadgen.model import Prompt, Request, Template
from tests.lab.cells import cell

TEXT = 'a "b"\\\n/é?&'


def made(protocol: str = "sse", url: str = "http://127.0.0.1:1/v1/?k=1", **template: Any) -> Request:
    of = cell(protocol=protocol, url=url, request=Template(**template), headers={"X-Key": "k"})
    return protocols.of(of.workload).request(of, Prompt(TEXT))


def test_a_get_of_the_url() -> None:
    of = made("bytes")
    assert of == Request("GET", "http://127.0.0.1:1/v1/?k=1", {"Accept": "*/*", "X-Key": "k"}, b"")


def test_paths_and_queries() -> None:
    of = made(path="/{model}/x?q={prompt}")
    assert of.url == "http://127.0.0.1:1/v1/m/x?k=1&q=a%20%22b%22%5C%0A%2F%C3%A9%3F%26"


def test_json() -> None:
    body = {"inputs": "{prompt}", "n": 3, "list": ["{model}", None, {"x": "{{prompt}} {{{model}}}"}]}
    of = made(method="POST", json=body)
    assert of.headers["Content-Type"] == "application/json"
    assert json.loads(of.body) == {"inputs": TEXT, "n": 3, "list": ["m", None, {"x": "{prompt} {m}"}]}


@pytest.mark.parametrize(
    ("text", "kind", "body"),
    [
        ("{prompt}", None, TEXT),
        ('{{"p": "{prompt}"}}', None, json.dumps({"p": TEXT}, ensure_ascii=False)),
        ("<p>{prompt}</p>", "application/xml", f"<p>{TEXT}</p>"),
        ('"{model}"', "application/problem+json; charset=utf-8", '"m"'),
        ("q={prompt}", "application/x-www-form-urlencoded", "q=a%20%22b%22%5C%0A%2F%C3%A9%3F%26"),
    ],
)
def test_text(text: str, kind: str | None, body: str) -> None:
    of = made(method="PUT", text=text, headers={"content-type": kind} if kind else {})
    assert (of.method, of.body.decode()) == ("PUT", body)
    assert len({name.lower() for name in of.headers}) == len(of.headers)


def test_headers() -> None:
    of = made(headers={"X-Prompt": "p={prompt}", "accept": "text/csv"})
    assert of.headers == {"X-Key": "k", "X-Prompt": 'p=a "b"\\%0A/%C3%A9?&', "accept": "text/csv"}


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "body.bin"
    file.write_bytes(b"\x00{prompt}\xff")
    of = made(method="POST", file=str(file))
    assert (of.body, of.headers["Content-Type"]) == (b"\x00{prompt}\xff", "application/octet-stream")
