"""Prompts from a file: ``.jsonl`` (a JSON string or an object with ``prompt`` in each line) or ``.txt``."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Final

from loadgen.scenario.environment import is_unicode
from loadgen.scenario.files import read_text
from loadgen.scenario.problems import Problem, ScenarioError

MAX_BYTES: Final = 16 << 20
SUFFIXES: Final = (".jsonl", ".txt")


def read_prompts(folder: FilePath, file: str, where: str) -> tuple[str, ...]:
    """Return the prompts in ``file``, relative to ``folder``; ``where`` is the place that names the file.

    Raises ScenarioError with every line that has no prompt.
    """
    path = folder / file
    if path.suffix not in SUFFIXES:
        raise ScenarioError(
            [Problem(where, "prompts.file", "is neither .jsonl nor .txt", "prompts.jsonl or prompts.txt")]
        )
    text = read_text(path, MAX_BYTES, where, "prompts.file", SUFFIXES)
    prompts: list[str] = []
    problems: list[Problem] = []
    for line, content in enumerate(map(str.strip, text.split("\n")), 1):
        if not content:
            continue
        prompt, wrong = (content, "") if path.suffix == ".txt" else _prompt(content)
        if wrong:
            right = 'a JSON string, or an object such as {"prompt": "Write a haiku."}'
            problems.append(Problem(f"{path}:{line}", "prompts.file", wrong, right))
        prompts.append(prompt)
    if not prompts and not problems:
        problems.append(Problem(f"{path}:1", "prompts.file", "holds no prompt", "one in each line"))
    if problems:
        raise ScenarioError(problems)
    return tuple(prompts)


def _prompt(content: str) -> tuple[str, str]:
    """Return the prompt of a line of JSON, and what is wrong with it."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return "", "is not JSON"
    prompt = found.get("prompt") if isinstance(found, dict) else found
    if not isinstance(prompt, str) or not prompt.strip():
        return "", "holds no prompt"
    return prompt, "" if is_unicode(prompt) else "holds half a character (a lone surrogate)"
