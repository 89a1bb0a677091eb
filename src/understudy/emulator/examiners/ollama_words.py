"""Ollama's wording of a refusal, most of it that of Go's JSON decoder."""

from __future__ import annotations

from understudy.emulator.cast.base import Words
from understudy.emulator.examiners.shapes import Mistyped

_GO_KINDS = {"boolean": "bool", "integer": "number"}
_GO_TYPES = {"boolean": "bool", "integer": "int", "object": "map[string]interface {}", "array": "[]string"}


def refuse(message: str) -> Words:
    """Return a refusal with 400."""
    return Words(400, message)


def unmarshal(wrong: Mistyped, struct: str) -> Words:
    """Return the complaint of Go's decoder about a value of another type."""
    given, wanted = _GO_KINDS.get(wrong.given, wrong.given), _GO_TYPES.get(wrong.wanted, wrong.wanted)
    return refuse(f"json: cannot unmarshal {given} into Go struct field {struct}.{wrong.name} of type {wanted}")
