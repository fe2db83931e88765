"""The command's own ends of the live export: what it refuses, and that the page is there until it ends."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.command import invoke, scenario, started, until

BAD = {
    "no port": (["--prometheus", "nowhere"], "no address to listen on"),
    "no such port": (["--prometheus", ":70000"], "no address to listen on"),
    "no URL": (["--otlp", "127.0.0.1:4318"], "is no URL"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_address_is_an_error_before_the_run(tmp_path: Path, kind: str) -> None:
    flags, said = BAD[kind]
    done = invoke("run", scenario(tmp_path), "--quiet", "--out", tmp_path / "run", *flags)
    assert (done.returncode, said in done.stderr) == (2, True)
    assert not (tmp_path / "run").exists()


def test_a_port_in_use_is_an_error_before_the_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = "--quiet", "--out", tmp_path / "run", "--prometheus", f":{port}"
        done = invoke("run", scenario(tmp_path), *flags)
    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be listened on" in done.stderr
    assert not (tmp_path / "run").exists()


def test_the_page_has_the_streams_of_the_run_while_it_goes_on(tmp_path: Path) -> None:
    file = scenario(tmp_path, load={"duration": "2s"}, concurrency=2)
    with started("run", file, "--quiet", "--out", "run", "--prometheus", ":0", cwd=tmp_path) as process:
        assert process.stdout is not None
        url = re.findall(r"http://\S+/metrics", process.stdout.readline())[0]

        def ended() -> float:
            with urllib.request.urlopen(url) as answer:
                families = {f.name: f for f in text_string_to_metric_families(answer.read().decode())}
            found = families.get("loadgen_streams_ended")
            return sum(sample.value for sample in found.samples) if found else 0.0

        assert until(ended) > 0
        process.communicate(timeout=60)
    with pytest.raises(urllib.error.URLError):
        ended()


def test_a_variable_of_opentelemetry_needs_no_flag_and_a_receiver_that_is_gone_fails_no_run(
    tmp_path: Path,
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2"}
    done = invoke("run", scenario(tmp_path), "--quiet", "--out", tmp_path / "run", env=environ)
    assert done.returncode == 0
    assert "could not be sent by OTLP" in done.stderr
