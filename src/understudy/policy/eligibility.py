"""Which targets support a request, as far as that is known. Unknown capabilities do not exclude a target."""

from __future__ import annotations

from operator import attrgetter

import msgspec

from understudy.domain.census import census_of
from understudy.domain.content import Audio, File, Image, ToolResult
from understudy.domain.messages import Message, Tool
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.policy.estimate import LEAST_BYTES_PER_TOKEN, least_prompt
from understudy.policy.plan import Skip
from understudy.policy.strategies import UNKNOWN
from understudy.policy.targets import Facts, Target

_WORDS = {
    "tools": "tool calls",
    "vision": "images",
    "audio_input": "audio",
    "pdf_input": "PDFs",
    "structured_output": "answers that follow a schema",
}
"""By capability, what a target without it does not support. The last one can be requested in the prompt instead."""


class Needs(msgspec.Struct, frozen=True):
    """What a request requires of a target."""

    capabilities: frozenset[str] = frozenset()
    least_prompt: int = 0
    """The least number of tokens that its prompt has."""


class Eligibility(msgspec.Struct, frozen=True):
    """The targets that support a request, and the others."""

    targets: tuple[Target, ...]
    skipped: tuple[Skip, ...] = ()
    compromise: str | None = None
    """Set if no target supports the request fully: what was overlooked."""


def needs_of(request: GenerationRequest | EmbeddingRequest, *, enough: int = 0) -> Needs:
    """Return what a request needs. A prompt that came in a body of at most `enough` tokens is not measured: its
    `least_prompt` is a number that it is not above."""
    if isinstance(request, EmbeddingRequest):
        return _NOTHING
    messages = request.messages
    is_plain = _STRINGS.issuperset(map(type, map(_CONTENT, messages)))
    found = _media(messages) if not is_plain and census_of(messages).has_media else set[str]()
    if request.tools and any(isinstance(tool, Tool) for tool in request.tools):
        found.add("tools")
    if request.output is not None and request.output.kind == "json_schema":
        found.add("structured_output")
    most = enough + 1 if request.origin is None else len(request.origin.body) // LEAST_BYTES_PER_TOKEN
    return Needs(frozenset(found), most if most <= enough else least_prompt(request))


_NOTHING = Needs()
_STRINGS = frozenset({str})
_CONTENT = attrgetter("content")


def _media(messages: tuple[Message, ...]) -> set[str]:
    found: set[str] = set()
    for message in messages:
        if type(message.content) is str:
            continue
        for part in message.content:
            inner = part.content if isinstance(part, ToolResult) and not isinstance(part.content, str) else ()
            for each in (part, *inner):
                if isinstance(each, Image):
                    found.add("vision")
                elif isinstance(each, Audio):
                    found.add("audio_input")
                elif isinstance(each, File) and each.media_type == "application/pdf":
                    found.add("pdf_input")
    return found


def eligible(needs: Needs, targets: tuple[Target, ...], facts: Facts) -> Eligibility:
    """Separate the targets that are known not to support a request from the others.

    A window that is too small by an estimate, or missing support for schemas, which can be requested in the prompt,
    excludes a target only while others are left. No target is left if every one lacks something else.
    """
    able: list[Target] = []
    skipped: list[Skip] = []
    lacking: list[Target] = []
    for target in targets:
        found, hard = _lack(needs, target, facts)
        if found is None:
            able.append(target)
        else:
            skipped.append(Skip(target, found))
            if not hard:
                lacking.append(target)
    if able or not lacking:
        return Eligibility(tuple(able), tuple(skipped))
    kept = set(lacking)
    why = next(skip.why for skip in skipped if skip.target in kept)
    return Eligibility(
        tuple(lacking), tuple(skip for skip in skipped if skip.target not in kept), f"no target is better: {why}"
    )


def _lack(needs: Needs, target: Target, facts: Facts) -> tuple[str | None, bool]:
    """Return what a target lacks, and whether that excludes it for certain."""
    known = facts.targets.get(target.label, UNKNOWN)
    for capability, words in _WORDS.items():
        if capability in needs.capabilities and known.capabilities.get(capability) is False:
            return f"does not support {words}", capability != "structured_output"
    window = facts.windows.get(target.label)
    if window is not None and needs.least_prompt > window:
        return f"has a context window of {window:,} tokens, and the prompt has at least {needs.least_prompt:,}", False
    return None, False
