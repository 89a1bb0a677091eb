"""What a client must have understood, written by hand from its own documentation and from what was asked."""

from __future__ import annotations

import json
import math
from typing import Any

from tests.clients.environments.cases import Case
from tests.clients.environments.roster import Client

PARIS, OSLO = ["get_weather", {"city": "Paris"}], ["get_weather", {"city": "Oslo"}]
RESULT = "get_weather says: 18 degrees"
_BY_STATUS = {
    400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError",
    429: "RateLimitError", 500: "InternalServerError", 503: "InternalServerError",
}  # fmt: skip


def _all(package: str) -> dict[int, str]:
    return {status: f"{package}.{name}" for status, name in _BY_STATUS.items()}


ERRORS: dict[str, dict[int, str]] = {
    "openai": _all("openai"),
    "groq": _all("groq"),
    "anthropic": _all("anthropic"),
    "google-genai": {status: f"google.{'Server' if status >= 500 else 'Client'}Error" for status in _BY_STATUS},
    "cohere": {
        400: "cohere.BadRequestError", 401: "cohere.UnauthorizedError", 403: "cohere.ForbiddenError",
        404: "cohere.NotFoundError", 429: "cohere.TooManyRequestsError", 500: "cohere.InternalServerError",
        503: "cohere.ServiceUnavailableError",
    },
    "ollama": dict.fromkeys(_BY_STATUS, "ollama.ResponseError"),
    "pydantic-ai": dict.fromkeys(_BY_STATUS, "pydantic_ai.ModelHTTPError"),
    "instructor:chat": _all("openai"),
    "instructor:responses": _all("openai"),
    "instructor:messages": {**_all("anthropic"), 503: "anthropic.APIStatusError"},
    "instructor:gemini": {status: f"google.{'Server' if status >= 500 else 'Client'}Error" for status in _BY_STATUS},
    "openai-agents": _all("openai"),
    "llm": _all("openai"),
    "openai-npm": _BY_STATUS,
    "anthropic-npm": _BY_STATUS,
    "ai": dict.fromkeys(_BY_STATUS, "APICallError"),
    "langchain-openai": _all("openai"),
    "langchain-anthropic": _all("anthropic"),
    "langchain-google-genai": {
        status: f"langchain_google_genai.{'GoogleAPIError' if status >= 500 else 'ChatGoogleGenerativeAIError'}"
        for status in _BY_STATUS
    },
    "langchain-ollama": dict.fromkeys(_BY_STATUS, "ollama.ResponseError"),
    "langchain-cohere": dict.fromkeys(_BY_STATUS, "cohere.ApiError"),
}  # fmt: skip
"""The exception with which a client reports a status; at one of its APIs alone if that follows a colon."""


def complaint(client: Client, case: Case, outcome: dict[str, Any]) -> str | None:
    """Return what is wrong with an outcome; `None` if nothing is."""
    if case.status:
        return _of_error(client, case, outcome)
    if "error" in outcome:
        return f"failed: {outcome['error'][0]}: {outcome['error'][-1]}"
    expected = _EXPECTED[case.operation]
    wrong = [text for text, is_right in expected(outcome, case, client) if not is_right]
    return f"{', '.join(wrong)}: {json.dumps(outcome)[:700]}" if wrong else None


def _of_error(client: Client, case: Case, outcome: dict[str, Any]) -> str | None:
    if "error" not in outcome:
        return f"no error: {json.dumps(outcome)[:300]}"
    table = ERRORS.get(f"{client.name}:{case.face}") or ERRORS[client.name]
    wanted = table[case.status]
    if wanted not in outcome["error"]:
        return f"raised {outcome['error'][0]} instead of {wanted}: {outcome['error'][-1]}"
    status = outcome.get("status")
    # A vendor's own word for an overload is as good: Anthropic's is 529.
    if status is not None and status != case.status and not (case.status >= 500 and status >= 500):
        return f"states {status}"
    return None


def _answered(outcome: dict[str, Any], client: Client, finish: str) -> list[tuple[str, bool]]:
    usage = outcome["usage"]
    return [
        ("finish", outcome["finish"] == finish or bool(client.reason("finish", ""))),
        ("usage", (usage[0] > 3 and usage[1] >= 2) or bool(client.reason("usage", ""))),
    ]


def _plain(outcome: dict[str, Any], case: Case, client: Client) -> list[tuple[str, bool]]:
    right = outcome["text"] == "The capital is Paris."
    return [("text", right), ("calls", outcome["calls"] == []), *_answered(outcome, client, "stop")]


def _called(outcome: dict[str, Any], case: Case, client: Client) -> list[tuple[str, bool]]:
    calls = [PARIS] if case.operation == "tool" else [PARIS, OSLO]
    shown = "This needs get_weather." if case.operation == "thinking" else ""
    # A client that goes through the loop of tools by itself stops in the end.
    finish = outcome["finish"] if outcome["finish"] == "stop" and outcome["text"] == outcome["end"] else "tools"
    return [
        ("calls", outcome["calls"] == calls),
        ("end", outcome["end"] == " ".join([RESULT] * len(calls))),
        ("thinking", not shown or outcome["thinking"] == shown),
        *_answered(outcome, client, finish),
    ]


def _shaped(outcome: dict[str, Any], case: Case, client: Client) -> list[tuple[str, bool]]:
    return [("schema", json.loads(outcome["text"] or "null") == {"city": "Paris"})]


def _image(outcome: dict[str, Any], case: Case, client: Client) -> list[tuple[str, bool]]:
    return [("text", outcome["text"].startswith("I see 1 image (image/png)."))]


def _vectors(outcome: dict[str, Any], case: Case, client: Client) -> list[tuple[str, bool]]:
    one, two, again = outcome["vectors"]
    near = all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(one, again, strict=True))
    return [("size", len(one) == len(two) > 100), ("same", near), ("different", one != two)]


def _models(outcome: dict[str, Any], case: Case, client: Client) -> list[tuple[str, bool]]:
    return [("alias", "ollama-image" in outcome["models"])]


def _count(outcome: dict[str, Any], case: Case, client: Client) -> list[tuple[str, bool]]:
    return [("count", 1 < outcome["count"] < 30)]


def _left(outcome: dict[str, Any], case: Case, client: Client) -> list[tuple[str, bool]]:
    return [("begun", outcome["left"])]


_EXPECTED = {
    "plain": _plain, "tool": _called, "tools": _called, "thinking": _called, "schema": _shaped, "image": _image,
    "embed": _vectors, "models": _models, "count": _count, "cancel": _left,
}  # fmt: skip
