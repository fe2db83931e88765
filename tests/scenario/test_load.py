"""What a good scenario becomes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from loadgen.lab import plan
from loadgen.lab.masking import shareable
from loadgen.model import (
    ClientId,
    Level,
    Load,
    Objectives,
    Prompt,
    Simulator,
    Stage,
    Stop,
    Target,
    Threshold,
    Timeouts,
    Tls,
)
from loadgen.scenario import ScenarioError, load
from tests.scenario.conftest import Fail, scenario_text
from tests.scenario.conftest import Load as Loader

SCENARIOS = Path(__file__).parents[2] / "scenarios"

DESIGN = """\
name: 100-concurrent
target:
  simulator: {ttft: 300ms, gap: 50ms, tokens: 60, jitter: 0.5}
protocol: ollama-generate
model: qwen3:1.7b
prompts: ["…", "…"]
clients: [requests, httpx-sync, httpx-async, aiohttp]
concurrency: [1, 10, 100]
load: {duration: 10s, ramp: 2s}
repeats: 3
timeouts: {connect: 5s, first_token: 60s, idle: 30s, total: 300s}
slo: {ttft_ms: 1000, itl_ms: 100}
thresholds: ["aiohttp.ttft_p99_ms < 500", "errors < 1%"]
"""


def test_the_agreed_example(loaded: Loader) -> None:
    scenario = loaded(DESIGN)
    assert scenario.target == Target(simulator=Simulator(ttft=0.3, gap=0.05, tokens=60, jitter=0.5))
    assert [client.label for client in scenario.clients] == [
        "requests",
        "httpx-sync",
        "httpx-async",
        "aiohttp",
    ]
    assert [level.streams for level in scenario.levels] == [1, 10, 100]
    assert scenario.workload.load == Load(duration=10.0, ramp=2.0, warmup=2.0)
    assert scenario.repeats == 3
    assert scenario.workload.timeouts == Timeouts()
    assert scenario.thresholds == (
        Threshold(
            text="aiohttp.ttft_p99_ms < 500", metric="ttft_p99_ms", op="<", value=500.0, client="aiohttp"
        ),
        Threshold(text="errors < 1%", metric="errors", op="<", value=1.0),
    )
    assert scenario.secrets == frozenset()


def test_defaults_are_those_of_the_model(loaded: Loader) -> None:
    scenario = loaded()
    assert scenario.target.simulator == Simulator()
    assert scenario.workload.timeouts == Timeouts()
    assert (scenario.workload.protocol, scenario.workload.model, scenario.workload.stream) == (
        "ollama-generate",
        "qwen3:1.7b",
        True,
    )
    assert (scenario.repeats, scenario.seed, scenario.workload.options, scenario.thresholds) == (1, 0, {}, ())


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("300ms", 0.3), ("5s", 5), ("2m", 120), ("1h", 3600), ("0.5s", 0.5), ("0", 0), ("0s", 0), ("5 s", 5)],
)
def test_durations(loaded: Loader, written: str, seconds: float) -> None:
    simulator = loaded(target=f"{{simulator: {{ttft: {written}}}}}").target.simulator
    assert simulator.ttft == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("written", "load"),
    [
        ("{duration: 10s, ramp: 2s}", Load(duration=10, ramp=2, warmup=2)),
        ("{duration: 10s}", Load(duration=10)),
        ("{duration: 10s, ramp: 2s, warmup: 0}", Load(duration=10, ramp=2)),
        ("{duration: 10s, warmup: 3s}", Load(duration=10, warmup=3)),
        ("{requests: 3, ramp: 2s}", Load(requests=3, ramp=2)),
        ("{requests: 3, ramp: 2s, warmup: 1s}", Load(requests=3, ramp=2, warmup=1)),
        ("{requests: 3, ramp_per_stream: 5ms}", Load(requests=3, ramp_per_stream=0.005)),
    ],
)
def test_warmup_is_the_ramp_where_there_is_a_duration(loaded: Loader, written: str, load: Load) -> None:
    assert loaded(load=written).workload.load == load


RAMP = {"concurrency": None, "load": None, "stages": "[{to: 200, over: 60s}, {hold: 2m}, {to: 0, over: 10s}]"}


def test_stages_stand_for_concurrency_and_load(loaded: Loader) -> None:
    scenario = loaded(**RAMP, thresholds="['aiohttp@200.ttft_p99_ms < 5']")
    assert scenario.workload.load == Load(stages=(Stage(200, 60.0), Stage(200, 120.0), Stage(0, 10.0)))
    assert scenario.workload.load.seconds == 190.0
    assert scenario.levels == (Level(streams=200),)
    assert scenario.thresholds[0].level == Level(streams=200)
    plain = msgspec.to_builtins(shareable(scenario))
    assert plain["workload"]["load"]["stages"][1] == {"to": 200, "over": 120.0}


@pytest.mark.parametrize(
    ("written", "stages"),
    [
        ("[{to: 5}, {hold: 500ms}]", [Stage(5, 0.0), Stage(5, 0.5)]),
        ("[{hold: 1s}, {to: 5, over: 0}, {hold: 1s}]", [Stage(0, 1.0), Stage(5, 0.0), Stage(5, 1.0)]),
        ('[{to: "${N}", over: "${T:-3s}"}, {hold: 0s}]', [Stage(9, 3.0), Stage(9, 0.0)]),
        ("[{to: 2, over: 1s}]", [Stage(2, 1.0)]),
        ("[{to: 1, over: 1s}, {to: 0, over: 1s}]", [Stage(1, 1.0), Stage(0, 1.0)]),
    ],
)
def test_stages_as_written(loaded: Loader, written: str, stages: list[Stage]) -> None:
    scenario = loaded(**RAMP | {"stages": written}, environ={"N": "9"})
    assert scenario.workload.load == Load(stages=tuple(stages))
    assert scenario.levels == (Level(streams=max(stage.to for stage in stages)),)


def test_a_simulator_in_full(loaded: Loader) -> None:
    target = """{simulator: {ttft: 1s, gap: 5ms, tokens: 7, jitter: 0.5, distribution: uniform, prefill: 1ms,
      load: 2s, parallel: 1, max_queue: 0, models: [a, b], split: 5%, merge: 0.1,
      faults: {reset: 5%, stall: 0.01}, seed: 4}}"""
    assert loaded(target=target).target.simulator == Simulator(
        ttft=1, gap=0.005, tokens=7, jitter=0.5, distribution="uniform", prefill=0.001, load=2, parallel=1,
        max_queue=0, models=("a", "b"), split=0.05, merge=0.1, faults={"reset": 0.05, "stall": 0.01}, seed=4,
    )  # fmt: skip


def test_clients_with_options_are_variants(loaded: Loader) -> None:
    scenario = loaded(clients="[aiohttp, {client: aiohttp, stream: false, loop: uvloop}, {client: requests}]")
    assert scenario.clients == (
        ClientId("aiohttp"),
        ClientId("aiohttp", {"stream": False, "loop": "uvloop"}),
        ClientId("requests"),
    )
    assert scenario.clients[1].label == "aiohttp loop=uvloop stream=false"


def test_thresholds_name_variants_and_levels(loaded: Loader) -> None:
    scenario = loaded(
        clients="[{client: aiohttp, stream: false}, {client: aiohttp, stream: true}]",
        thresholds='["aiohttp stream=false@10.total_p99_ms<=1.5", "aiohttp.cpu_percent < 90%", "tokens > 0"]',
    )
    assert [
        (t.client, t.level and t.level.streams, t.metric, t.op, t.value) for t in scenario.thresholds
    ] == [
        ("aiohttp stream=false", 10, "total_p99_ms", "<=", 1.5),
        ("aiohttp", None, "cpu_percent", "<", 90.0),
        (None, None, "tokens", ">", 0.0),
    ]


def test_one_concurrency_needs_no_list(loaded: Loader) -> None:
    assert loaded(concurrency="100").levels == (Level(streams=100),)


def test_options_keep_their_types(loaded: Loader) -> None:
    options = loaded(
        options='{num_predict: 9, t: 0.5, stop: ["a"], raw: true, deep: {x: "1"}}'
    ).workload.options
    assert options == {"num_predict": 9, "t": 0.5, "stop": ["a"], "raw": True, "deep": {"x": "1"}}


def test_words_mean_what_yaml_1_2_says(loaded: Loader) -> None:
    assert loaded(options="{a: no, b: 1_000, c: 010, d: 0x10, e: ~, f: 1e3, g: 12:30}").workload.options == {
        "a": "no", "b": "1_000", "c": 10, "d": "0x10", "e": None, "f": 1000.0, "g": "12:30",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "content", "prompts"),
    [
        ("p.jsonl", '"one"\n\n{"prompt": "two\\nlines", "id": 7}\n', ("one", "two\nlines")),
        ("p.jsonl", '"a\u2028b"\r\n"c"', ("a\u2028b", "c")),
        ("p.txt", "one\n  two \n\n三\n", ("one", "two", "三")),
        ("p.txt", "\ufeffone\n", ("one",)),
    ],
)
def test_prompts_from_a_file_beside_the_scenario(
    loaded: Loader, tmp_path: Path, file: str, content: str, prompts: tuple[str, ...]
) -> None:
    (tmp_path / file).write_text(content, encoding="utf-8")
    found = loaded(prompts=f"{{file: {file}}}").workload.prompts
    assert found == tuple(map(Prompt, prompts))


def test_a_scenario_as_json(loaded: Loader) -> None:
    plain = msgspec.to_builtins(shareable(loaded(DESIGN)))
    assert plain["target"]["simulator"]["ttft"] == 0.3
    assert plain["clients"][0] == {"name": "requests", "options": {}, "control": False, "python": None}
    assert plain["thresholds"][0]["metric"] == "ttft_p99_ms"
    assert plain["source"] == "s.yaml"
    assert plain["secrets"] == []


def test_the_path_may_be_text(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(DESIGN, encoding="utf-8-sig")
    assert load(str(file)).source == str(file)


@pytest.mark.parametrize("file", sorted(SCENARIOS.rglob("*.yaml")), ids=lambda file: file.stem)
def test_shipped_scenarios_load(file: Path) -> None:
    scenario = load(file, environ={}, execute=False)
    assert scenario.name == file.stem
    assert file.read_text(encoding="utf-8").startswith("# ")


def test_the_seven_shipped_scenarios_are_there() -> None:
    names = {file.stem for file in SCENARIOS.glob("*.yaml")}
    assert names >= {"smoke", "100-concurrent", "sweep", "ramp", "article", "stream-vs-whole", "ollama"}


@pytest.mark.parametrize(
    ("name", "limit"),
    [("smoke", 20), ("100-concurrent", 120), ("sweep", 900), ("article", 180), ("ramp", 120)],
)
def test_shipped_scenarios_keep_their_promised_time(name: str, limit: float) -> None:
    scenario = load(SCENARIOS / f"{name}.yaml", environ={})
    simulator = scenario.target.simulator
    assert simulator is not None
    stream = simulator.ttft + (simulator.tokens - 1) * simulator.gap
    seconds = [
        (cell.workload.load.seconds or cell.workload.load.ramp)
        + stream * (cell.workload.load.requests or 1)
        + 0.7
        for cell in plan.cells(scenario, "http://h", ())
    ]
    assert sum(seconds) < 0.95 * limit
    if scenario.workload.load.duration is not None:
        assert scenario.workload.load.duration > scenario.workload.load.ramp + stream


def test_whom_to_trust_is_a_file_beside_the_scenario(tmp_path: Path) -> None:
    own = Path(__file__).parents[1] / "data" / "tls" / "ca.pem"
    (tmp_path / "ca.pem").write_bytes(own.read_bytes())
    file = tmp_path / "s.yaml"
    file.write_text(scenario_text(target="{url: 'https://h', tls: {ca: ca.pem}}"), encoding="utf-8")
    assert load(file, environ={}).target.tls == Tls(ca=str(tmp_path / "ca.pem"))
    for wrong in ("{ca: other.pem}", "{ca: ca.pem, verify: false}", "{verify: 1}"):
        file.write_text(scenario_text(target=f"{{url: 'https://h', tls: {wrong}}}"), encoding="utf-8")
        with pytest.raises(ScenarioError, match=r"target\.tls"):
            load(file, environ={})


def test_objectives_are_milliseconds_or_durations_and_a_client_may_have_its_own(loaded: Loader) -> None:
    text = "{ttft_ms: 1s, itl_ms: 99.5, total_ms: '${TOTAL}', clients: {aiohttp: {ttft_ms: 500}}}"
    scenario = loaded(slo=text, thresholds='["good_percent >= 99%"]', environ={"TOTAL": "20000"})
    slo = scenario.workload.slo
    assert slo.of(ClientId("requests")).limits == {"ttft": 1000, "itl": 99.5, "total": 20_000}
    assert slo.of(ClientId("aiohttp")).limits == {"ttft": 500, "itl": 99.5, "total": 20_000}
    assert slo.clients["aiohttp"] == Objectives(ttft_ms=500, itl_ms=99.5, total_ms=20_000)
    assert not loaded().workload.slo.is_set


def test_objectives_that_no_answer_as_a_whole_can_be_judged_by_are_warned_of(loaded: Loader) -> None:
    (warning,) = loaded(slo="{itl_ms: 100, total_ms: 5s}", stream="false").warnings
    assert "slo.itl_ms" in warning
    assert not loaded(slo="{itl_ms: 100, total_ms: 5s}").warnings


@pytest.mark.parametrize(
    ("given", "stop"),
    [
        ("{}", Stop()),
        ("{errors: 10%}", Stop(errors=0.1, after=50, overload=True)),
        ("{errors: 0, after: 7, overload: off}", Stop(errors=0.0, after=7, overload=False)),
        ("{overload: false}", Stop(overload=False)),
        ("{overload: on}", Stop()),
    ],
)
def test_when_a_cell_ends_early(loaded: Loader, given: str, stop: Stop) -> None:
    assert loaded(stop=given).workload.stop == stop


def test_the_certificate_of_a_client(loaded: Loader, failed: Fail) -> None:
    pem = Path(__file__).parents[1] / "data" / "tls" / "server.pem"
    tls = loaded(target=f"{{url: 'https://h', tls: {{cert: {pem}}}}}").target.tls
    assert (tls.verify, tls.cert, tls.key) == (True, str(pem), "")
    for wrong, says in (
        ("cert: no.pem", "target.tls.cert: there is no such file"),
        (
            f"cert: {pem.with_name('ca.pem')}",
            "target.tls.cert: cannot be used: it has no certificate, or no key",
        ),
        (f"ca: {Path(__file__)}", "target.tls.ca: has no certificates that can be read"),
        (f"key: {pem}", "target.tls.key: is of no certificate"),
    ):
        assert says in str(failed(target=f"{{url: 'https://h', tls: {{{wrong}}}}}")[0])
