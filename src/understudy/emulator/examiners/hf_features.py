"""The rules of Hugging Face's feature extraction."""

from __future__ import annotations

from typing import Any

from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners.base import EMBED, Examiner, Rule
from understudy.emulator.examiners.shapes import READ, mistyped, unknown_field

_TYPES = "huggingface_hub 1.33.0: inference/_generated/types/feature_extraction.py"
_FIELDS = {
    "inputs": "string|array",
    "normalize": "boolean",
    "prompt_name": "string",
    "truncate": "boolean",
    "truncation_direction": "string",
}


def _undecodable(message: str) -> Words:
    return Words(422, f"Failed to deserialize the JSON body into the target type: {message}")


def _inputs(request: CheckedRequest) -> Words | None:
    given: Any = request.body.get("inputs")
    texts = given if isinstance(given, list) else [given]
    if given is None:
        return _undecodable("missing field `inputs`")
    if not all(isinstance(text, str) for text in texts):
        return _undecodable("inputs: data did not match any variant of untagged enum Input")
    return None if texts and all(texts) else Words(413, "`inputs` cannot be empty")


def _known_fields(request: CheckedRequest) -> Words | None:
    name = unknown_field(request.body, _FIELDS)
    return _undecodable(f"unknown field `{name}`") if name else None


def _options(request: CheckedRequest) -> Words | None:
    wrong = mistyped({**request.body, "inputs": None}, _FIELDS)
    if wrong:
        return _undecodable(f"{wrong.name}: invalid type: {wrong.given}, expected {wrong.wanted}")
    if (given := request.body.get("truncation_direction")) not in (None, "left", "right", "Left", "Right"):
        return _undecodable(f"truncation_direction: unknown variant `{given}`, expected `left` or `right`")
    return None


def _rule(name: str, check: Check, source: str = _TYPES) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check, operations=EMBED)


_TEI = "https://github.com/huggingface/text-embeddings-inference/blob/main/core/src/tokenization.rs"

EXAMINER = Examiner(
    (
        _rule("known-fields", _known_fields),
        _rule("options", _options),
        _rule("inputs", _inputs, _TEI),
    )
)
