"""Codes and types of errors, in the order in which they are read: the first that matches counts.

Many servers implement a wire format, and each has its own names for errors: llama.cpp, vLLM, SGLang, TGI, LM Studio,
Ollama, LiteLLM's proxy and OpenRouter answer in the formats of OpenAI, Anthropic and Ollama. So one table serves all
dialects.
"""

from __future__ import annotations

from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, codes, texts
from understudy.dialects.google_details import PER_DAY
from understudy.domain.failures import FailureKind

_K = FailureKind

_EXHAUSTED = "RESOURCE_EXHAUSTED"

_GOOGLE_LIMITS: tuple[Row, ...] = (
    # All of Google's 429s have the same code, and most begin with "You exceeded your current quota, please check your
    # plan and billing details", also a limit of requests per minute. So it is read by what is specific, and before
    # the words that other providers mean literally.
    Row(kind=_K.BILLING, source=s.GOOGLE_BILLING, code=_EXHAUSTED, status=402),
    Row(kind=_K.BILLING, source=s.GOOGLE_BILLING, code=_EXHAUSTED, text="credits are depleted"),
    Row(kind=_K.BILLING, source=s.GOOGLE_BILLING, code=_EXHAUSTED, text="spending cap"),
    Row(kind=_K.BILLING, source=s.GOOGLE, code="FAILED_PRECONDITION", text="billing"),
    # The free tier does not include the model. The key is good for others, so it is not disabled.
    Row(kind=_K.DAILY_QUOTA, source=s.GOOGLE_LIMITS, code=_EXHAUSTED, text="limit: 0"),
    Row(kind=_K.DAILY_QUOTA, source=s.GOOGLE_LIMITS, code=f"*{PER_DAY}*"),
    Row(kind=_K.RATE_LIMITED, source=s.GOOGLE_LIMITS, code="*PerMinute*"),
    Row(kind=_K.RATE_LIMITED, source=s.GOOGLE_LIMITS, code=_EXHAUSTED),
)

_BILLING: tuple[Row, ...] = (
    # Money first: waiting never resolves such a 429.
    *codes(_K.BILLING, s.OPENAI, "insufficient_quota", "credit_balance_exhausted"),
    *codes(_K.BILLING, s.OPENAI, "*_spend_limit_exceeded", "*_usage_limit_exceeded"),
    *codes(_K.BILLING, s.OPENAI_USERS, "billing_hard_limit_reached", "billing_not_active"),
    *codes(_K.BILLING, s.ANTHROPIC, "billing_error", "*spend_limit_reached"),
    *codes(_K.BILLING, s.ANTHROPIC_SDK, "linked_organization_billing_unavailable"),
    *codes(_K.BILLING, s.GOOGLE_INTERACTIONS, "payment_required"),
    *codes(_K.BILLING, s.GOOGLE_REASONS, "BILLING_DISABLED"),
    *codes(_K.BILLING, s.LITELLM, "budget_exceeded"),
    # The spend limit of the project blocked its key.
    *codes(_K.BILLING, s.GROQ_SPEND, "blocked_api_access", "spend_*"),
    *codes(_K.BILLING, s.MOONSHOT, "exceeded_current_quota_error"),
    *codes(_K.BILLING, s.DEEPSEEK, "insufficient_balance"),
    *codes(_K.BILLING, s.OPENROUTER, "insufficient_credits"),
    *codes(_K.BILLING, s.NOVITA, "NOT_ENOUGH_BALANCE"),
    *codes(_K.BILLING, s.DASHSCOPE, "Arrearage"),
)

