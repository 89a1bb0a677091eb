"""understudy: one interface to ten LLM providers, with an understudy ready for each.

    import understudy

    async with understudy.from_config() as llm:
        answer = await llm.generate("Why is the sky blue?")
        print(answer.text, answer.provider, answer.attempts)

Names are resolved at their first use (PEP 562), so importing the package costs almost nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from understudy import blocking
    from understudy.client.conversation import Conversation, ToolRunner
    from understudy.client.factory import create_provider
    from understudy.client.manager import ProviderManager, from_config
    from understudy.client.provider import Provider
    from understudy.client.stream import ResponseStream
    from understudy.client.tools.function_tool import FunctionTool, tool
    from understudy.client.tools.results import ToolError
    from understudy.client.tools.stream import RunStream
    from understudy.dialects.base import Endpoint
    from understudy.dialects.limits import MetadataLimits, ParameterLimits
    from understudy.dialects.quirks import ErrorRule, Quirks, QuirksPatch
    from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
    from understudy.domain.capture import Capture
    from understudy.domain.content import (
        Audio,
        CacheMark,
        Citation,
        File,
        Image,
        Opaque,
        Provenance,
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
        RunLimitExceeded,
        ServerFailed,
        StreamInterrupted,
        TimedOut,
        Unavailable,
        Unsupported,
    )
    from understudy.domain.events import (
        CitationAdded,
        Event,
        FactReported,
        Finished,
        Frame,
        Heartbeat,
        PartAdded,
        PartExtra,
        RefusalDelta,
        Restarted,
        Started,
        TextDelta,
        ThinkingDelta,
        ThinkingSigned,
        ToolCallDelta,
        ToolCallStarted,
        UsageReported,
        Warned,
    )
    from understudy.domain.explanation import Explanation, PlannedTarget, SkippedTarget, TimelineEvent
    from understudy.domain.failures import Failure, FailureKind, LimitState
    from understudy.domain.finish import FinishReason
    from understudy.domain.messages import Message, OpaqueTool, Role, Tool, ToolChoice
    from understudy.domain.money import Cost, Money
    from understudy.domain.operation import Operation
    from understudy.domain.prices import Dollars, Price, Rates, Tier
    from understudy.domain.quantiles import Quantiles
    from understudy.domain.quotas import Quota
    from understudy.domain.requests import EmbeddingRequest, GenerationRequest, OutputFormat, Reasoning, WireOrigin
    from understudy.domain.responses import EmbeddingResponse, GenerationResponse, HealthStatus, ModelInfo, TokenCount
    from understudy.domain.runs import (
        RunEvent,
        RunResult,
        RunStep,
        StepEnded,
        StepStarted,
        ToolEnded,
        ToolOutcome,
        ToolStarted,
    )
    from understudy.domain.secret import Secret
    from understudy.domain.stats import ProviderStats
    from understudy.domain.usage import ModelUsage, Usage
    from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
    from understudy.ledger import LedgerSink, Observer
    from understudy.ledger.memory import MemoryLedger
    from understudy.ledger.observing import EndedRequest, RequestObserver, RequestWatch
    from understudy.policy.plan import Plan, Skip, Step
    from understudy.policy.strategies import Strategy
    from understudy.policy.targets import Facts, Limits, Target, TargetFacts
    from understudy.protocol import (
        EmbedOptions,
        LLMProvider,
        Prompt,
        RequestOptions,
        RunOptions,
        Texts,
        TypedOptions,
        TypedRunOptions,
    )
    from understudy.providers import ProviderType
    from understudy.providers.base import Auth, Family, ProviderRow
    from understudy.settings import FallbackConfig, FallbackStrategy, ProviderConfig, Route, Signer, TokenSource
    from understudy.settings.budgets import Allowance, Budget, Limit
    from understudy.settings.tracing import TracingConfig
    from understudy.telemetry.tracing.tracing import Tracing
    from understudy.transport.base import Incoming, Transport, TransportError
    from understudy.transport.media_fetch import fetch_media
    from understudy.wire.bounds import Bounds
    from understudy.wire.http import HttpHead, HttpRequest
    from understudy.wire.quotas import QuotaHeaders

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    from importlib import import_module

    if name == "blocking":
        return import_module("understudy.blocking")
    from understudy.homes import HOME_OF

    module = HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'understudy' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


class _FormerModules:
    """Finds modules under paths of earlier versions; asked after all other finders."""

    @staticmethod
    def find_spec(path: str, *_: object) -> ModuleSpec | None:
        if not path.startswith("understudy."):
            return None
        from understudy.moved import spec_of

        return spec_of(path)


sys.meta_path.append(_FormerModules)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "Allowance",
    "AttemptRecord",
    "Audio",
    "Auth",
    "AuthenticationFailed",
    "Bounds",
    "Budget",
    "CacheMark",
    "Capture",
    "Citation",
    "CitationAdded",
    "ConfigError",
    "ConnectionFailed",
    "ContentFiltered",
    "ContextLengthExceeded",
    "Conversation",
    "Cost",
    "CostBasis",
    "DeadlineExceeded",
    "Dollars",
    "EmbedOptions",
    "EmbeddingFailed",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "EndedRequest",
    "Endpoint",
    "ErrorRule",
    "Event",
    "Explanation",
    "FactReported",
    "Facts",
    "Failure",
    "FailureKind",
    "FallbackConfig",
    "FallbackStrategy",
    "Family",
    "File",
    "FinishReason",
    "Finished",
    "Frame",
    "FunctionTool",
    "GenerationFailed",
    "GenerationRequest",
    "GenerationResponse",
    "HealthStatus",
    "Heartbeat",
    "HttpHead",
    "HttpRequest",
    "Image",
    "Incoming",
    "InvalidRequest",
    "InvalidResponse",
    "LLMError",
    "LLMProvider",
    "LedgerSink",
    "Limit",
    "LimitState",
    "Limits",
    "MemoryLedger",
    "Message",
    "MetadataLimits",
    "Misuse",
    "ModelInfo",
    "ModelNotFound",
    "ModelUsage",
    "Money",
    "Observer",
    "Opaque",
    "OpaqueTool",
    "Operation",
    "Outcome",
    "OutputFormat",
    "Overloaded",
    "ParameterLimits",
    "PartAdded",
    "PartExtra",
    "PermissionDenied",
    "Plan",
    "PlannedTarget",
    "Price",
    "Prompt",
    "Provenance",
    "Provider",
    "ProviderConfig",
    "ProviderManager",
    "ProviderRow",
    "ProviderStats",
    "ProviderType",
    "Quantiles",
    "Quirks",
    "QuirksPatch",
    "Quota",
    "QuotaExhausted",
    "QuotaHeaders",
    "RateLimited",
    "Rates",
    "Reasoning",
    "Refusal",
    "RefusalDelta",
    "Refused",
    "RequestObserver",
    "RequestOptions",
    "RequestTooLarge",
    "RequestWatch",
    "ResponseStream",
    "Restarted",
    "Role",
    "Route",
    "RunEvent",
    "RunLimitExceeded",
    "RunOptions",
    "RunResult",
    "RunStep",
    "RunStream",
    "Secret",
    "ServerFailed",
    "Signer",
    "Skip",
    "SkippedTarget",
    "Started",
    "Step",
    "StepEnded",
    "StepStarted",
    "Strategy",
    "StreamInterrupted",
    "Target",
    "TargetFacts",
    "Text",
    "TextDelta",
    "Texts",
    "Thinking",
    "ThinkingDelta",
    "ThinkingSigned",
    "Tier",
    "TimedOut",
    "TimelineEvent",
    "TokenCount",
    "TokenSource",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallStarted",
    "ToolChoice",
    "ToolEnded",
    "ToolError",
    "ToolOutcome",
    "ToolResult",
    "ToolRunner",
    "ToolStarted",
    "Tracing",
    "TracingConfig",
    "Transport",
    "TransportError",
    "TypedOptions",
    "TypedRunOptions",
    "Unavailable",
    "Unsupported",
    "Usage",
    "UsageReported",
    "Warned",
    "Warning",
    "WarningKind",
    "WireOrigin",
    "__version__",
    "blocking",
    "create_provider",
    "fetch_media",
    "from_config",
    "tool",
]
