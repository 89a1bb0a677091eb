"""From what a caller wants to embed to a request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from understudy.client.door.extras import check_extra_names
from understudy.client.door.options import check_names, read_deadline, read_max_cost, read_option
from understudy.domain.misuse import Misuse
from understudy.domain.requests import EmbeddingRequest, WireOrigin
from understudy.domain.suggestions import kind_of
from understudy.protocol import EmbedOptions, Texts

_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_OF_THE_TEXTS = ("deadline", "max_cost", "concurrency")


class CheckedTexts(tuple[str, ...]):
    """The texts of a request that has passed the door, where it is not checked again; it equals any other tuple."""

    __slots__ = ()


class ReadTexts(msgspec.Struct, frozen=True):
    """Texts to embed, the request's own deadline in seconds, how many batches may be under way at once, and what all of
    them may cost, in nano-USD."""

    request: EmbeddingRequest
    deadline: float | None = None
    concurrency: int | None = None
    max_cost: int | None = None


def read_texts(texts: Texts, options: EmbedOptions, extra_names: Iterable[str] = ()) -> ReadTexts:
    """Build an embedding request. Raise `Misuse` for an empty list or string, an unknown option or a wrong type.

    `extra_names` are the names that `extra` may have besides those of built-in providers and dialects.
    """
    check_names(options, EmbedOptions.__annotations__)
    request = checked_texts(texts, extra_names) if isinstance(texts, EmbeddingRequest) else _request_of(texts)
    given = {name: value for name, value in options.items() if name not in _NOT_OF_THE_TEXTS and value is not None}
    if given:
        fields = _read(given)
        check_extra_names(fields.get("extra", ()), extra_names)
        if given.keys() - {"model"}:
            fields["origin"] = None  # its body, which a client of the same dialect sends as it came, has other values
        request = msgspec.structs.replace(request, **fields)
    concurrency = options.get("concurrency")
    return ReadTexts(
        request,
        read_deadline(options.get("deadline")),
        None if concurrency is None else _read({"concurrency": concurrency})["concurrency"],
        read_max_cost(options.get("max_cost")),
    )


def checked_texts(request: EmbeddingRequest, extra_names: Iterable[str] = ()) -> EmbeddingRequest:
    """Return a whole request, checked unless it was before. Raise `Misuse`."""
    if isinstance(request.texts, CheckedTexts):
        return request
    if request.origin is not None and not isinstance(request.origin, WireOrigin):
        raise Misuse("EmbeddingRequest: origin is set by the library; leave it out")
    values = ((name, getattr(request, name)) for name in EmbedOptions.__annotations__ if name not in _NOT_OF_THE_TEXTS)
    fields = _read({name: value for name, value in values if value is not None})
    check_extra_names(fields.get("extra", ()), extra_names)
    if type(request.single) is not bool:
        raise Misuse(f"EmbeddingRequest: single must be true or false, not {kind_of(request.single)}")
    if request.origin is None or request.texts:  # one that came in as tokens has no texts
        fields["texts"] = _checked(request.texts)
    return msgspec.structs.replace(request, **fields)


def _request_of(texts: Any) -> EmbeddingRequest:
    if isinstance(texts, str):
        return EmbeddingRequest(texts=_checked((texts,)), single=True)
    return EmbeddingRequest(texts=_checked(texts))


def _read(options: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {name: read_option(name, value) for name, value in options.items()}
    except Misuse as error:
        raise Misuse(f"embed: {error.message}") from None


def _checked(texts: Any) -> CheckedTexts:
    if isinstance(texts, (str, bytes, Mapping)) or not isinstance(texts, Iterable):
        raise Misuse(f"embed: pass a string, a list of strings or an EmbeddingRequest, not {kind_of(texts)}")
    found = CheckedTexts(texts)
    if not found:
        raise Misuse("embed: the list of texts is empty")
    for position, text in enumerate(found):
        if not isinstance(text, str):
            raise Misuse(f"embed: text {position} is {kind_of(text)}, not a string")
        if not text:
            raise Misuse(f"embed: text {position} is empty; providers refuse empty texts")
        if not text.isascii() and (surrogate := _SURROGATE.search(text)):
            what = f"a lone surrogate at character {surrogate.start()} and cannot be encoded as UTF-8"
            raise Misuse(f"embed: text {position} contains {what}: decode it with errors='replace'")
    return found
