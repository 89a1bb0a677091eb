"""The rules of OpenAI's embeddings."""

from __future__ import annotations

from understudy.domain.content import Json
from understudy.emulator.cast.base import CheckedRequest, Words
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.base import EMBED, Rule
from understudy.emulator.examiners.openai_models import family_of
from understudy.emulator.examiners.openai_shapes import field, known, string

FIELDS = ("input", "model", "dimensions", "encoding_format", "user")
LIMIT = 2048
_GUIDE = "https://developers.openai.com/api/reference/resources/embeddings/methods/create"
_RECORDED = "https://github.com/envoyproxy/ai-gateway/tree/main/tests/internal/testopenai/cassettes"
_READ = "2026-11-28"


def _input(request: CheckedRequest) -> Words | None:
    given = request.body.get("input")
    if given is None:
        return say.missing("input")
    if isinstance(given, list) and len(given) > LIMIT:
        return say.refuse(f"Invalid 'input': array too long. At most {LIMIT} inputs are supported.", "input")
    if _is_text(given) or _is_tokens(given):
        return None
    if isinstance(given, list) and given and (all(map(_is_text, given)) or all(map(_is_tokens, given))):
        return None
    words = "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
    return say.refuse(words)


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and value != ""


def _is_tokens(value: Json) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(part, int) and not isinstance(part, bool) and part >= 0 for part in value)


def _encoding(request: CheckedRequest) -> Words | None:
    given = request.body.get("encoding_format")
    if given in (None, "float", "base64"):
        return None
    return say.refuse(f"'{given}' is not one of ['float', 'base64'] - 'encoding_format'")


def _dimensions(request: CheckedRequest) -> Words | None:
    given = request.body.get("dimensions")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int):
        return say.refuse(f"{given!r} is not of type 'integer' - 'dimensions'")
    return say.refuse(f"{given} is less than the minimum of 1 - 'dimensions'") if given < 1 else None


def _largest_dimensions(request: CheckedRequest) -> Words | None:
    given, largest = request.body.get("dimensions"), family_of(request).dimensions
    if not isinstance(given, int) or largest is None:
        return None
    if largest == 0:
        return say.refuse("This model does not support specifying dimensions.")
    if given > largest:
        return say.refuse(f"Invalid value for 'dimensions' = {given}. Must be less than or equal to {largest}.")
    return None


RULES = (
    Rule(
        name="embedding-fields",
        source="openai 2.54.0: types/embedding_create_params.py",
        read=_READ,
        check=known(FIELDS, "Unrecognized request argument supplied: {}"),
        operations=EMBED,
    ),
    Rule(name="embedding-input", source=_GUIDE, read=_READ, check=_input, operations=EMBED),
    Rule(name="embedding-dimensions", source=_RECORDED, read=_READ, check=_dimensions, operations=EMBED),
    Rule(name="embedding-encoding", source=_GUIDE, read=_READ, check=_encoding, operations=EMBED),
    Rule(name="embedding-dimensions-of-model", source=_GUIDE, read=_READ, check=_largest_dimensions, operations=EMBED),
    Rule(name="embedding-user", source=_GUIDE, read=_READ, check=field("user", string()), operations=EMBED),
)
