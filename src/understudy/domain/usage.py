"""Tokens by disjoint class. Every class counts tokens that no other class counts; what a provider does not report
is `None`, never zero, so that a sum can distinguish "nothing" from "unknown"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.domain.json_types import JsonObject
from understudy.domain.regexes import regex


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Token counts of one answer. If a provider includes one class in another, its dialect separates them."""

    input: int | None = None
    """Prompt tokens that were neither read from nor written to a cache, audio excluded."""
    cache_read: int | None = None
    """Prompt tokens read from a cache, audio excluded where the provider counts that separately."""
    cache_read_audio: int | None = None
    cache_write: int | None = None
    """Written to a cache, all lifetimes except the one below."""
    cache_write_1h: int | None = None
    """Written to a cache for one hour (Anthropic)."""
    output: int | None = None
    """Answer tokens, reasoning and audio excluded; included if the provider does not count reasoning separately."""
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    raw: JsonObject | None = None
    """The usage object as the provider wrote it."""
    billed: Usage | None = None
    """What is charged, if the provider reports that it differs from what was counted (Cohere; Anthropic, if several
    models worked on one answer)."""
    by_model: tuple[ModelUsage, ...] = ()
    """What is charged of each request that the provider made for this answer, if it made several: models may have
    declined before one answered, advised it, or summarized the conversation (Anthropic). Each has the rates of its
    model."""
    tools: Mapping[str, int] | None = None
    """Calls of hosted tools that may have a fee of their own, by tool: `web_search`, `file_search`, …"""

    @property
    def input_total(self) -> int | None:
        """All prompt tokens, or `None` if none of their classes is known."""
        read, written, long, audio = self.cache_read, self.cache_write, self.cache_write_1h, self.audio_input
        if read is None and written is None and long is None and audio is None and self.cache_read_audio is None:
            return self.input
        return _sum(self.input, read, self.cache_read_audio, written, long, audio)

    @property
    def cached(self) -> int | None:
        """Prompt tokens that were read from a cache, audio included."""
        if self.cache_read_audio is None:
            return self.cache_read
        return _sum(self.cache_read, self.cache_read_audio)

    @property
    def output_total(self) -> int | None:
        """All answer tokens, or `None` if none of their classes is known."""
        if self.reasoning is None and self.audio_output is None:
            return self.output
        return _sum(self.output, self.reasoning, self.audio_output)

    @property
    def total(self) -> int | None:
        """All tokens, or `None` if nothing is known."""
        return _sum(self.input_total, self.output_total)

    @property
    def is_unknown(self) -> bool:
        """Whether no class of tokens is known."""
        if self.input is not None or self.output is not None:  # nearly always: the fast path
            return False
        return self.total is None

    def __add__(self, other: Usage) -> Usage:
        """Return the sum, class by class; a class is unknown if it is unknown in either. `raw` has no sum."""
        if self.billed is not None or other.billed is not None:
            billed = (self.billed or self) + (other.billed or other)
            plain = (msgspec.structs.replace(each, billed=None) for each in (self, other))
            return msgspec.structs.replace(next(plain) + next(plain), billed=billed)
        counts: dict[str, Any] = {
            name: ours + theirs
            for name in _COUNTS
            if (ours := getattr(self, name)) is not None and (theirs := getattr(other, name)) is not None
        }
        if self.tools or other.tools:
            counts["tools"] = dict(Counter(self.tools or {}) + Counter(other.tools or {}))
        if self.by_model or other.by_model:
            counts["by_model"] = (*self._requests(), *other._requests())
        return Usage(**counts)

    def _requests(self) -> tuple[ModelUsage, ...]:
        return self.by_model or (ModelUsage(model=None, usage=msgspec.structs.replace(self, raw=None, tools=None)),)

    def followed_by(self, later: Usage) -> Usage:
        """Return the usage after another report: that report as a whole, unless it is empty."""
        return self if later.is_unknown and not self.is_unknown else later

    def merged(self, later: Usage) -> Usage:
        """Return this usage with every class that `later` reports replaced by its value: reports are cumulative."""
        known = {name: value for name in self.__struct_fields__ if (value := getattr(later, name)) not in (None, ())}
        if "raw" in known and self.raw:
            known["raw"] = {**self.raw, **{key: value for key, value in known["raw"].items() if value is not None}}
        return msgspec.structs.replace(self, **known)


class ModelUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one of several requests for an answer used."""

    model: str | None
    """`None`: the model that answered."""
    usage: Usage


_COUNTS = tuple(name for name in Usage.__struct_fields__ if name not in ("raw", "billed", "by_model", "tools"))
"""The classes of tokens."""

USAGE = "usage"
"""The `what` of warnings about token counts. A cost of counts that came with one is an estimate."""

_COUNT = regex(r"(?:tokens|token_?count|eval_count)$", re.I)
_CLASSES = {
    "cached_tokens": "cache_read",
    "cachedContentTokenCount": "cache_read",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
    "thinking_tokens": "reasoning",
    "thoughtsTokenCount": "reasoning",
}
"""Fields whose count has a class of its own, unless it exceeds the count that includes it."""


def odd_counts(usage: Usage) -> list[str]:
    """Return the fields of the provider's own report that had to be ignored: values that are not token counts, counts
    that exceed what they are part of, and a total that is not the sum."""
    raw = usage.raw
    if not raw:
        return []
    found: list[str] = []
    if not _are_plain(raw):
        _walk(raw, usage, found)
    total = raw.get("total_tokens", raw.get("totalTokenCount"))
    if type(total) is int and not found:
        read, written = usage.input_total, usage.output_total
        if read is not None and written is not None and read + written != total:
            found.append("a total that is not the sum")
    return found


def _walk(raw: dict[str, Any], usage: Usage, found: list[str]) -> None:
    for name, value in raw.items():
        if type(value) is int and 0 <= value <= MAX_TOKENS:
            if value and name in _CLASSES and getattr(usage, _CLASSES[name]) is None:
                found.append(name)
        elif isinstance(value, dict | list) and name != "tokens" and _COUNT.search(name):
            found.append(name)  # Cohere groups its counts under `tokens`; other counts are never groups
        elif isinstance(value, dict):
            _walk(value, usage, found)
        elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
            for item in value:
                _walk(item, usage, found)
        elif value is not None and _COUNT.search(name) and token_count(value) is None:
            found.append(name)


def _are_plain(raw: dict[str, Any]) -> bool:
    """Check whether all are token counts without a class of their own: then there is nothing to look at one by one."""
    values = raw.values()
    if set(map(type, values)) != _COUNT_TYPES or not _CLASSES.keys().isdisjoint(raw):
        return False
    return bool(min(values) >= 0 and max(values) <= MAX_TOKENS)


_COUNT_TYPES = {int}

MAX_TOKENS = 2**53
"""Above this a count is absurd, and no longer exact as a JSON number."""


def _sum(*counts: int | None) -> int | None:
    total = None
    for count in counts:
        if count is not None:
            total = count if total is None else total + count
    return total


def apart(total: int | None, *parts: object) -> tuple[int | None, list[int | None]]:
    """Subtract from a total the counts that it includes. A part that is larger than what is left is unknown."""
    if total is None:
        return None, [None] * len(parts)
    found: list[int | None] = []
    for part in parts:
        count = None if part is None else token_count(part)
        if count is None or count > total:
            found.append(None)
        else:
            total -= count
            found.append(count)
    return total, found


def token_count(value: object) -> int | None:
    """Return a token count of the wire, or `None` if it is not one.

    Reject booleans, strings, negative, fractional and absurd (above 2⁵³) values, so that a broken report counts as
    unknown instead of corrupting a sum.
    """
    if type(value) is int:  # by far the most frequent, with `None`; a bool is of another type
        return value if 0 <= value <= MAX_TOKENS else None
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_TOKENS else None
