"""The JSON Schema of a scenario, for editors."""

from __future__ import annotations

from typing import Any, Final

from loadgen import clients, protocols
from loadgen.scenario import thresholds, variants
from loadgen.scenario.shape import ScenarioShape
from loadgen.scenario.source import scalar
from loadgen.scenario.values import SIZE_SCHEMA, with_unit

_REFERENCE: Final = {
    "description": "A value from the environment.",
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\}",
}
_LIST: Final = ("type", "items", "minItems")
_NUMBER: Final = r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?"
_ABOUT: Final = {"title", "description", "examples", "default"}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario file, with the clients and protocols installed here.

    Clients of other packages are imported for their options.
    """
    made = ScenarioShape.model_json_schema()
    keys = made["properties"]
    keys["name"]["pattern"] = r"^[^\s/\\._-][^\s/\\]*$"
    keys["protocol"]["enum"] = protocols.names()
    keys["prompts"]["anyOf"] = keys["prompts"].pop("oneOf")
    keys["clients"]["items"] = {"anyOf": [{"enum": clients.names()}, *map(_variant, clients.names())]}
    speed = made["$defs"]["TraceShape"]["properties"]["speed"]
    for key in (keys["concurrency"], keys["rate"], speed):
        levels = {rule: key.pop(rule) for rule in _LIST}
        key["anyOf"] = [levels["items"], {**levels, "uniqueItems": True}]
    # A threshold names a metric, or has a value from the environment.
    written = rf"^\s*(.+\.)?({'|'.join(thresholds.metrics())})\s*(<=|>=|<|>)\s*{_NUMBER}\s*%?\s*$"
    keys["thresholds"]["items"] = {"type": "string", "anyOf": [{"pattern": written}, {"pattern": r"\$\{"}]}
    for shape in (made, *made["$defs"].values()):
        shape["properties"] = {key: _readable(value) for key, value in shape["properties"].items()}
    target = made["$defs"]["TargetShape"]["properties"]
    about = {key: target["metrics"].pop(key) for key in _ABOUT & target["metrics"].keys()}
    target["metrics"] = {**about, "anyOf": [{"type": "string"}, target["metrics"]]}
    made["$defs"]["Reference"] = _REFERENCE
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "loadgen scenario"}


def _numbers(values: tuple[Any, ...]) -> list[float]:
    """Return the values that may also be written as a number, such as a version."""
    return [
        yaml for each in values if isinstance(each, str) and isinstance(yaml := scalar(each), int | float)
    ]


def _variant(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "client": {"const": name},
            variants.PYTHON: {
                "description": "Another interpreter that runs this client, with its own libraries.",
                "type": "string",
                "minLength": 1,
            },
            **{
                key: SIZE_SCHEMA
                if isinstance(values, clients.Size)
                else {"enum": [*values, *_numbers(values)]}
                for key, values in variants.options_of(name).items()
            },
        },
        "required": ["client"],
        "additionalProperties": False,
    }


def _readable(value: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a key as it is written: never null, durations with a unit, or from the environment."""
    about = {key: rule for key, rule in value.items() if key in _ABOUT - {"title"}}
    rules = {key: rule for key, rule in value.items() if key not in _ABOUT}
    choices = [choice for choice in rules.get("anyOf", [rules]) if choice != {"type": "null"}]
    if any("(ms|s|m|h)" in choice.get("pattern", "") for choice in choices) and about.get("default"):
        seconds = about["default"]
        about["default"] = f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"
    if any("MiB" in choice.get("pattern", "") for choice in choices) and about.get("default"):
        about["default"] = with_unit(about["default"])
    if about.get("default", ...) is None:
        del about["default"]
    if all("$ref" in choice or choice.get("type") in ("object", "array") for choice in choices):
        return {**about, **(choices[0] if len(choices) == 1 else {"anyOf": choices})}
    if choices == [{"type": "string"}]:
        return {**about, **choices[0]}
    return {**about, "anyOf": [*choices, {"$ref": "#/$defs/Reference"}]}
