"""How servers word their errors: one rule set for all dialects.

Many servers implement a wire format, and each has its own names and phrases for errors: llama.cpp, vLLM, SGLang,
TGI, LM Studio, Ollama, LiteLLM's proxy and OpenRouter answer in the formats of OpenAI, Anthropic and Ollama. So an
error is read in the same order everywhere: the rules of the provider and of the dialect, then `CODES`, `WORDINGS` and
`TYPES` from here, and the status last (`understudy.dialects.errors`).

Sources, read in November 2026: the vendors' error references; the sources of llama.cpp (`tools/server`), vLLM
(`entrypoints`), SGLang, text-generation-inference (`router/src/validation.rs`), LiteLLM (`proxy/_types.py`,
`proxy/route_llm_request.py`, `exceptions.py`); and error bodies that users of these servers reported.
"""

from __future__ import annotations

import re

import msgspec

from understudy.dialects.google_details import PER_DAY
from understudy.dialects.quirks import ErrorRule
from understudy.domain.failures import FailureKind

_K = FailureKind


class Wording(msgspec.Struct, frozen=True):
    """A phrase that means a kind of failure, at the statuses at which servers write it."""

    kind: FailureKind
    pattern: re.Pattern[str]
    statuses: frozenset[int]

    def matches(self, status: int, message: str) -> bool:
        """Check whether a message of that status, in lower case, contains the phrase."""
        return status in self.statuses and self.pattern.search(message) is not None


def _codes(kind: FailureKind, *codes: str, status: int | None = None) -> tuple[ErrorRule, ...]:
    return tuple(ErrorRule(kind=kind, code=code, status=status) for code in codes)


CODES: tuple[ErrorRule, ...] = (
    # Google's RESOURCE_EXHAUSTED is a rate limit, unless credit is used up, the free tier has no quota for the model,
    # or the quota is renewed once a day.
    ErrorRule(kind=_K.BILLING, code="RESOURCE_EXHAUSTED", status=402),
    ErrorRule(kind=_K.BILLING, code="RESOURCE_EXHAUSTED", text="limit: 0"),
    ErrorRule(kind=_K.BILLING, code="RESOURCE_EXHAUSTED", text="credits are depleted"),
    ErrorRule(kind=_K.BILLING, code="FAILED_PRECONDITION", text="billing"),
    ErrorRule(kind=_K.DAILY_QUOTA, code=f"*{PER_DAY}*"),
    # Money first: waiting never resolves such a 429.
    *_codes(
        _K.BILLING,
        "insufficient_quota",
        "credit_balance_exhausted",
        "*_spend_limit_exceeded",
        "*_usage_limit_exceeded",
        "*spend_limit_reached",  # Anthropic
        "billing_hard_limit_reached",
        "billing_not_active",
        "billing_error",  # Anthropic
        "linked_organization_billing_unavailable",  # Anthropic
        "budget_exceeded",  # LiteLLM's own budgets
        "blocked_api_access",  # Groq: the spend limit of the project blocked its key
        "spend_*",  # Groq, too
        "exceeded_current_quota_error",  # Moonshot
        "insufficient_balance",
        "insufficient_credits",
        "Arrearage",  # DashScope
        "BILLING_DISABLED",  # google.rpc.ErrorInfo
    ),
    *_codes(
        _K.CONTEXT_LENGTH,
        "context_length_exceeded",
        "exceed_context_size_error",  # llama.cpp
        "ContextWindowExceededError",  # LiteLLM
        "context_window_exceeded",
        "prompt_too_long",
    ),
    # A request larger than the whole limit per minute gets rate_limit_exceeded, but no wait helps.
    ErrorRule(kind=_K.REQUEST_TOO_LARGE, text="request too large"),
    *_codes(
        _K.REQUEST_TOO_LARGE,
        "string_above_max_length",
        "request_too_large",
        "request_body_too_large_after_decoding",  # Anthropic
        "tokens_limit_reached",  # GitHub Models
    ),
    *_codes(
        _K.CONTENT_FILTER,
        "content_filter",
        "content_policy_violation",
        "ContentPolicyViolationError",  # LiteLLM
        "moderation_blocked",
        "invalid_prompt",
        "ResponsibleAIPolicyViolation",
        "data_inspection_failed",  # DashScope
    ),
    *_codes(
        _K.AUTHENTICATION,
        "invalid_api_key",
        "invalid_organization",
        "account_deactivated",
        "organization_restricted",  # Groq, with status 400
        "token_expired",
        "no_db_connection",  # LiteLLM without a database, for every key but its master key
        "token_not_found_in_db",  # LiteLLM
        "expired_key",  # LiteLLM
        "invalid_authentication_error",  # Moonshot
        "API_KEY_INVALID",  # google.rpc.ErrorInfo, with status 400
        "CONSUMER_SUSPENDED",
    ),
    *_codes(
        _K.PERMISSION,
        "unsupported_country_region_territory",
        "ip_not_authorized",
        "organization_on_hold",  # Anthropic
        "*_model_access_denied",  # LiteLLM
        "model_permission_blocked_*",  # Groq
        "model_terms_required",  # Groq, with status 400
        "SERVICE_DISABLED",  # google.rpc.ErrorInfo
        "API_KEY_SERVICE_BLOCKED",
    ),
    *_codes(_K.PERMISSION, "model_not_found", status=403),
    *_codes(
        _K.NOT_FOUND,
        "model_not_found",
        "DeploymentNotFound",
        "model_decommissioned",
        "model_not_supported",  # Hugging Face
        "model_not_available",  # Together
        "invalid_model",  # Mistral
    ),
    *_codes(_K.RATE_LIMITED, "rate_limit_exceeded", "RateLimitReached", "slow_down", "ThrottlingException"),
    *_codes(_K.OVERLOADED, "*overloaded", "overloaded*", "engine_overloaded*", "capacity_exceeded"),
    *_codes(_K.UNSUPPORTED, "not_supported_error"),  # llama.cpp, with status 501
    *_codes(_K.CONFLICT, "conflict"),
)
"""Codes and types with one exact meaning, whatever the status."""


