"""What a rule and an examiner are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

import msgspec

from understudy.domain.operation import Operation
from understudy.emulator.cast.base import Check, CheckedRequest, Words

CHAT = frozenset({Operation.CHAT})
PROMPTS = frozenset({Operation.CHAT, Operation.COUNT_TOKENS})
EMBED = frozenset({Operation.EMBED})


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of a vendor: what it refuses, and where that is documented."""

    name: str
    """Unique within its examiner, such as `results-after-calls`."""
    source: str
    """The URL of the vendor's page, the path of a type in an official client with its version, or a public report."""
    read: str
    """The day on which the source was read, as `2026-11-28`."""
    check: Check
    """Returns the vendor's complaint, in its own status, code and words; `None` if the request keeps the rule."""
    operations: frozenset[Operation] = CHAT


class Complaint(msgspec.Struct, frozen=True):
    """A broken rule and the vendor's words for it."""

    rule: Rule
    words: Words


class Examiner(msgspec.Struct, frozen=True):
    """The rules of one wire format at one provider, in the order in which the vendor applies them."""

    rules: tuple[Rule, ...]

    def examine(self, request: CheckedRequest) -> Complaint | None:
        """Return the first broken rule; `None` if the request keeps them all."""
        for rule in self.rules:
            if request.operation in rule.operations and (words := rule.check(request)) is not None:
                return Complaint(rule, words)
        return None


_MODULES = {
    ("openai", "openai"): "openai",
    ("openai", "responses"): "responses",
    ("azure-openai", "openai"): "azure_openai",
    ("azure-openai", "responses"): "azure_responses",
    ("groq", "openai"): "groq",
    ("together", "openai"): "together",
    ("huggingface", "openai"): "huggingface",
    ("huggingface", "hf-features"): "hf_features",
    ("anthropic", "anthropic"): "anthropic",
    ("google", "gemini"): "gemini",
    ("cohere", "cohere"): "cohere",
    ("ollama", "ollama"): "ollama",
    ("replicate", "replicate"): "replicate",
}
"""The module of each provider and wire format; it has the examiner in `EXAMINER`."""


def wires() -> tuple[tuple[str, str], ...]:
    """Return each provider and wire format that has an examiner."""
    return tuple(_MODULES)


@cache
def find(provider_type: str, dialect: str) -> Examiner:
    """Return the examiner of a provider's wire format; one without rules where none is documented."""
    name = _MODULES.get((provider_type, dialect))
    if name is None:
        return Examiner(())
    found: Examiner = import_module(f"understudy.emulator.examiners.{name}").EXAMINER
    return found


def first(*checks: Callable[[CheckedRequest], Words | None]) -> Check:
    """Return a check that reports the first complaint of several."""
    return lambda request: next((words for check in checks if (words := check(request)) is not None), None)
