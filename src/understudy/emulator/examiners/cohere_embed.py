"""The rules of Cohere's embeddings."""

from __future__ import annotations

import re
from typing import Any

from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners.base import EMBED, Rule
from understudy.emulator.examiners.cohere_words import ERRORS, SPEC, invalid, mistyped_words, unknown_words
from understudy.emulator.examiners.shapes import READ, image_flaw, mistyped, objects, outside, unknown_field

_FIELDS = {
    "model": "string",
    "input_type": "string",
    "texts": "array",
    "images": "array",
    "inputs": "array",
    "embedding_types": "array",
    "output_dimension": "integer",
    "truncate": "string",
    "max_tokens": "integer",
    "priority": "integer",
}
_INPUT_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
_TYPES = ("float", "int8", "uint8", "binary", "ubinary", "base64")
_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_V3 = re.compile(r"embed-.+-v[23]\.0$")
_V4 = re.compile(r"embed-v4")


def _known_fields(request: CheckedRequest) -> Words | None:
    name = unknown_field(request.body, _FIELDS)
    return unknown_words(name, "embed") if name else None


def _types(request: CheckedRequest) -> Words | None:
    wrong = mistyped(request.body, _FIELDS)
    return mistyped_words(wrong, "embed") if wrong else None


def _model(request: CheckedRequest) -> Words | None:
    return None if request.body.get("model") else invalid("a model parameter is required for this endpoint.", "")


def _input_type(request: CheckedRequest) -> Words | None:
    if request.body.get("input_type") in _INPUT_TYPES:
        return None
    return invalid("valid input_type must be provided with the provided model")


def _one_input(request: CheckedRequest) -> Words | None:
    given = [name for name in ("texts", "images", "inputs") if request.body.get(name)]
    return None if len(given) == 1 else invalid("exactly one of texts, images and inputs must be provided")


def _texts(request: CheckedRequest) -> Words | None:
    texts: Any = request.body.get("texts") or ()
    for at, text in enumerate(texts):
        if not isinstance(text, str):
            return invalid(f"texts must be strings, got another type at index {at}")
        if not text:
            return invalid(f"inputs contains an element that is the empty string at index {at}")
    return None


def _count(request: CheckedRequest) -> Words | None:
    for name in ("texts", "inputs"):
        given = request.body.get(name)
        if isinstance(given, list) and len(given) > 96:
            return invalid(f"total number of texts must be at most 96 - received {len(given)}")
    return None


def _embedding_types(request: CheckedRequest) -> Words | None:
    for name in request.body.get("embedding_types") or ():
        if name not in _TYPES:
            return invalid(f"embedding type {name!r} is not valid, must be one of {', '.join(_TYPES)}")
    return None


def _output_dimension(request: CheckedRequest) -> Words | None:
    given = request.body.get("output_dimension")
    if given is None:
        return None
    name = request.model_name or ""
    if _V3.match(name):
        return invalid(f"output_dimension is not supported by model '{name}'")
    accepted = (256, 512, 1024, 1536) if _V4.match(name) else (256, 512, 1024, 1536, 2048)
    if given not in accepted:
        return invalid(f"output_dimension must be one of {', '.join(map(str, accepted))}")
    return None


def _truncate(request: CheckedRequest) -> Words | None:
    if request.body.get("truncate") in (None, "NONE", "START", "END"):
        return None
    return invalid("truncate must be one of NONE, START, END")


def _limits(request: CheckedRequest) -> Words | None:
    if outside(request.body.get("priority"), 0, 999):
        return invalid("priority must be between 0 and 999 inclusive.")
    if outside(request.body.get("max_tokens"), 1, float("inf")):
        return invalid("max_tokens must be a positive integer")
    return None


def _images(request: CheckedRequest) -> Words | None:
    images: Any = request.body.get("images") or ()
    if images and request.body.get("input_type") != "image":
        return invalid("images must be used with input_type=image")
    if len(images) > 1 and _V3.match(request.model_name or ""):
        return invalid(f"the number of images must be at most 1 - received {len(images)}")
    nested = [
        part.get("image_url")
        for _, entry in objects(request.body.get("inputs"))
        for _, part in objects(entry.get("content"))
    ]
    for url in (*images, *(image.get("url") for image in nested if isinstance(image, dict))):
        if flaw := image_flaw(url, _IMAGES, by_address=False):
            return invalid(f"invalid image: {flaw}")
    return None


def _inputs(request: CheckedRequest) -> Words | None:
    for at, entry in objects(request.body.get("inputs")):
        content = list(objects(entry.get("content")))
        if not content or any(part.get("type") not in ("text", "image_url") for _, part in content):
            return invalid(f"inputs[{at}].content must be a list of text and image_url components")
    return None


def _capabilities(request: CheckedRequest) -> Words | None:
    if request.model is None or "embed" in request.model.capabilities:
        return None
    return invalid(f"embed is not supported by model '{request.model.id}'")


def _rule(name: str, check: Check, source: str = SPEC) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check, operations=EMBED)


_WRONG_TYPE = "https://github.com/BerriAI/litellm/issues/10939"

RULES = (
    _rule("embed-known-fields", _known_fields, "https://github.com/cohere-ai/notebooks/issues/226"),
    _rule("embed-types", _types, _WRONG_TYPE),
    _rule("embed-model", _model, ERRORS),
    _rule("embed-input-type", _input_type, ERRORS),
    _rule("embed-one-input", _one_input),
    _rule("embed-texts", _texts, ERRORS),
    _rule("embed-count", _count, ERRORS),
    _rule("embed-inputs", _inputs),
    _rule("embed-embedding-types", _embedding_types),
    _rule("embed-output-dimension", _output_dimension),
    _rule("embed-truncate", _truncate),
    _rule("embed-limits", _limits),
    _rule("embed-images", _images, ERRORS),
    _rule("embed-capabilities", _capabilities, ERRORS),
)
