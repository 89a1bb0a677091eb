"""How many tokens a prompt has: counted by a provider that can, else estimated, and marked as such."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from understudy.domain.errors import Unavailable, Unsupported
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import TokenCount
from understudy.gateway.manager import GatewayManager
from understudy.policy.estimate import expected_usage


class Counted(NamedTuple):
    """A number of tokens."""

    tokens: TokenCount
    is_estimated: bool


async def counted(manager: GatewayManager, request: GenerationRequest, model: str | None) -> Counted:
    """Return the tokens of a request's prompt. Raise `LLMError` if a provider refuses the request itself."""
    request = replace(request, model=model)
    try:
        return Counted(await manager.count_tokens(request), is_estimated=False)
    except (Unsupported, Unavailable):
        return Counted(TokenCount(input_tokens=_estimate(request)), is_estimated=True)


def _estimate(request: GenerationRequest) -> int:
    return expected_usage(request).input_total or 0
