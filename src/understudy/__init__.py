"""understudy: one interface to ten LLM providers, with an understudy ready for each.

    import understudy

    async with understudy.from_config() as llm:
        answer = await llm.generate("Why is the sky blue?")
        print(answer.text, answer.provider, answer.attempts)

Names are resolved at their first use (PEP 562), so importing the package costs almost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy import blocking
    from understudy.client.factory import create_provider
    from understudy.client.manager import ProviderManager, from_config
    from understudy.client.stream import ResponseStream
    from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
    from understudy.domain.content import (
        Audio,
        CacheMark,
        Citation,
        File,
        Image,
        Opaque,
        Refusal,
        Text,
        Thinking,
        ToolCall,
        ToolResult,
    )
    from understudy.domain.errors import (
        AuthenticationFailed,
        ConfigError,
        ConnectionFailed,
        ContentFiltered,
        ContextLengthExceeded,
        DeadlineExceeded,
        EmbeddingFailed,
        GenerationFailed,
        InvalidRequest,
        InvalidResponse,
        LLMError,
        Misuse,
        ModelNotFound,
        Overloaded,
        PermissionDenied,
        QuotaExhausted,
        RateLimited,
        Refused,
        RequestTooLarge,
        ServerFailed,
        StreamInterrupted,
        TimedOut,
        Unavailable,
        Unsupported,
    )
    from understudy.domain.events import (
        Event,
        Finished,
        Started,
        TextDelta,
        ThinkingDelta,
        ToolCallDelta,
        ToolCallStarted,
        UsageReported,
    )
    from understudy.domain.failures import Failure, FailureKind
    from understudy.domain.finish import FinishReason
    from understudy.domain.messages import Message, Role, Tool, ToolChoice
    from understudy.domain.money import Cost, Money
    from understudy.domain.prices import Price, Rates, Tier
    from understudy.domain.requests import EmbeddingRequest, GenerationRequest, OutputFormat, Reasoning
    from understudy.domain.responses import EmbeddingResponse, GenerationResponse, HealthStatus, ModelInfo, TokenCount
    from understudy.domain.secret import Secret
    from understudy.domain.stats import ProviderStats
    from understudy.domain.usage import Usage
    from understudy.ledger.memory import MemoryLedger
    from understudy.policy.plan import Plan, Skip, Step
    from understudy.policy.strategies import Strategy
    from understudy.policy.targets import Facts, Target, TargetFacts
    from understudy.protocol import LLMProvider
    from understudy.settings import (
        FallbackConfig,
        FallbackStrategy,
        ProviderConfig,
        ProviderType,
        Route,
        Signer,
        TokenSource,
    )
    from understudy.wire.http import HttpRequest

__version__ = "0.1.0"

_HOMES = {
    "understudy.domain.attempts": "AttemptRecord CostBasis Outcome",
    "understudy.domain.content": (
        "Audio CacheMark Citation File Image Opaque Refusal Text Thinking ToolCall ToolResult"
    ),
    "understudy.domain.errors": (
        "AuthenticationFailed ConfigError ConnectionFailed ContentFiltered ContextLengthExceeded DeadlineExceeded "
        "EmbeddingFailed GenerationFailed InvalidRequest InvalidResponse LLMError Misuse ModelNotFound Overloaded "
        "PermissionDenied QuotaExhausted RateLimited Refused RequestTooLarge ServerFailed StreamInterrupted TimedOut "
        "Unavailable Unsupported"
    ),
    "understudy.domain.events": (
        "Event Finished Started TextDelta ThinkingDelta ToolCallDelta ToolCallStarted UsageReported"
    ),
    "understudy.domain.failures": "Failure FailureKind",
    "understudy.domain.finish": "FinishReason",
    "understudy.domain.messages": "Message Role Tool ToolChoice",
    "understudy.domain.money": "Cost Money",
    "understudy.domain.prices": "Price Rates Tier",
    "understudy.domain.requests": "EmbeddingRequest GenerationRequest OutputFormat Reasoning",
    "understudy.domain.responses": ("EmbeddingResponse GenerationResponse HealthStatus ModelInfo TokenCount"),
    "understudy.domain.secret": "Secret",
    "understudy.domain.stats": "ProviderStats",
    "understudy.domain.usage": "Usage",
    "understudy.client.stream": "ResponseStream",
    "understudy.wire.http": "HttpRequest",
    "understudy.client.factory": "create_provider",
    "understudy.ledger.memory": "MemoryLedger",
    "understudy.client.manager": "ProviderManager from_config",
    "understudy.policy.plan": "Plan Skip Step",
    "understudy.policy.strategies": "Strategy",
    "understudy.policy.targets": "Facts Target TargetFacts",
    "understudy.protocol": "LLMProvider",
    "understudy.settings": ("FallbackConfig FallbackStrategy ProviderConfig ProviderType Route Signer TokenSource"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    from importlib import import_module

    if name == "blocking":
        return import_module("understudy.blocking")
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'understudy' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF, "blocking"})


__all__ = [
    "AttemptRecord",
    "Audio",
    "AuthenticationFailed",
    "CacheMark",
    "Citation",
    "ConfigError",
    "ConnectionFailed",
    "ContentFiltered",
    "ContextLengthExceeded",
    "Cost",
    "CostBasis",
    "DeadlineExceeded",
    "EmbeddingFailed",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "Event",
    "Facts",
    "Failure",
    "FailureKind",
    "FallbackConfig",
    "FallbackStrategy",
    "File",
    "FinishReason",
    "Finished",
    "GenerationFailed",
    "GenerationRequest",
    "GenerationResponse",
    "HealthStatus",
    "HttpRequest",
    "Image",
    "InvalidRequest",
    "InvalidResponse",
    "LLMError",
    "LLMProvider",
    "MemoryLedger",
    "Message",
    "Misuse",
    "ModelInfo",
    "ModelNotFound",
    "Money",
    "Opaque",
    "Outcome",
    "OutputFormat",
    "Overloaded",
    "PermissionDenied",
    "Plan",
    "Price",
    "ProviderConfig",
    "ProviderManager",
    "ProviderStats",
    "ProviderType",
    "QuotaExhausted",
    "RateLimited",
    "Rates",
    "Reasoning",
    "Refusal",
    "Refused",
    "RequestTooLarge",
    "ResponseStream",
    "Role",
    "Route",
    "Secret",
    "ServerFailed",
    "Signer",
    "Skip",
    "Started",
    "Step",
    "Strategy",
    "StreamInterrupted",
    "Target",
    "TargetFacts",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "Tier",
    "TimedOut",
    "TokenCount",
    "TokenSource",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallStarted",
    "ToolChoice",
    "ToolResult",
    "Unavailable",
    "Unsupported",
    "Usage",
    "UsageReported",
    "__version__",
    "blocking",
    "create_provider",
    "from_config",
]
