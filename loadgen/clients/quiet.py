"""Import this before litellm or LangChain: they ask and tell other hosts what the environment says, and by default."""

import os

_LOCAL = ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS", "POLICY_TEMPLATES", "AUTOROUTER_PRESETS")

for name in [
    name
    for name in os.environ
    if name.startswith(("LANGCHAIN_", "LANGSMITH_", "LITELLM_", "OPENAI_", "OLLAMA_"))
]:
    del os.environ[name]
os.environ |= {f"LITELLM_LOCAL_{each}": "True" for each in _LOCAL} | {"LITELLM_TELEMETRY": "False"}