_SIZE: tuple[Row, ...] = (
    *codes(_K.CONTEXT_LENGTH, s.OPENAI, "context_length_exceeded"),
    *codes(_K.CONTEXT_LENGTH, s.LLAMA_CPP, "exceed_context_size_error"),
    *codes(_K.CONTEXT_LENGTH, s.LITELLM, "ContextWindowExceededError"),
    *codes(_K.CONTEXT_LENGTH, s.MINIMAX, "context_window_exceeded"),
    *codes(_K.CONTEXT_LENGTH, s.ZAI, "prompt_too_long"),
    # A request larger than the whole limit per minute gets rate_limit_exceeded, but no wait helps.
    *texts(_K.REQUEST_TOO_LARGE, s.OPENAI_USERS, "request too large"),
    *codes(_K.REQUEST_TOO_LARGE, s.OPENAI_USERS, "string_above_max_length"),
    *codes(_K.REQUEST_TOO_LARGE, s.ANTHROPIC, "request_too_large"),
    *codes(_K.REQUEST_TOO_LARGE, s.ANTHROPIC_SDK, "request_body_too_large_after_decoding"),
    *codes(_K.REQUEST_TOO_LARGE, s.GITHUB, "tokens_limit_reached"),
)

_FILTER: tuple[Row, ...] = (
    *codes(_K.CONTENT_FILTER, s.AZURE_FILTER, "content_filter", "ResponsibleAIPolicyViolation"),
    *codes(_K.CONTENT_FILTER, s.OPENAI_USERS, "content_policy_violation", "moderation_blocked"),
    *codes(_K.CONTENT_FILTER, s.OPENAI_SDK, "invalid_prompt", "bio_policy"),
    # A conversation that the service has stopped, with status 403; not to be repeated.
    *codes(_K.CONTENT_FILTER, s.OPENAI, "misalignment_policy_violation", "cyber_policy"),
    *codes(_K.CONTENT_FILTER, s.LITELLM, "ContentPolicyViolationError"),
    *codes(_K.CONTENT_FILTER, s.DASHSCOPE, "data_inspection_failed"),
)

_ACCOUNT: tuple[Row, ...] = (
    *codes(_K.AUTHENTICATION, s.OPENAI, "invalid_api_key", "invalid_organization"),
    *codes(_K.AUTHENTICATION, s.OPENAI_USERS, "account_deactivated", "not_authorized_invalid_project"),
    *codes(_K.AUTHENTICATION, s.OPENAI_USERS, "token_expired"),
    # The organisation is disabled for reasons of trust and safety.
    *codes(_K.AUTHENTICATION, s.ANTHROPIC_SDK, "organization_on_hold", "claude_code_key_creator_not_member"),
    # The workspace's own encryption key is revoked or cannot be reached from Anthropic's network.
    *codes(_K.AUTHENTICATION, s.ANTHROPIC_SDK, "cmek_key_disabled", "cmek_key_network_blocked"),
    *codes(_K.AUTHENTICATION, s.GROQ_USERS, "organization_restricted"),
    # Without a database, for every key but the master key.
    *codes(_K.AUTHENTICATION, s.LITELLM, "no_db_connection", "token_not_found_in_db", "expired_key"),
    *codes(_K.AUTHENTICATION, s.MOONSHOT, "invalid_authentication_error"),
    *codes(_K.AUTHENTICATION, s.GOOGLE_REASONS, "API_KEY_INVALID", "CONSUMER_SUSPENDED", "CONSUMER_INVALID"),
    *codes(_K.AUTHENTICATION, s.GOOGLE_REASONS, "ACCESS_TOKEN_EXPIRED", "CREDENTIALS_MISSING"),
)

