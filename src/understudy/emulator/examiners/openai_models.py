"""The families of OpenAI's models: what each of them refuses."""

from __future__ import annotations

import re
from urllib.parse import unquote

import msgspec

from understudy.emulator.cast.base import CheckedRequest

_LOW = ("low", "medium", "high")
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What models of one family have in common."""

    reasons: bool = False
    efforts: tuple[str, ...] | None = None
    """Supported efforts; empty: the parameter is refused, `None`: not documented."""
    default_effort: str = "medium"
    chat: bool = True
    """Whether chat completions serve it; all are served by Responses."""
    tools_with_effort: bool = True
    """Whether chat completions accept function tools while the model reasons."""
    system: bool = True
    """Whether system and developer messages are accepted."""
    parallel: bool = True
    """Whether chat completions accept `parallel_tool_calls`."""
    choices: int = 128
    """The most answers to one request of chat completions."""
    top_logprobs: int = 20
    vision: bool = True
    json_schema: bool = True
    """Whether `response_format` may be a schema."""
    json_mode: bool = True
    """Whether `response_format` may be `json_object`."""
    search: bool = False
    """Whether chat completions accept `web_search_options`."""
    cache_for_a_day: bool = False
    """Whether prompts can be cached for 24 hours only."""
    dimensions: int | None = None
    """The largest number of dimensions of embeddings; 0: it cannot be chosen."""


def _newest(*efforts: str) -> Family:
    """Return the family of a model since GPT-5.6."""
    return Family(
        reasons=True, efforts=efforts, tools_with_effort=False, choices=8, top_logprobs=5, cache_for_a_day=True
    )


_FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"o1-(?:mini|preview)", Family(reasons=True, efforts=(), system=False, vision=False, json_schema=False)),
    (r"o\d+(?:-mini)?-(?:pro|deep-research)", Family(reasons=True, efforts=_LOW, chat=False)),
    (r"o3-mini", Family(reasons=True, efforts=_LOW, parallel=False, vision=False)),
    (r"o\d", Family(reasons=True, efforts=_LOW, parallel=False)),
    (r"codex-mini", Family(reasons=True, efforts=_LOW, chat=False)),
    (r"gpt-5(?:\.\d+)?-chat", Family()),
    (r"gpt-5-pro", Family(reasons=True, efforts=("high",), chat=False)),
    (r"gpt-5(?:\.1)?-codex(?!-max)", Family(reasons=True, efforts=_LOW, chat=False)),
    (r"gpt-5\.\d+-codex", Family(reasons=True, efforts=("none", *_LOW, "xhigh"), chat=False)),
    (r"gpt-[5-9](?:\.\d+)?-pro", Family(reasons=True, efforts=("medium", "high", "xhigh"), chat=False)),
    (r"gpt-5(?!\.)(?:-search-api)?", Family(reasons=True, efforts=("minimal", *_LOW))),
    (r"gpt-5\.1", Family(reasons=True, efforts=("none", *_LOW), default_effort="none")),
    (
        r"gpt-5\.[24]",
        Family(reasons=True, efforts=("none", *_LOW, "xhigh"), default_effort="none", tools_with_effort=False),
    ),
    (r"gpt-5\.3", Family(reasons=True, efforts=("none", *_LOW, "xhigh"))),
    (r"gpt-5\.5", Family(reasons=True, efforts=("none", *_LOW, "xhigh"), cache_for_a_day=True)),
    (r"gpt-5\.|gpt-6-(?:sol|luna)", _newest("none", *_LOW, "xhigh", "max")),
    (r"gpt-6", _newest(*_LOW, "xhigh", "max")),
    (r"gpt-4o(?:-mini)?-search", Family(efforts=(), search=True)),
    (r"gpt-4o|gpt-4\.|chatgpt-4o", Family(efforts=())),
    (r"gpt-4-turbo", Family(efforts=(), json_schema=False)),
    (r"gpt-4(?!-vision)", Family(efforts=(), vision=False, json_schema=False, json_mode=False)),
    (r"gpt-3\.5", Family(efforts=(), vision=False, json_schema=False)),
    (r"text-embedding-3-small", Family(dimensions=1536)),
    (r"text-embedding-3-large", Family(dimensions=3072)),
    (r"text-embedding-ada", Family(dimensions=0)),
)
"""In this order: the first pattern that fits the beginning of a name counts."""

_UNKNOWN = Family()


def model_of(request: CheckedRequest) -> str:
    """Return the model that answers: Azure's dated addresses name its deployment, which stands before the body."""
    deployment = _DEPLOYMENT.search(request.path)
    return unquote(deployment[1]) if deployment else request.model_name or ""


def family_of(request: CheckedRequest) -> Family:
    """Return the family of the model; one that refuses nothing where the name is unknown, as of fine-tuned models."""
    name = model_of(request)
    return next((family for pattern, family in _FAMILIES if re.match(pattern, name)), _UNKNOWN)


def reasons(request: CheckedRequest, effort: object) -> bool:
    """Check whether the model reasons at a requested effort."""
    family = family_of(request)
    return family.reasons and (effort or family.default_effort) != "none"
