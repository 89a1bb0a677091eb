"""Asking one of a manager's providers for what is free: models, health, tokens. A failure is an answer too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from understudy.domain.errors import LLMError, error_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.responses import ModelInfo, T, TokenCount
from understudy.protocol import LLMProvider

if TYPE_CHECKING:
    from understudy.domain.requests import GenerationRequest


async def asked(provider: LLMProvider, ask: Callable[[LLMProvider], Awaitable[T]], seconds: float) -> T | LLMError:
    """Ask a provider; return its answer, its error, or the error that it did not answer in time.

    Any other exception of a custom provider is logged: it must not prevent the answers of the others.
    """
    import asyncio

    try:
        async with asyncio.timeout(seconds):
            return await ask(provider)
    except LLMError as error:
        return error
    except TimeoutError:
        message = f"{provider.name} did not answer within {seconds:.3g} s"
        return error_of(Failure(kind=FailureKind.TIMEOUT_BODY, message=message))
    except Exception as error:  # noqa: BLE001 - it is logged
        _log_exception("provider %s failed", provider.name)
        message = f"{provider.name} raised {type(error).__name__}"
        return error_of(Failure(kind=FailureKind.LOCAL, message=message))


def _log_exception(words: str, name: str) -> None:
    import logging  # a manager is built without it

    logging.getLogger("understudy").exception(words, name)


async def of_type(kind: type[T], answer: Awaitable[T]) -> T:
    """Return a provider's answer. Raise `TypeError` if a custom provider's is of another type."""
    found = await answer
    if not isinstance(found, kind):
        raise TypeError(f"got {type(found).__name__} instead of {kind.__name__}")
    return found


async def named_models(provider: LLMProvider, limit: int | None) -> list[ModelInfo]:
    """Return a provider's models under the manager's names for them. Raise `TypeError` as `of_type` does."""
    name, models = provider.name, await of_type(list, provider.list_models(limit=limit))
    return [msgspec.structs.replace(model, id=f"{name}/{model.id}", provider=name) for model in models]


def counting(request: GenerationRequest) -> Callable[[LLMProvider], Awaitable[TokenCount]]:
    """Return what asks a provider for the tokens of a request."""
    return lambda provider: of_type(TokenCount, provider.count_tokens(request))


async def closed(provider: LLMProvider) -> None:
    """Close a provider; what it raises is logged."""
    try:
        await provider.aclose()
    except Exception:  # noqa: BLE001 - it is logged
        # A custom provider's bug must not keep the others' connections open.
        _log_exception("provider %s failed to close", provider.name)
