"""``--set`` and the flags that stand for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadgen.model import ClientId, Level, Load, Simulator, Stage
from loadgen.scenario import Override, ScenarioError, overrides_from_flags, simulator
from tests.scenario.conftest import Fail, scenario_text
from tests.scenario.conftest import Load as Loader

HEADERS = "{simulator: {}, headers: {X-Org: acme}}"


def test_flags_take_the_place_of_what_the_file_says(loaded: Loader) -> None:
    flags = overrides_from_flags(
        url="http://h:1/$x", clients="aiohttp, floor", concurrency="1,7", repeats=4, duration="3s", seed="9"
    )
    scenario = loaded(None, flags, target=HEADERS, load="{requests: 3, ramp: 1s}")
    assert (scenario.target.url, scenario.target.simulator) == ("http://h:1/$x", None)
    assert scenario.target.headers == {"X-Org": "acme"}
    assert scenario.clients == (ClientId("aiohttp"), ClientId("floor"))
    assert [level.streams for level in scenario.levels] == [1, 7]
    assert (scenario.repeats, scenario.seed) == (4, 9)
    assert scenario.workload.load == Load(duration=3, ramp=1, warmup=1)


def test_a_rate_and_a_number_of_streams_exclude_each_other(loaded: Loader) -> None:
    with pytest.raises(ScenarioError, match="mutually exclusive"):
        loaded(None, overrides_from_flags(rate="5", concurrency="5"), load="{duration: 5s}")


def test_a_rate_takes_the_place_of_a_number_of_streams_and_the_other_way_round(loaded: Loader) -> None:
    flags = overrides_from_flags(rate="5, 20/s")
    scenario = loaded(None, flags, load="{duration: 5s, ramp: 1s}")
    assert scenario.levels == (Level(rate=5.0), Level(rate=20.0))
    assert scenario.workload.load == Load(arrivals="poisson", duration=5.0)
    of_rate = {
        "concurrency": None,
        "rate": "5",
        "load": "{duration: 5s, arrivals: gamma, shape: 2, max_streams: 9}",
    }
    scenario = loaded(None, overrides_from_flags(concurrency=[3]), **of_rate)
    assert scenario.levels == (Level(streams=3),)
    assert scenario.workload.load == Load(duration=5.0)
    assert loaded(None, overrides_from_flags(rate=[0.5]), **of_rate).levels == (Level(rate=0.5),)


def test_no_flag_changes_nothing() -> None:
    assert overrides_from_flags() == []


@pytest.mark.parametrize(
    ("override", "get", "value"),
    [
        ("load.ramp=3s", lambda s: s.workload.load.ramp, 3.0),
        ("load.requests=3", lambda s: (s.workload.load.requests, s.workload.load.duration), (3, None)),
        ("target.simulator.tokens=7", lambda s: s.target.simulator.tokens, 7),
        ("target.headers.X-A=b=c", lambda s: s.target.headers["X-A"], "b=c"),
        ("options.num_predict=9", lambda s: s.workload.options, {"num_predict": 9}),
        ("timeouts={idle: 7s}", lambda s: s.workload.timeouts.idle, 7.0),
        ("clients.1=floor", lambda s: s.clients[1], ClientId("floor")),
        ("clients=[{client: floor, stream: false}]", lambda s: s.clients[0].label, "floor stream=false"),
        ("concurrency=5", lambda s: s.levels, (Level(streams=5),)),
        ("model=${MODEL}", lambda s: s.workload.model, "llama"),
        ("model='7'", lambda s: s.workload.model, "7"),
    ],
)
def test_set(loaded: Loader, override: str, get: object, value: object) -> None:
    assert callable(get)
    assert get(loaded(None, [override], {"MODEL": "llama"})) == value


def test_later_ones_win_and_unset_references_of_the_file_do_not_matter(loaded: Loader) -> None:
    assert loaded(None, ["model=a", "model=b"], model="${LOADGEN_NONE}").workload.model == "b"


@pytest.mark.parametrize(
    ("flags", "where", "key", "said"),
    [
        ({"url": "h:1"}, "--url", "target.url", "does not begin with http"),
        ({"clients": "aiohtp"}, "--clients", "clients[0]", "did you mean aiohttp?"),
        ({"clients": ""}, "--clients", "clients", "empty list"),
        ({"concurrency": "1,x"}, "--concurrency", "concurrency[1]", "'x' is not an integer"),
        ({"repeats": "0"}, "--repeats", "repeats", "at least 1"),
        ({"duration": "10"}, "--duration", "load.duration", "10 has no unit"),
        ({"seed": "x"}, "--seed", "seed", "'x' is not an integer"),
    ],
)
def test_mistakes_name_the_flag(failed: Fail, flags: dict[str, str], where: str, key: str, said: str) -> None:
    (problem,) = failed(None, overrides_from_flags(**flags))  # type: ignore[arg-type]
    assert (problem.where, problem.key) == (where, key)
    assert said in f"{problem.wrong}; {problem.right}"


STAGES = {"concurrency": None, "load": None, "stages": "[{to: 5, over: 1s}, {hold: 1s}]"}


@pytest.mark.parametrize(
    ("flags", "key"), [({"duration": "3s"}, "load"), ({"concurrency": "1,7"}, "concurrency")]
)
def test_flags_about_the_load_do_not_go_with_stages(failed: Fail, flags: dict[str, str], key: str) -> None:
    (problem,) = failed(None, overrides_from_flags(**flags), **STAGES)  # type: ignore[arg-type]
    assert (problem.where, problem.key, problem.wrong) == (
        f"--{next(iter(flags))}",
        key,
        "is mutually exclusive with stages",
    )
    assert problem.right == "only one of the two: the stages say how many streams, and how long"


def test_stages_take_the_place_of_concurrency_and_load(loaded: Loader) -> None:
    scenario = loaded(None, ["stages=[{to: 5}, {hold: 1s}]"])
    assert (scenario.levels, scenario.workload.load.stages) == (
        (Level(streams=5),),
        (Stage(5, 0.0), Stage(5, 1.0)),
    )
    assert loaded(None, ["stages.1.hold=9s"], **STAGES).workload.load.stages[1] == Stage(5, 9.0)


@pytest.mark.parametrize(
    ("override", "where", "key", "said"),
    [
        ("model", "--set", "scenario", "such as load.ramp=2s"),
        ("=3", "--set", "scenario", "is not path.to.key=value"),
        ("a..b=3", "--set", "scenario", "is not path.to.key=value"),
        ("repeat=3", "--set repeat", "repeat", "did you mean repeats?"),
        ("load.rampe=3s", "--set load.rampe", "load.rampe", "did you mean ramp?"),
        ("name.x=3", "--set name.x", "name.x", "nothing to set below name"),
        ("clients.9=floor", "--set clients.9", "clients.9", "nothing to set below clients"),
        ("model=[", "--set model", "model", "YAML syntax"),
        ("model=!!python/name:os.system x", "--set model", "model", "tags construct nothing"),
        ("model=", "--set model", "model", "is empty"),
        ("options={a: {b: .nan}}", "--set options", "options.a.b", "not finite"),
        ("model=${LOADGEN_NONE}", "--set model", "model", "is not set"),
    ],
)
def test_mistakes_in_set(failed: Fail, override: str, where: str, key: str, said: str) -> None:
    (problem,) = failed(None, [override])
    assert (problem.where, problem.key) == (where, key)
    assert said in f"{problem.wrong}; {problem.right}"


def test_thresholds_of_what_a_flag_leaves_out_are_left_out(loaded: Loader, failed: Fail) -> None:
    keys = {"thresholds": "['requests.ttft_p99_ms < 5', 'aiohttp@10.ttft_p99_ms < 5', 'errors < 1%']"}
    flags = overrides_from_flags(clients="aiohttp", concurrency="1")
    assert [t.text for t in loaded(None, flags, **keys).thresholds] == ["errors < 1%"]
    (problem,) = failed(None, flags, thresholds="['floor.ttft_p99_ms < 5']")
    assert problem.wrong == "floor is not among the clients of this scenario"


def test_a_message_about_a_flag_shows_no_credential(failed: Fail) -> None:
    for override in ("target.headers.Authorization=[sk-live]", "target.url=ftp://u:sk-live@h", "sk-live"):
        assert "sk-live" not in "\n".join(map(str, failed(None, [override])))


def test_a_simulator_alone(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(scenario_text(target="{simulator: {ttft: 1s}}"), encoding="utf-8")
    flags = [Override("--gap", "target.simulator.gap", "5ms"), "target.simulator.tokens=7"]
    assert simulator(None) == Simulator()
    assert simulator(None, flags) == Simulator(gap=0.005, tokens=7)
    assert simulator(file, flags) == Simulator(ttft=1.0, gap=0.005, tokens=7)
    with pytest.raises(ScenarioError, match=r"^--ttft: target\.simulator\.ttft: 'x' is not a duration"):
        simulator(None, [Override("--ttft", "target.simulator.ttft", "x")])
    file.write_text(scenario_text(target="{url: 'http://h'}"), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"s\.yaml:2: target: has no simulator"):
        simulator(file)
