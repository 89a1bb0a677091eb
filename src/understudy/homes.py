"""Where each public name is defined, by module: `understudy` imports a name at its first use."""

from __future__ import annotations

HOMES = {
    "understudy.client.conversation": "Conversation ToolRunner",
    "understudy.client.factory": "create_provider",
    "understudy.client.manager": "ProviderManager from_config",
    "understudy.client.provider": "Provider",
    "understudy.client.stream": "ResponseStream",
    "understudy.client.tools.function_tool": "FunctionTool tool",
    "understudy.client.tools.results": "ToolError",
    "understudy.client.tools.stream": "RunStream",
    "understudy.dialects.base": "Endpoint",
    "understudy.dialects.limits": "MetadataLimits ParameterLimits",
    "understudy.dialects.quirks": "ErrorRule Quirks QuirksPatch",
    "understudy.domain.attempts": "AttemptRecord CostBasis Outcome",
    "understudy.domain.capture": "Capture",
    "understudy.domain.content": (
        "Audio CacheMark Citation File Image Opaque Provenance Refusal Text Thinking ToolCall ToolResult"
    ),
    "understudy.domain.errors": (
        "AuthenticationFailed ConfigError ConnectionFailed ContentFiltered ContextLengthExceeded DeadlineExceeded "
        "EmbeddingFailed GenerationFailed InvalidRequest InvalidResponse LLMError Misuse ModelNotFound Overloaded "
        "PermissionDenied QuotaExhausted RateLimited Refused RequestTooLarge RunLimitExceeded ServerFailed "
        "StreamInterrupted TimedOut Unavailable Unsupported"
    ),
    "understudy.domain.events": (
        "CitationAdded Event FactReported Finished Frame Heartbeat PartAdded PartExtra RefusalDelta Restarted Started "
        "TextDelta ThinkingDelta ThinkingSigned ToolCallDelta ToolCallStarted UsageReported Warned"
    ),
    "understudy.domain.explanation": "Explanation PlannedTarget SkippedTarget TimelineEvent",
    "understudy.domain.failures": "Failure FailureKind LimitState",
    "understudy.domain.finish": "FinishReason",
    "understudy.domain.messages": "Message OpaqueTool Role Tool ToolChoice",
    "understudy.domain.money": "Cost Money",
    "understudy.domain.operation": "Operation",
    "understudy.domain.prices": "Dollars Price Rates Tier",
    "understudy.domain.quantiles": "Quantiles",
    "understudy.domain.quotas": "Quota",
    "understudy.domain.requests": "EmbeddingRequest GenerationRequest OutputFormat Reasoning WireOrigin",
    "understudy.domain.responses": ("EmbeddingResponse GenerationResponse HealthStatus ModelInfo TokenCount"),
    "understudy.domain.runs": ("RunEvent RunResult RunStep StepEnded StepStarted ToolEnded ToolOutcome ToolStarted"),
    "understudy.domain.secret": "Secret",
    "understudy.domain.stats": "ProviderStats",
    "understudy.domain.usage": "ModelUsage Usage",
    "understudy.domain.warnings": "Warning WarningKind",
    "understudy.ledger": "LedgerSink Observer",
    "understudy.ledger.memory": "MemoryLedger",
    "understudy.ledger.observing": "EndedRequest RequestObserver RequestWatch",
    "understudy.policy.plan": "Plan Skip Step",
    "understudy.policy.strategies": "Strategy",
    "understudy.policy.targets": "Facts Limits Target TargetFacts",
    "understudy.protocol": (
        "EmbedOptions LLMProvider Prompt RequestOptions RunOptions Texts TypedOptions TypedRunOptions"
    ),
    "understudy.providers": "ProviderType",
    "understudy.providers.base": "Auth Family ProviderRow",
    "understudy.settings": "FallbackConfig FallbackStrategy ProviderConfig Route Signer TokenSource",
    "understudy.settings.budgets": "Allowance Budget Limit",
    "understudy.settings.tracing": "TracingConfig",
    "understudy.telemetry.tracing.tracing": "Tracing",
    "understudy.transport.base": "Incoming Transport TransportError",
    "understudy.transport.media_fetch": "fetch_media",
    "understudy.wire.bounds": "Bounds",
    "understudy.wire.http": "HttpHead HttpRequest",
    "understudy.wire.quotas": "QuotaHeaders",
}
HOME_OF = {name: module for module, names in HOMES.items() for name in names.split()}
"""The same by name."""
