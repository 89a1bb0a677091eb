"""Model lists, which every server of this dialect enriches in its own way."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from understudy.dialects.base import Endpoint
from understudy.dialects.windows import window_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.json import BadJson, decode

_OUTPUT = ("max_completion_tokens", "max_output_length", "max_output_tokens")
_FEATURES = {
    "tools": "tools",
    "function_calling": "tools",
    "structured_outputs": "structured_output",
    "reasoning": "thinking",
}
_SUPPORTS = {"supports_tools": "tools", "supports_structured_output": "structured_output"}
_INPUTS = {"image": "vision", "audio": "audio_input", "file": "pdf_input", "pdf": "pdf_input"}
_MILLION = 1_000_000
_POLICIES = frozenset({"fastest", "cheapest", "preferred"})
"""How Hugging Face's router can be asked to choose among the partners that serve a model."""


def decode_models(
    body: bytes, endpoint: Endpoint, request: ModelsRequest, *, single: bool
) -> list[ModelInfo | Failure]:
    """Decode a model list (`{"data": […]}` or a bare array), or one model where a `single` one was asked for.

    Raise `BadJson` if it is neither.
    """
    value = decode(body)
    entries = _entries(value, single=single)
    if entries is None:
        raise BadJson("neither a model nor a list of models")
    found = [model for entry in entries if _is_model(entry) for model in _served(entry, endpoint.provider)]
    if request.model is None:
        return [*found[: request.limit]]
    if single and len(entries) == 1 and not endpoint.quirks.partner_suffix:
        return [*found[:1]]
    name, _, policy = request.model.partition(":")
    names = (request.model, name) if policy in _POLICIES else (request.model,)
    wanted = [model for model in found if model.id in names]
    if single and not wanted and not endpoint.quirks.partner_suffix:
        raise BadJson("the list in place of one model")
    message = f"the list of models has no {request.model!r}"
    return [*wanted[:1]] or [Failure(kind=FailureKind.NOT_FOUND, message=message)]


def _entries(value: Any, *, single: bool) -> list[Any] | None:
    """Return the models of a body: of a list, bare or not, or the one that was asked for; `None` where there is none of
    these."""
    if isinstance(value, dict):
        if single and isinstance(value.get("id"), str):
            return [value]
        value = value.get("data")
        if single and _is_model(value):
            return [value]
    return value if isinstance(value, list) else None


def _is_model(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("id"), str)


def _served(entry: dict[str, Any], provider: str) -> list[ModelInfo]:
    """Decode one entry. Where partners serve the model (Hugging Face's router), it is offered by its name alone, whose
    price depends on who answers, and by each partner at that partner's price."""
    partners = entry.get("providers")
    if not isinstance(partners, list):
        return [_model(entry, provider)]
    pinned = [
        _model({**entry, **partner, "id": f"{entry['id']}:{partner['provider']}"}, provider)
        for partner in partners
        if isinstance(partner, dict) and isinstance(partner.get("provider"), str) and partner.get("status") == "live"
    ]
    return [_model(entry, provider), *pinned]


def _model(entry: dict[str, Any], provider: str) -> ModelInfo:
    created = entry.get("created")
    input_price, output_price, cache_read_price = _prices(entry.get("pricing"))
    return ModelInfo(
        id=entry["id"],
        provider=provider,
        display_name=_text(entry, "display_name", "name"),
        owned_by=_text(entry, "owned_by", "organization"),
        created=created if isinstance(created, int | float) and created > 0 else None,
        context_window=window_of(entry),
        max_output_tokens=_count(entry, _OUTPUT),
        capabilities=_capabilities(entry),
        lacks=_lacks(entry),
        input_price=input_price,
        output_price=output_price,
        cache_read_price=cache_read_price,
        raw=entry,
    )


def _text(entry: dict[str, Any], *names: str) -> str | None:
    return next((value for name in names if isinstance(value := entry.get(name), str) and value), None)


def _count(entry: dict[str, Any], names: Iterable[str]) -> int | None:
    return next((count for name in names if (count := token_count(entry.get(name)))), None)


def _capabilities(entry: dict[str, Any]) -> frozenset[str] | None:
    """Return the capabilities that the entry states; `None` if it states none, because unknown is not unsupported."""
    architecture = entry.get("architecture")
    source = {**architecture, **entry} if isinstance(architecture, dict) else entry
    inputs, outputs = _words(source.get("input_modalities")), _words(source.get("output_modalities"))
    features = _words(source.get("supported_features"))
    kind = source.get("type")
    if not inputs and not outputs and kind is None:
        return None
    found = {_INPUTS[word] for word in inputs if word in _INPUTS} | {
        _FEATURES[word] for word in features if word in _FEATURES
    }
    if "text" in outputs or kind in ("chat", "language"):
        found.add("chat")
    found |= {ours for theirs, ours in _SUPPORTS.items() if source.get(theirs) is True}
    if kind == "embedding" or outputs & {"embedding", "embeddings"}:
        found.add("embed")
    return frozenset(found)


def _lacks(entry: dict[str, Any]) -> frozenset[str]:
    """Return what the entry states as unsupported, and the kinds of input that it does not name."""
    architecture = entry.get("architecture")
    source = {**architecture, **entry} if isinstance(architecture, dict) else entry
    inputs = _words(source.get("input_modalities"))
    found = {ours for theirs, ours in _SUPPORTS.items() if source.get(theirs) is False}
    if inputs:
        found |= set(_INPUTS.values()) - {_INPUTS[word] for word in inputs if word in _INPUTS}
    return frozenset(found)


def _words(value: Any) -> set[str]:
    return {word for word in value if isinstance(word, str)} if isinstance(value, list) else set()


def _prices(pricing: Any) -> tuple[str | None, str | None, str | None]:
    """Return US dollars per million tokens of prompt, answer and cache. Groq writes dollars per token as strings,
    Together dollars per million tokens as numbers."""
    if not isinstance(pricing, dict):
        return None, None, None
    if "prompt" in pricing or "completion" in pricing:
        names, scale = ("prompt", "completion", "input_cache_read"), _MILLION
    else:
        names, scale = ("input", "output", ""), 1
    written, answered, cached = (_price(pricing.get(name), scale) for name in names)
    return written, answered, cached


def _price(value: Any, scale: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        price = Decimal(str(value)) * scale
        if isinstance(value, float):
            price = round(price, 9)  # What is left of arithmetic in binary: 0.060000000000000005.
    except InvalidOperation:
        return None
    return format(price.normalize(), "f") if price.is_finite() and price >= 0 else None
