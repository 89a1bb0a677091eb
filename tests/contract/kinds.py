"""Which kind of failure an error is: a table of its own, written from the providers' documentation.

The most telling name counts first, then words of the message, then the status. Nothing here is shared with the
dialects' rules, which it checks.
"""

from __future__ import annotations

from tests.contract.oracles import Fault

BY_NAME = {
    # OpenAI and Groq: `error.code`
    "invalid_api_key": "authentication",
    "model_not_found": "not_found",
    "model_decommissioned": "not_found",
    "context_length_exceeded": "context_length",
    "insufficient_quota": "billing",
    "rate_limit_exceeded": "rate_limited",
    "content_policy_violation": "content_filter",
    "content_filter": "content_filter",
    "tool_use_failed": "resample",
    "json_validate_failed": "resample",
    "unsupported_parameter": "invalid_request",
    "unsupported_value": "invalid_request",
    "invalid_image_url": "invalid_request",
    "invalid_image_format": "invalid_request",
    "missing_required_parameter": "invalid_request",
    "empty_array": "invalid_request",
    "server_error": "server_error",
    # Anthropic: `error.type`
    "authentication_error": "authentication",
    "billing_error": "billing",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "request_too_large": "request_too_large",
    "rate_limit_error": "rate_limited",
    "api_error": "server_error",
    "timeout_error": "server_error",
    "overloaded_error": "overloaded",
    # Google: `error.status`, and what its client takes for answers
    "INVALID_ARGUMENT": "invalid_request",
    "PERMISSION_DENIED": "permission",
    "NOT_FOUND": "not_found",
    "RESOURCE_EXHAUSTED": "rate_limited",
    "PROMPT_BLOCKED": "content_filter",
    "MALFORMED_FUNCTION_CALL": "resample",
    "OTHER": "server_error",
}

BY_WORDS = {
    "not allowed to generate embeddings from this model": "unsupported",
    "unregistered callers": "authentication",
    "prompt is too long": "context_length",
    "reached your specified api usage limits": "billing",
    "credit balance is too low": "billing",
}

BY_STATUS = {
    200: "server_error",  # inside of a success, and without a name that tells more
    400: "invalid_request",
    401: "authentication",
    402: "billing",
    403: "permission",
    404: "not_found",
    413: "request_too_large",
    422: "invalid_request",
    429: "rate_limited",
    500: "server_error",
    503: "overloaded",
    529: "overloaded",
}


def kind_of(fault: Fault) -> str:
    """Return the kind of failure that a fault must be read as."""
    for words, kind in BY_WORDS.items():
        if words in fault.message.lower():
            return kind
    for name in (fault.code, fault.type):
        if name in BY_NAME:
            return BY_NAME[name]
    return BY_STATUS[fault.status]
