"""Fits the plain fields of a request to the values that a target accepts, before it is encoded.

Numbers are clamped, ids that are too long are replaced by ones derived from them, and what has no acceptable form is
left out, each with a warning. A request that sets none of these fields passes untouched.
"""

from __future__ import annotations

import hashlib
import re
from operator import attrgetter
from typing import Any

import msgspec

from understudy.dialects.base import WarningLog
from understudy.dialects.limits import MetadataLimits, ParameterLimits
from understudy.domain.requests import GenerationRequest

_NUMBERS = (
    *("max_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "seed"),
    "top_logprobs",
)
_OTHERS = ("stop", "logprobs", "logit_bias", "user", "cache_key", "metadata", "service_tier")
_MAIL_ADDRESS = re.compile(r"[^@\s]@[^@\s]+\.[^@\s]")
_values = attrgetter(*_NUMBERS, *_OTHERS)
_UNSET = _values(GenerationRequest(messages=()))


def fit_parameters(request: GenerationRequest, limits: ParameterLimits, notes: WarningLog) -> GenerationRequest:
    """Return the request with values that the target accepts."""
    if _values(request) == _UNSET:
        return request
    changes: dict[str, Any] = {}
    for field, (least, most) in limits.ranges.items():
        value = getattr(request, field)
        if value is not None and (fitting := _clamped(field, value, least, most, notes)) != value:
            changes[field] = fitting
    if request.stop:
        _fit_stops(request.stop, limits, notes, changes)
    if request.top_logprobs is not None and not request.logprobs and not limits.top_logprobs_alone:
        _fit_logprobs(request, notes, changes)
    if request.logit_bias is not None and limits.bias is not None:
        _fit_bias(request.logit_bias, limits.bias, notes, changes)
    if request.temperature is not None and request.top_p is not None and not limits.temperature_with_top_p:
        changes["top_p"] = None
        notes.drop("top_p", "this model accepts it only without a temperature")
    _fit_ids(request, limits, notes, changes)
    if request.user is not None and not limits.user_mail and _MAIL_ADDRESS.search(request.user):
        changes["user"] = _stand_in(request.user, limits.user_length)
        notes.rename("user", "an email address is refused, so a hash of it is sent")
    if request.metadata and limits.metadata is not None:
        _fit_metadata(request.metadata, limits.metadata, notes, changes)
    if request.service_tier is not None and limits.tiers is not None:
        _fit_tier(request.service_tier, limits.tiers, notes, changes)
    return msgspec.structs.replace(request, **changes) if changes else request


def _clamped(field: str, value: float, least: float | None, most: float | None, notes: WarningLog) -> float:
    fitting = value
    if least is not None and value < least:
        fitting = least
    if most is not None and value > most:
        fitting = most
    if fitting == value:
        return value
    notes.clamp(field, f"this target accepts {_range(least, most)}; {fitting:g} was sent")
    return type(value)(fitting) if isinstance(value, int) and float(fitting).is_integer() else fitting


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return f"at most {most:g}"
    return f"at least {least:g}" if most is None else f"{least:g} to {most:g}"


def _fit_stops(stops: tuple[str, ...], limits: ParameterLimits, notes: WarningLog, changes: dict[str, Any]) -> None:
    kept = tuple(dict.fromkeys(stop for stop in stops if (stop if limits.blank_stops else stop.strip())))
    if kept == stops:
        return
    if len(kept) < len(set(stops)):
        what = "empty ones are" if limits.blank_stops else "ones of white space alone are"
        notes.drop("stop", f"{what} refused")
    changes["stop"] = kept


def _fit_logprobs(request: GenerationRequest, notes: WarningLog, changes: dict[str, Any]) -> None:
    """Alternatives come only beside log probabilities, so asking for the one asks for the other."""
    if request.logprobs is None and request.top_logprobs:
        changes["logprobs"] = True
        return
    changes["top_logprobs"] = None
    if request.top_logprobs:
        notes.drop("top_logprobs", "it is accepted only together with logprobs")


def _fit_bias(bias: dict[str, float], most: float, notes: WarningLog, changes: dict[str, Any]) -> None:
    fitting = {token: min(max(value, -most), most) for token, value in bias.items()}
    if fitting != bias:
        notes.clamp("logit_bias", f"this target accepts {-most:g} to {most:g}")
        changes["logit_bias"] = fitting


def _fit_ids(request: GenerationRequest, limits: ParameterLimits, notes: WarningLog, changes: dict[str, Any]) -> None:
    for field, given, longest in (
        ("user", request.user, limits.user_length),
        ("cache_key", request.cache_key, limits.cache_key_length),
    ):
        if given is not None and longest is not None and len(given) > longest:
            # The same id always becomes the same one: it only has to be told from others.
            changes[field] = _stand_in(given, longest)
            notes.rename(field, f"it is longer than {longest} characters, so a hash of it is sent")


def _stand_in(given: str, longest: int | None) -> str:
    return hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()[:longest]


def _fit_metadata(metadata: dict[str, str], limits: MetadataLimits, notes: WarningLog, changes: dict[str, Any]) -> None:
    short = {key: value for key, value in metadata.items() if len(key) <= limits.key and len(value) <= limits.value}
    kept = dict(list(short.items())[: limits.pairs])
    if len(kept) == len(metadata):
        return
    allowed = f"{limits.pairs} pairs, keys of {limits.key} and values of {limits.value} characters"
    notes.drop("metadata", f"at most {allowed} are accepted; the rest was left out")
    changes["metadata"] = kept or None


def _fit_tier(tier: str, tiers: Any, notes: WarningLog, changes: dict[str, Any]) -> None:
    if tier in tiers:
        if tiers[tier] != tier:
            changes["service_tier"] = tiers[tier]
        return
    changes["service_tier"] = None
    notes.drop("service_tier", f"this target accepts {', '.join(tiers)}")
