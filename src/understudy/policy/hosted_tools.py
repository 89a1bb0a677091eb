"""What bounds the tools that a provider runs itself: how often they may be called, and which fees a call has. Pure.

Anthropic's searches and fetches have `max_uses` (https://platform.claude.com/docs/en/agents-and-tools/tool-use), and
OpenAI's Responses API has `max_tool_calls` for all its tools together. Nothing bounds any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from understudy.domain.messages import OpaqueTool
from understudy.domain.requests import GenerationRequest, whole_of

PASSES = 2
"""How often the model reads its prompt beside once for each call: for the answer, and to learn that no more is
allowed."""

_OF_CALLERS: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("bash_", "text_editor_", "computer_", "memory_", "custom"),
    "openai": ("custom",),
    "responses": ("custom", "namespace", "computer", "local_shell", "apply_patch", "tool_search"),
    "gemini": ("computerUse",),
}
"""Beginnings of kinds that the caller runs, by wire format: nothing is read or charged beside the request."""
_FEES: Mapping[str, Mapping[str, str | None]] = {
    "anthropic": {"web_search_": "web_search", "web_fetch_": None},
    "responses": {
        "web_search_preview": "web_search_preview",
        "web_search": "web_search",
        "file_search": "file_search",
        "code_interpreter": "code_interpreter",
    },
}
"""The fee of kinds whose calls can be bounded, by the names in `Price.fees`; `None`: only tokens are charged."""


class HostedTools(msgspec.Struct, frozen=True):
    """What the hosted tools of a request can do."""

    calls: int | None = 0
    """How often they can be called at most; `None` if nothing bounds that."""
    fees: int | None = 0
    """What that can cost beside tokens, in nano-USD; `None` if nothing bounds it, or a fee is unknown."""
    are_priced: bool = True
    """Whether the fee of each is known, so that the cost is known afterwards."""


NONE = HostedTools()


def hosted_tools(request: object, dialect: str | None, fees: Mapping[str, int]) -> HostedTools:
    """Return what bounds the hosted tools of a request at a target. Those of another wire format are not sent there.

    `dialect`: that of the target; `None` if it is unknown. `fees`: nano-USD of a call.
    """
    if not isinstance(request, GenerationRequest) or not any(_is_hosted(each, dialect) for each in request.tools):
        return NONE
    whole = whole_of(request)  # an outline has one tool of each kind
    tools = [each for each in whole.tools if isinstance(each, OpaqueTool) and _is_hosted(each, dialect)]
    most = _max_tool_calls(whole)
    calls, spent, bounded, priced = 0, 0, True, True
    for tool in tools:
        own = tool.json.get("max_uses") if isinstance(tool.json, Mapping) and tool.dialect == "anthropic" else most
        known, fee = _fee_of(tool, fees)
        priced &= known
        if not known or not isinstance(own, int) or isinstance(own, bool) or own < 0:
            bounded = False
            continue
        calls += own
        spent += own * fee
    if bounded and tools[0].dialect == "responses" and most is not None:  # for all of them together
        calls, spent = most, most * max(_fee_of(each, fees)[1] for each in tools)
    return HostedTools(calls if bounded else None, spent if bounded else None, priced)


def _is_hosted(tool: object, dialect: str | None) -> bool:
    if not isinstance(tool, OpaqueTool) or (dialect is not None and tool.dialect != dialect):
        return False
    return not _begins(tool, _OF_CALLERS.get(tool.dialect, ()))


def _fee_of(tool: OpaqueTool, fees: Mapping[str, int]) -> tuple[bool, int]:
    """Return whether the fee of a tool is known, and what it is in nano-USD."""
    known = _FEES.get(tool.dialect, {})
    name = next((fee for beginning, fee in known.items() if _begins(tool, (beginning,))), "")
    if name is None:
        return True, 0
    return name in fees, fees.get(name, 0)


def _begins(tool: OpaqueTool, beginnings: Iterable[str]) -> bool:
    value: Any = tool.json
    # Google's tools have their kind as their only key.
    kind = value.get("type") if isinstance(value.get("type"), str) else next(iter(value), "")
    return str(kind).startswith(tuple(beginnings))


def _max_tool_calls(request: GenerationRequest) -> int | None:
    extra = request.extra or {}
    found = next(
        (each for name in ("responses", "openai") if (each := extra.get(name, {}).get("max_tool_calls"))), None
    )
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None