_SAYS_SO = (200, 400, 403, 422)
"""Statuses that mean little by themselves; 200 is an error in the middle of a stream."""


def _words(kind: FailureKind, statuses: tuple[int, ...], *phrases: str) -> Wording:
    return Wording(kind, re.compile("|".join(phrases)), frozenset(statuses))


_GONE = r"(?:disabled|deactivated|suspended|terminated|archived|deleted|banned|blocked|restricted|locked|denied access)"

WORDINGS: tuple[Wording, ...] = (
    _words(
        _K.BILLING,
        (*_SAYS_SO, 401, 402, 429),
        r"credit balance is too low",  # Anthropic
        r"reached your specified api usage limits",  # Anthropic
        r"exceeded your current quota, please check your plan",  # OpenAI
        r"insufficient (?:account )?(?:balance|credits?|funds|quota)",  # DeepSeek, Replicate
        r"(?:used all|depleted|run out of|out of) (?:(?:your|available|remaining|monthly|included|prepaid) ){0,3}"
        r"credits",
        r"credits? (?:are|is|have been|has been) (?:depleted|exhausted|used up)",  # Gemini, xAI
        r"monthly included credits",  # Hugging Face
        r"requires more credits",  # OpenRouter
        r"key limit exceeded",  # OpenRouter
        r"monthly spending limit",  # xAI
        r"spend(?:ing)? (?:limit|alert)(?: threshold)? (?:was|is|has been)? ?(?:reached|exceeded|met)",
        r"check your billing details",
        r"billing (?:is |has been )?(?:not active|not enabled|disabled)",
        r"requires billing to be enabled",
        r"budget has been exceeded",  # LiteLLM
        r"exceededbudget",  # LiteLLM
        r"account is in good standing",  # DashScope
    ),
    _words(
        _K.AUTHENTICATION,
        (*_SAYS_SO, 401),
        r"(?:invalid|incorrect|expired|revoked|unknown) (?:x-)?api[ -]?key",  # Anthropic, OpenAI, xAI with 400
        r"api[ -]?key (?:is |was |has |has been )?(?:not valid|not found|invalid|expired|revoked|disabled|blocked)",
        r"reported as leaked",  # Gemini
        r"unregistered callers",  # Gemini
        r"^unauthorized\.?$",  # vLLM, Ollama
        r"no connected db",  # LiteLLM, for a wrong key
        r"invalid (?:(?:proxy server|api|access|bearer|authentication) )?token(?: passed| provided|[.:]|$)",
        rf"(?:organi[sz]ation|account|project|workspace|team|subscription|consumer)(?: \S+){{0,3}}? "
        rf"(?:has been|have been|is|was) (?:(?:currently|temporarily|permanently) )?{_GONE}",
    ),
    _words(
        _K.PERMISSION,
        (*_SAYS_SO, 401),
        r"location is not supported",  # Gemini
        r"country, region,? or territory",  # OpenAI
        r"not available in your (?:country|region)",
        r"insufficient permissions",  # OpenAI's restricted keys
        r"requires terms acceptance",  # Groq
        r"not allowed to access model",  # LiteLLM
    ),
    _words(
        _K.CONTEXT_LENGTH,
        (*_SAYS_SO, 413, 500, 503),
        r"contextwindowexceedederror",  # LiteLLM, in front of what it wraps
        r"maximum context length",  # OpenAI, vLLM, OpenRouter, Mistral, SGLang
        r"maximum (?:prompt|input|model|sequence) length",  # xAI, vLLM
        r"context[ _](?:length|window|size|limit)(?: \w+){0,2} exceed",  # llama.cpp in mid-answer, MiniMax
        r"exceed(?:s|ed)?(?: [\w'`.,()-]+){0,5}? (?:context|token) (?:length|window|size|limit)",  # llama.cpp, OpenAI
        r"(?:prompt|input|conversation)(?: \w+)? (?:is|are) too long",  # Anthropic, Bedrock
        r"too many (?:input |prompt )?tokens(?! per)",  # Cohere
        r"(?:input|prompt) (?:token count|tokens)\b[^.]{0,60}? exceed",  # Gemini, OpenAI
        r"exceeds the maximum number of tokens",  # Gemini
        r"token count of \d+ exceeds the limit",  # GitHub Copilot
        r"(?:greater|longer|larger) than the (?:model's |maximum )?(?:context|model) length",  # LM Studio, SGLang
        r"context length (?:of|is) only",  # LM Studio, vLLM
        r"reached context length of",  # LM Studio
        r"reduce the length of (?:the |your )?(?:messages|prompt|input|completion|conversation)",  # Groq, OpenAI
        r"must have less than \d+ tokens",  # TGI
        r"max_new_tokens`? must be <=",  # TGI
        r"too large to process\. increase the physical batch size",  # llama.cpp, embeddings
        r"prompt exceeds max(?:imum)? length",  # Z.ai
        r"range of input length should be",  # DashScope
    ),
    _words(
        _K.CONTENT_FILTER,
        (*_SAYS_SO, 500),
        r"contentpolicyviolationerror",  # LiteLLM
        r"content management policy",  # Azure
        r"content filter(?:ing)? policy",  # Anthropic
        r"violat\w+(?: \S+){0,3}? (?:usage|content|safety) (?:policy|policies|guidelines)",  # OpenAI, xAI with 403
        r"(?:input|prompt|request|message)s? (?:was|were|has been) (?:flagged|blocked)",  # OpenRouter with 403, Gemini
        r"contains? inappropriate content",  # DashScope
        r"content exists risk",  # DeepSeek
    ),
    _words(
        _K.NOT_FOUND,
        (200, 400, 422),
        r"invalid model name passed",  # LiteLLM, with status 400
        r"(?:^|: )invalid model(?: id(?:entifier)?)?\b",  # Mistral, OpenAI, LM Studio
        r"not a valid model",  # OpenRouter
        r"model identifier is invalid",  # Bedrock
        r"\bmodels?:? [`'\"]?[\w./:@-]{0,200}[`'\"]? ?(?:does not exist|not exist|(?:is |was )?not found)",
        r"no models? (?:is |are )?loaded",  # LM Studio
        r"unable to access (?:non-serverless )?model",  # Together
        r"not supported by (?:any )?provider",  # Hugging Face
        r"no endpoints found for",  # OpenRouter
    ),
    _words(
        _K.UNSUPPORTED,
        (*_SAYS_SO, 404, 500, 501),
        r"(?:does not|doesn't) support (?:tools?\b|tool[ _](?:use|calling|choice)|function[ -]calling|images?\b|vision"
        r"|audio|thinking|chat\b|embeddings?\b|stream(?:ing)?\b|parameters: )",  # Ollama, LiteLLM
        r"(?:image|audio|video) inputs? (?:is|are) not supported",  # llama.cpp
        r"(?:must be verified to|cannot) stream",  # OpenAI, for organisations that are not verified
        r"stream(?:ing)? is not supported",
        r"requires `?--(?:enable-auto-tool-choice|jinja)",  # vLLM, llama.cpp
        r"no endpoints found that support",  # OpenRouter
    ),
    _words(
        _K.DAILY_QUOTA,
        (200, 403, 429),
        r"free-models-per-day",  # OpenRouter
        r"daily (?:request |token |usage )?(?:limit|quota|free allocation)",  # Cloudflare and others
        r"by ?model ?by ?day",  # GitHub Models
    ),
    _words(
        _K.OVERLOADED,
        (200, 429, 500, 502, 503, 529),
        r"\boverloaded\b",  # TGI with 429, OpenAI, Gemini, Anthropic
        r"high demand",  # Azure with 429
        r"(?:loading model|model is (?:currently |still )?loading|currently loading)",  # llama.cpp, Hugging Face
        r"server (?:is )?busy",
        r"capacity exceeded|at capacity|over capacity",
    ),
    _words(
        _K.RATE_LIMITED,
        (200, 400, 403, 503),
        r"rate limit (?:was |is |has been )?(?:reached|exceeded)",
        r"too many requests",
        r"request was throttled",
    ),
)
"""Phrases as servers write them; the first that matches counts."""


