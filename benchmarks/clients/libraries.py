"""The clients that are compared, in the order of the report."""

from __future__ import annotations

from benchmarks.clients.comparison import Library
from benchmarks.environments import Environment, user_cache

_CACHE = user_cache("understudy-bench", "UNDERSTUDY_BENCH_CACHE")
_UVLOOP = "uvloop==0.23.0"


def _environment(name: str, *packages: str) -> Environment:
    return Environment(name, (*packages, _UVLOOP), _CACHE)


BARE = Library("bare client", "bare", "aiohttp, and msgspec for every request, answer and chunk.")
OWN = Library("understudy", "own", "A manager of two targets with fallback, prices, records and statistics.")
LIBRARIES = (
    BARE,
    OWN,
    Library("openai", "openai_sdk", "`AsyncOpenAI`, without retries.", _environment("openai", "openai==3.57.0")),
    Library(
        "litellm",
        "litellm_sdk",
        "`acompletion`, without retries, with the prices that it ships.",
        _environment("litellm", "litellm==1.106.2", "mcp==2.3.0"),  # without mcp it fails at requests with tools
    ),
    Library(
        "any-llm",
        "any_llm_sdk",
        "`AnyLLM.acompletion` over its provider for OpenAI, without retries.",
        _environment("any-llm", "any-llm-sdk[openai]==1.40.2"),
    ),
    Library(
        "pydantic-ai",
        "pydantic_ai_sdk",
        "`pydantic_ai.direct.model_request` and `model_request_stream`, without an agent.",
        _environment("pydantic-ai", "pydantic-ai-slim[openai]==2.62.0"),
    ),
)
