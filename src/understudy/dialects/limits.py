"""What values a target accepts in the plain fields of a request, as data."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class MetadataLimits(msgspec.Struct, frozen=True):
    """How many pairs metadata may have, and how many characters a key and a value."""

    pairs: int
    key: int
    value: int


class ParameterLimits(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """The values that a target accepts. What is unset here is not limited."""

    ranges: Mapping[str, tuple[float | None, float | None]] = {}
    """By field of `GenerationRequest`: the least and the most; other values are clamped."""
    bias: float | None = None
    """The most by which `logit_bias` may raise or lower a token."""
    top_logprobs_alone: bool = True
    """`top_logprobs` is accepted without `logprobs`."""
    temperature_with_top_p: bool = True
    """Both may be set in one request; otherwise the temperature is sent."""
    blank_stops: bool = True
    """Stop sequences may be white space alone. Empty ones no vendor accepts."""
    user_length: int | None = None
    user_mail: bool = True
    """The user's id may be an email address."""
    cache_key_length: int | None = None
    metadata: MetadataLimits | None = None
    tiers: Mapping[str, str | None] | None = None
    """Accepted service tiers, and their names here; `None` for one that is the default. Others are left out."""