TYPES: tuple[ErrorRule, ...] = (
    *_codes(_K.AUTHENTICATION, "authentication_error", "UNAUTHENTICATED", "AuthenticationError", "auth_error"),
    *_codes(
        _K.PERMISSION,
        "permission_error",
        "permission_denied",
        "PERMISSION_DENIED",
        "PermissionDenied",
        "FAILED_PRECONDITION",
    ),
    *_codes(_K.NOT_FOUND, "not_found_error", "NOT_FOUND", "NotFoundError"),
    *_codes(_K.RATE_LIMITED, "rate_limit_error", "RESOURCE_EXHAUSTED", "throttling_error"),
    *_codes(_K.OVERLOADED, "overloaded_error", "unavailable_error", "UNAVAILABLE"),
    *_codes(_K.CONFLICT, "conflict_error", "ABORTED"),
    *_codes(_K.UNSUPPORTED, "UNIMPLEMENTED"),
    # These are less specific than a status, so they count only in the middle of a stream, where the status is missing.
    *_codes(
        _K.INVALID_REQUEST,
        "invalid_request_error",
        "BadRequestError",
        "INVALID_ARGUMENT",
        "unsupported_parameter",
        "unsupported_value",
        status=200,
    ),
    *_codes(_K.RATE_LIMITED, "requests", "tokens", status=200),
)
"""Names of whole classes of errors, which are less specific than messages."""


_QUOTED = re.compile(
    r"(?<!\w)(?<!message['\"]: )(?<!error['\"]: )(?<!detail['\"]: )(?<!message['\"]:)(?<!error['\"]:)(?<!detail['\"]:)"
    r"(?:\"[^\"]{1,4000}\"|'[^']{1,4000}'|`[^`]{1,4000}`)(?!\w)"
)
_LONGEST = 4000
"""Characters of a message that are searched."""


def normalize(message: str) -> str:
    """Return a message in lower case, without quotations: an echoed prompt means nothing for the error.

    Names (`gpt-4o`, 'messages[0].role') stay; only quotations of four words and more are dropped.
    """
    return _QUOTED.sub(lambda found: found[0] if found[0].count(" ") < 3 else "…", message[:_LONGEST].lower())
