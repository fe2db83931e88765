"""Values from the environment and credentials are used, and shown nowhere."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.lab.masking import shareable
from loadgen.model import Level, Message, Prompt
from loadgen.secrets import mask, mask_cut, mask_url, of_header, of_url
from tests.scenario.conftest import Fail
from tests.scenario.conftest import Load as Loader

KEY = "sk-live/0123+4567"


def test_references_are_filled_and_secret(loaded: Loader) -> None:
    scenario = loaded(
        target='{url: "http://${HOST:-127.0.0.1}:${PORT}", '
        'headers: {Authorization: "Bearer ${KEY}", X-Org: "${ORG}"}}',
        model="${MODEL}",
        prompts='["say ${WORD}", "costs 5$$ or $6"]',
        options="{n: '${N}', stop: '${EMPTY:-none}'}",
        environ={
            "PORT": "8080",
            "KEY": KEY,
            "ORG": "acme",
            "MODEL": "mistral",
            "WORD": "hello",
            "N": "12345",
            "EMPTY": "",
        },
    )
    assert scenario.target.url == "http://127.0.0.1:8080"
    assert scenario.target.headers == {"Authorization": f"Bearer {KEY}", "X-Org": "acme"}
    assert (scenario.workload.model, scenario.workload.prompts) == (
        "mistral",
        (Prompt("say hello"), Prompt("costs 5$ or $6")),
    )
    assert scenario.workload.options == {"n": "12345", "stop": "none"}
    assert scenario.secrets == {KEY, f"Bearer {KEY}", "acme", "hello", "12345"}
    encoded = msgspec.json.encode(shareable(scenario)).decode()
    assert not [secret for secret in scenario.secrets if secret in encoded]


def test_what_every_table_shows_is_no_secret(loaded: Loader) -> None:
    scenario = loaded(
        name="nightly-${SHA}",
        clients='["${CLIENT}"]',
        repeats="${REPEATS:-3}",
        load='{duration: "${TIME}"}',
        concurrency='["${LEVEL}"]',
        options="\n  n: ${N}",
        thresholds='["ttft_p99_ms < ${LIMIT}"]',
        environ={
            "SHA": "abcdef",
            "CLIENT": "aiohttp",
            "TIME": "10s",
            "LEVEL": "1000",
            "N": "5000",
            "LIMIT": "1500",
        },
    )
    assert (scenario.name, scenario.repeats, scenario.workload.load.duration) == ("nightly-abcdef", 3, 10.0)
    assert (scenario.levels, scenario.workload.options, scenario.thresholds[0].value) == (
        (Level(streams=1000),),
        {"n": 5000},
        1500.0,
    )
    assert scenario.secrets == frozenset()


def test_a_secret_in_the_name_is_refused(failed: Fail) -> None:
    (problem,) = failed(
        name="run-${KEY}", target="{simulator: {}, headers: {X: '${KEY}'}}", environ={"KEY": "abcdefgh"}
    )
    assert (problem.where, problem.key, problem.wrong) == ("1", "name", "holds a secret")


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "${KEY}", "repeats": "0"},
        {"name": "${KEY}/"},
        {"clients": '["${KEY}"]'},
        {"clients": '[{client: aiohttp, loop: "${KEY}"}]'},
        {"protocol": "${KEY}"},
        {"concurrency": '["${KEY}"]'},
        {"load": '{duration: "${KEY}"}'},
        {"repeats": "${KEY}"},
        {"stream": "${KEY}"},
        {"thresholds": '["${KEY}"]'},
        {"thresholds": '["${KEY}.ttft_p99_ms < 5"]'},
        {"prompts": '{file: "${KEY}.txt"}'},
        {"prompts": '{file: "${KEY}"}'},
        {"target": '{url: "${KEY}"}'},
        {"target": '{url: "http://u:${KEY}@h:x"}'},
        {"target": '{url: "http://h/#${KEY}"}'},
        {"target": '{simulator: {distribution: "${KEY}"}}'},
        {"target": '{simulator: {faults: {stall: "${KEY}"}}}'},
        {"target": '{simulator: {}, headers: {X: "${KEY}\\n"}}'},
    ],
)
@pytest.mark.parametrize("key", [KEY, "pw"])
def test_no_message_shows_the_environment(failed: Fail, changed: dict[str, str], key: str) -> None:
    for problem in failed(environ={"KEY": key}, **changed):
        said = f"{problem.where}: {problem.wrong}; {problem.right}"
        assert key not in said or (key == "pw" and "file" in changed.get("prompts", ""))


@pytest.mark.parametrize(
    "target",
    [
        "{headers: {Authorization: Bearer sk-live}}",
        "{url: 'http://u:sk-live@'}",
        "{url: 'http://u:sk-live@h:port'}",
        "{url: 'ftp://h/?api_key=sk-live'}",
        "{url: 'http://h', header: {Authorization: sk-live}}",
        "{url: 'http://h', headers: {Cookie: \"a=sk-live\\n\"}}",
        "{url: 'http://h', headers: [sk-live]}",
        "sk-live",
        "[sk-live",
    ],
)
def test_no_message_shows_a_credential_of_the_file(failed: Fail, target: str) -> None:
    assert "sk-live" not in "\n".join(map(str, failed(target=target)))


def test_a_url_is_shown_without_its_credentials(loaded: Loader) -> None:
    scenario = loaded(target="{url: 'http://me:p%40ss@h:1/v1?token=abcd&x=1'}")
    assert scenario.target.url == "http://me:p%40ss@h:1/v1?token=abcd&x=1"
    assert {"p%40ss", "p@ss", "abcd"} <= scenario.secrets
    assert shareable(scenario).target.url == "http://***@h:1/v1?token=***&x=***"


@pytest.mark.parametrize(
    "name", ["Authorization", "X-API-Key", "cookie", "Proxy-Authorization", "api-key", "X-My-Token"]
)
def test_headers_that_are_secret_by_their_name(loaded: Loader, name: str) -> None:
    scenario = loaded(target=f"{{simulator: {{}}, headers: {{{name}: pw, Accept: text}}}}")
    assert scenario.secrets == {"pw"}
    assert shareable(scenario).target.headers == {name: "***", "Accept": "text"}


def test_the_parts_of_credentials() -> None:
    basic = base64.b64encode(b"me:secret").decode()
    assert of_header("Authorization", f"Basic {basic}") == {f"Basic {basic}", basic, "me:secret", "secret"}
    assert of_header("Cookie", "id=abc; theme=x") >= {"abc", "x"}
    assert of_header("Accept", "abc") == set()
    assert of_url("http://token@h/") == {"token"}
    assert of_url("http://h/?q=1") == set()
    assert mask_url("http://h/?q=1&key=a%26b", ["q=1"]) == "http://h/?q=***&key=***"
    assert mask_url("http://h/?api-version=1", ["q=1"]) == "http://h/?api-version=1"


def test_masking_hides_every_spelling() -> None:
    secret = 'p"ä/s s+'
    spellings = [secret, json.dumps(secret)[1:-1], quote(secret), quote(secret, safe="")]
    spellings.append(base64.b64encode(secret.encode()).decode())
    for spelling in spellings:
        assert mask(f"before {spelling} after", [secret]) == "before *** after"


@pytest.mark.parametrize(
    "text",
    ["bad key sk-li", "bad key sk-live… (HTTP 200)", "a… bad sk-live-0… b sk-l… c", "bad sk-live-01234567"],
)
def test_a_secret_that_is_cut_anywhere_is_hidden(text: str) -> None:
    assert "sk-l" not in mask_cut(text, ["sk-live-01234567"])
    assert mask_cut("short sk… is not", ["sk-live-01234567"]) == "short sk… is not"


def test_masking_longest_first_and_short_ones_only_as_a_whole() -> None:
    assert mask("abcdefgh abcd", ["abcd", "abcdefgh"]) == "*** ***"
    assert mask("a cat", ["a"]) == "a cat"
    assert mask("a", ["a"]) == "***"
    assert mask("text", ["", "x"]) == "text"
    assert mask("text", []) == "text"


def searched_for(secret: str) -> bool:
    """Whether a secret is neither of stars nor a small number, which stays."""
    return bool(set(secret) - {"*"}) and not set(secret) <= set("0123456789.+-")


@given(st.text(), st.lists(st.text(min_size=4).filter(searched_for)), st.text())
def test_no_secret_survives(before: str, secrets: list[str], after: str) -> None:
    masked = mask(before + "\0".join(secrets) + after, secrets)
    assert not [secret for secret in secrets if secret in masked and "*" not in secret]


CREDENTIALS = (
    "X-Session", "X-Auth-Token", "Session-Id", "sid", "X-SID", "csrf", "X-CSRFToken", "XSRF-TOKEN", "pwd", "pass",
    "X-Pass", "userPwd", "jwt", "X-JWT", "sig", "signature", "code", "sas", "otp", "pin", "Ocp-Apim-Subscription-Key",
    "apikey", "hf_token", "access_token", "client_secret", "passphrase", "X-Goog-Api-Key", "ticket", "SAMLResponse",
    "X-HMAC",
)  # fmt: skip
# Fields of requests and headers that count, or name what a model has.
NONE = (
    "max_tokens",
    "X-Max-Tokens",
    "tokenizer",
    "author",
    "authors",
    "prompt",
    "stop",
    "keep_alive",
    "top_k",
)


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_credential_is_known_by_its_name(loaded: Loader, name: str) -> None:
    value = "hunter"
    for target in (
        f"{{url: 'http://h/?{name}={value}'}}",
        f"{{url: 'http://h', headers: {{{name}: {value}}}}}",
    ):
        scenario = loaded(target=target, prompts="[the hunter sleeps]")
        assert scenario.secrets == {value}
        assert value not in msgspec.json.encode(shareable(scenario)).decode()
    scenario = loaded(body=f"{{metadata: {{{name}: [{value}]}}}}", options=f"{{{name}: {value}}}")
    assert scenario.secrets == {value}
    assert value not in msgspec.json.encode(shareable(scenario)).decode()


@pytest.mark.parametrize("name", NONE)
def test_no_credential_by_its_name(loaded: Loader, name: str) -> None:
    scenario = loaded(body=f"{{{name}: '1024', deep: [{{{name}: word}}]}}", prompts="[1024 words]")
    assert scenario.secrets == frozenset()
    assert shareable(scenario).workload == scenario.workload


def test_headers_are_masked_but_for_harmless_ones(loaded: Loader) -> None:
    headers = (
        "{X-Max-Tokens: '1024', X-Team: search, X-Trace: 3f9c1d2e4b5a6978, X-Pin: '4711', X-Long: '123456789', "
        "Accept: '*/*', anthropic-version: '2023-06-01'}"
    )
    scenario = loaded(target=f"{{url: 'http://h', headers: {headers}}}", prompts="[search in 1024 and 4711]")
    assert shareable(scenario).target.headers == {
        **dict.fromkeys(("X-Team", "X-Trace", "X-Pin", "X-Long"), "***"),
        **{"X-Max-Tokens": "1024", "Accept": "*/*", "anthropic-version": "2023-06-01"},
    }
    assert shareable(scenario).workload.prompts == (Prompt("search in 1024 and 4711"),)
    assert scenario.secrets == {"3f9c1d2e4b5a6978", "4711"}


def test_secrets_are_masked_in_the_messages_of_a_chat(loaded: Loader) -> None:
    scenario = loaded(
        target="{url: 'http://h', headers: {Authorization: 'Bearer ${KEY}'}}", environ={"KEY": KEY}
    )
    chat = Prompt(messages=(Message("user", f"It is {KEY}."),))
    (shown,) = shareable(
        replace(scenario, workload=replace(scenario.workload, prompts=(chat,)))
    ).workload.prompts
    assert shown.messages == (Message("user", "It is ***."),)


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-AbCdEfGh12345678", "hf_AbCdEfGhIjKlMnOp", "ghp_0123456789abcdefABCD", "xoxb-123456789012-abc",
        "AKIAIOSFODNN7EXAMPLE", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    ],
)  # fmt: skip
def test_a_key_is_known_by_its_form_wherever_it_stands(loaded: Loader, key: str) -> None:
    scenario = loaded(
        target=f"{{url: 'http://h/{key}/v1'}}", prompts=f"['my key is {key}']", options=f"{{user: '{key}'}}"
    )
    assert scenario.secrets == {key}
    assert key not in msgspec.json.encode(shareable(scenario)).decode()


def test_credentials_in_the_address_of_metrics_are_secret(loaded: Loader) -> None:
    metrics = "http://me:hidden1234@h/metrics?token=hidden5678"
    scenario = loaded(target=f"{{url: 'http://h', metrics: '{metrics}'}}")
    assert scenario.target.metrics is not None
    assert scenario.target.metrics.url == metrics
    assert {"hidden1234", "hidden5678"} <= scenario.secrets
    assert "hidden" not in msgspec.json.encode(shareable(scenario)).decode()
    assert "hidden" not in repr(scenario)
