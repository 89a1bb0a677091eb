"""Plain fields: those whose values are the same on the wire, under the same or another name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from understudy.dialects.base import WarningLog
from understudy.domain.content import JsonObject
from understudy.domain.requests import GenerationRequest

KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("max_tokens", "top_k", "seed", "top_logprobs"), (int,)),
    **dict.fromkeys(("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty"), (float, int)),
    **dict.fromkeys(("logprobs", "parallel_tool_calls"), (bool,)),
    **dict.fromkeys(("verbosity", "service_tier", "user", "cache_key"), (str,)),
    **dict.fromkeys(("logit_bias", "metadata"), (dict,)),
}
"""The JSON types of plain fields of `GenerationRequest`; the first of a field is the one that errors name."""
VALUES: Mapping[str, tuple[type, ...]] = {"logit_bias": (float, int), "metadata": (str,)}
"""The types of the values in plain fields that are objects."""


def is_of(value: object, kinds: tuple[type, ...]) -> bool:
    """Check whether a JSON value is of one of the types; unlike in Python, a boolean is not a number."""
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


class Field(msgspec.Struct, frozen=True):
    """A field of `GenerationRequest`: its name, its name on the wire, and the range that the service accepts."""

    name: str
    wire: str
    least: float = -math.inf
    most: float = math.inf


def encode_fields(
    fields: Iterable[Field], request: GenerationRequest, refused: frozenset[str], notes: WarningLog, *, why: str
) -> JsonObject:
    """Encode the fields that are set, within their ranges; leave out those that are refused, for the reason `why`."""
    body: JsonObject = {}
    for field in fields:
        value = getattr(request, field.name)
        if value is None:
            continue
        if field.name in refused:
            notes.drop(field.name, why)
            continue
        if not field.least <= value <= field.most:
            notes.clamp(field.name, f"this API accepts {field.least:g} to {field.most:g}")
            value = min(max(value, field.least), field.most)
        body[field.wire] = value
    return body