_ACCESS: tuple[Row, ...] = (
    *codes(_K.PERMISSION, s.OPENAI, "unsupported_country_region_territory", "ip_not_authorized"),
    *codes(_K.PERMISSION, s.OPENAI_USERS, "model_not_found", status=403),
    *codes(_K.PERMISSION, s.ANTHROPIC_SDK, "organization_type_not_supported", "parent_organization_required"),
    *codes(_K.PERMISSION, s.ANTHROPIC_SDK, "sandbox_egress_restricted"),
    *codes(_K.PERMISSION, s.LITELLM, "*_model_access_denied"),
    *codes(_K.PERMISSION, s.GROQ_MODELS, "model_permission_blocked_*"),
    *codes(_K.PERMISSION, s.GROQ_USERS, "model_terms_required"),
    *codes(_K.PERMISSION, s.GOOGLE_REASONS, "SERVICE_DISABLED", "API_KEY_SERVICE_BLOCKED"),
    *codes(_K.PERMISSION, s.GOOGLE_REASONS, "API_KEY_IP_ADDRESS_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED"),
    *codes(_K.PERMISSION, s.GOOGLE_REASONS, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
    *codes(_K.NOT_FOUND, s.OPENAI, "model_not_found"),
    *codes(_K.NOT_FOUND, s.AZURE, "DeploymentNotFound"),
    *codes(_K.NOT_FOUND, s.GROQ, "model_decommissioned"),
    *codes(_K.NOT_FOUND, s.HUGGINGFACE_USERS, "model_not_supported"),
    *codes(_K.NOT_FOUND, s.TOGETHER_USERS, "model_not_available"),
    *codes(_K.NOT_FOUND, s.MISTRAL, "invalid_model"),
)

_LIMITS: tuple[Row, ...] = (
    *codes(_K.DAILY_QUOTA, s.GOOGLE_INTERACTIONS, "quota_exceeded"),
    *codes(_K.RATE_LIMITED, s.OPENAI, "rate_limit_exceeded", "slow_down"),
    *codes(_K.RATE_LIMITED, s.GOOGLE_REASONS, "RATE_LIMIT_EXCEEDED"),
    *codes(_K.RATE_LIMITED, s.ANTHROPIC_SDK, "ramp_limit_exceeded"),
    *codes(_K.RATE_LIMITED, s.AZURE, "RateLimitReached"),
    *codes(_K.RATE_LIMITED, s.BEDROCK, "ThrottlingException"),
    *codes(_K.OVERLOADED, s.OPENAI, "server_is_overloaded"),
    *codes(_K.OVERLOADED, s.OPENAI_FLEX, "resource_unavailable", "flex_unavailable"),
    *codes(_K.OVERLOADED, s.GROQ_FLEX, "capacity_exceeded"),
    *codes(_K.OVERLOADED, s.TGI, "overloaded"),
    *codes(_K.OVERLOADED, s.MOONSHOT, "engine_overloaded*"),
    *codes(_K.OVERLOADED, s.MISTRAL, "*overloaded"),
    *codes(_K.SERVER_ERROR, s.ANTHROPIC_SDK, "cmek_context_unavailable", "cmek_key_unreachable"),
    *codes(_K.UNSUPPORTED, s.LLAMA_CPP, "not_supported_error"),
    *codes(_K.CONFLICT, s.COHERE, "conflict"),
)

CODES: tuple[Row, ...] = (*_GOOGLE_LIMITS, *_BILLING, *_SIZE, *_FILTER, *_ACCOUNT, *_ACCESS, *_LIMITS)
"""Codes and types with one exact meaning, whatever the status; read before the words."""

_MID_STREAM = 200

_CLASSES: tuple[Row, ...] = (
    *codes(_K.AUTHENTICATION, s.ANTHROPIC, "authentication_error"),
    *codes(_K.AUTHENTICATION, s.GOOGLE_RPC, "UNAUTHENTICATED"),
    *codes(_K.AUTHENTICATION, s.LITELLM, "AuthenticationError", "auth_error"),
    *codes(_K.AUTHENTICATION, s.GOOGLE_INTERACTIONS, "authentication"),
    *codes(_K.PERMISSION, s.ANTHROPIC, "permission_error"),
    *codes(_K.PERMISSION, s.GOOGLE_RPC, "PERMISSION_DENIED", "FAILED_PRECONDITION"),
    *codes(_K.PERMISSION, s.GOOGLE_INTERACTIONS, "permission_denied", "failed_precondition"),
    *codes(_K.PERMISSION, s.OPENAI, "request_forbidden"),
    *codes(_K.PERMISSION, s.AZURE, "Forbidden"),
    *codes(_K.PERMISSION, s.GROQ_USERS, "permissions_error"),
    *codes(_K.NOT_FOUND, s.ANTHROPIC, "not_found_error"),
    *codes(_K.NOT_FOUND, s.GOOGLE_RPC, "NOT_FOUND"),
    *codes(_K.NOT_FOUND, s.GOOGLE_INTERACTIONS, "not_found"),
    *codes(_K.NOT_FOUND, s.VLLM, "NotFoundError"),
    *codes(_K.RATE_LIMITED, s.ANTHROPIC, "rate_limit_error"),
    *codes(_K.RATE_LIMITED, s.LITELLM, "throttling_error"),
    *codes(_K.OVERLOADED, s.ANTHROPIC, "overloaded_error"),
    *codes(_K.OVERLOADED, s.OPENAI, "service_unavailable_error"),
    *codes(_K.OVERLOADED, s.TOGETHER_USERS, "service_unavailable"),
    *codes(_K.OVERLOADED, s.AZURE, "ServiceUnavailable"),
    *codes(_K.OVERLOADED, s.LLAMA_CPP, "unavailable_error"),
    *codes(_K.OVERLOADED, s.GOOGLE_RPC, "UNAVAILABLE"),
    *codes(_K.CONFLICT, s.ANTHROPIC, "conflict_error"),
    *codes(_K.CONFLICT, s.GOOGLE_RPC, "ABORTED"),
    *codes(_K.UNSUPPORTED, s.GOOGLE_RPC, "UNIMPLEMENTED"),
)

_IN_STREAMS: tuple[Row, ...] = (
    # These are less specific than a status, so they count only where there is none: in the middle of a stream.
    *codes(_K.INVALID_REQUEST, s.OPENAI, "invalid_request_error", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.OPENAI_USERS, "unsupported_parameter", "unsupported_value", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.OPENAI_USERS, "missing_required_parameter", "unknown_parameter", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.OPENAI_USERS, "invalid_type", "invalid_value", "empty_array", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.OPENAI_USERS, "integer_above_max_value", "unknown_url", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.ANTHROPIC_SDK, "tool_name_conflict", "image_dimensions_too_large", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.ANTHROPIC_SDK, "request_body_encoding_*", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.GOOGLE_RPC, "INVALID_ARGUMENT", "OUT_OF_RANGE", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.GOOGLE_INTERACTIONS, "invalid_request", "parameter_unknown", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.VLLM, "BadRequestError", status=_MID_STREAM),
    *codes(_K.INVALID_REQUEST, s.TGI, "validation", status=_MID_STREAM),
    *codes(_K.RATE_LIMITED, s.OPENAI, "requests", "tokens", status=_MID_STREAM),
    *codes(_K.SERVER_ERROR, s.OPENAI, "server_error", status=_MID_STREAM),
    *codes(_K.SERVER_ERROR, s.ANTHROPIC, "api_error", "timeout_error", status=_MID_STREAM),
    *codes(_K.SERVER_ERROR, s.GOOGLE_RPC, "INTERNAL", "UNKNOWN", "DATA_LOSS", status=_MID_STREAM),
    *codes(_K.SERVER_ERROR, s.GOOGLE_RPC, "DEADLINE_EXCEEDED", status=_MID_STREAM),
    *codes(_K.SERVER_ERROR, s.AZURE, "InternalServerError", "Timeout", status=_MID_STREAM),
    *codes(_K.SERVER_ERROR, s.GROQ_USERS, "internal_server_error", status=_MID_STREAM),
    *codes(_K.SERVER_ERROR, s.TGI, "generation", status=_MID_STREAM),
    *codes(_K.CONFLICT, s.GOOGLE_RPC, "CANCELLED", status=_MID_STREAM),
)

TYPES: tuple[Row, ...] = (*_CLASSES, *_IN_STREAMS)
"""Names of whole classes of errors, which are less specific than words; read after them."""
