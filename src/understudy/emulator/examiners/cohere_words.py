"""Cohere's wording of a refusal, and the documents that most of its rules come from."""

from __future__ import annotations

from understudy.emulator.cast.base import Words
from understudy.emulator.examiners.shapes import Mistyped

ERRORS = "https://docs.cohere.com/reference/errors"
SPEC = "https://github.com/cohere-ai/cohere-developer-experience/blob/main/cohere-openapi.yaml"
_GO_TYPES = {
    "string": "string",
    "integer": "int32",
    "number": "float64",
    "boolean": "bool",
    "array": "[]Object",
    "object": "Object",
}


def invalid(complaint: str, prefix: str = "invalid request: ") -> Words:
    """Return a refusal of a value."""
    return Words(400, prefix + complaint)


def unknown_words(name: str, endpoint: str) -> Words:
    """Return a refusal of a field that the API does not know."""
    return Words(422, f"unknown field: parameter '{name}' is not a valid field. {_usage(endpoint)}")


def mistyped_words(wrong: Mistyped, endpoint: str) -> Words:
    """Return a refusal of a value of another type."""
    given, wanted = _GO_TYPES.get(wrong.given, wrong.given), _GO_TYPES.get(wrong.wanted, wrong.wanted)
    return Words(
        422,
        f"invalid type: parameter '{wrong.name}' is of type {given} but should be of type {wanted}. {_usage(endpoint)}",
    )


def _usage(endpoint: str) -> str:
    return f"For proper usage, please refer to https://docs.cohere.com/v2/reference/{endpoint}"
