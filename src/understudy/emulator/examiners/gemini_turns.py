"""The conversation in the Gemini API: roles, parts, and the order of calls and responses."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode
from collections import Counter

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import Words
from understudy.emulator.examiners.gemini_fields import DATA
from understudy.emulator.examiners.gemini_reading import Body, at_field, calls, invalid, responses

EMULATED_SIGNATURE = b64encode(b"emulated signature").decode()
"""The signature of calls that the emulator makes."""
_PLACEHOLDERS = frozenset({b"skip_thought_signature_validator", b"context_engineering_is_the_way_to_go"})
"""Documented for conversations that another model began: https://ai.google.dev/gemini-api/docs/thought-signatures."""


def some_content(body: Body) -> Words | None:
    """Refuse a prompt without content."""
    return None if body.contents else at_field(f"{body.root}.contents", "contents is not specified")


def roles(body: Body) -> Words | None:
    """Refuse other roles than those of user and model."""
    known = all(content.get("role", "") in ("user", "model", "") for content in body.contents)
    return None if known else invalid("Please use a valid role: user, model.")


def some_parts(body: Body) -> Words | None:
    """Refuse a content without parts."""
    for at, content in enumerate(body.contents):
        if not content.get("parts"):
            return at_field(f"{body.root}.contents[{at}].parts", "contents.parts must not be empty.")
    system = body.fields.get("systemInstruction")
    if system is None or system.get("parts"):
        return None
    return at_field(f"{body.root}.system_instruction.parts", "contents.parts must not be empty.")


def part_data(body: Body) -> Words | None:
    """Refuse a part without data."""
    system = body.config("systemInstruction").get("parts", [])
    for path, part in (
        *body.parts(),
        *((f"{body.root}.system_instruction.parts[{n}]", part) for n, part in enumerate(system)),
    ):
        if not part.keys() & set(DATA):
            return at_field(f"{path}.data", "required oneof field 'data' must have one initialized field")
    return None


def system_text(body: Body) -> Words | None:
    """Refuse a system instruction of anything but text."""
    for n, part in enumerate(body.config("systemInstruction").get("parts", [])):
        if part.keys() & set(DATA) - {"text"}:
            return at_field(f"{body.root}.system_instruction.parts[{n}]", "system instruction only supports text")
    return None


def single_turn(body: Body) -> Words | None:
    """Refuse a single content of the model's."""
    if len(body.contents) != 1 or body.contents[0].get("role") != "model":
        return None
    return invalid("Please ensure that single turn requests end with a user role or the role field is empty.")


def last_turn(body: Body) -> Words | None:
    """Refuse a last content of the model's on the models without prefill."""
    family = body.family
    if family is None or not body.contents or body.contents[-1].get("role") != "model":
        return None
    if family.version >= (3, 6) or (family.version == (3, 5) and "lite" in family.line):
        return invalid("Requests ending with a model turn are not supported.")
    return None


def calls_after_user(body: Body) -> Words | None:
    """Refuse calls that do not follow a content of the user's."""
    for at, content in enumerate(body.contents):
        if calls(content) and (at == 0 or body.contents[at - 1].get("role") == "model"):
            words = "Please ensure that function call turn comes immediately after a user turn or after a function "
            return invalid(words + "response turn.")
    return None


def responses_after_calls(body: Body) -> Words | None:
    """Refuse responses that do not follow calls."""
    for at, content in enumerate(body.contents):
        if responses(content) and (at == 0 or not calls(body.contents[at - 1])):
            words = "Please ensure that function response turn comes immediately after a function call turn."
            return invalid(words)
    return None


def as_many_responses(body: Body) -> Words | None:
    """Refuse calls without as many responses in the next content."""
    for before, content in zip(body.contents, body.contents[1:], strict=False):
        if len(calls(before)) not in (0, len(responses(content))):
            words = "Please ensure that the number of function response parts is equal to the number of function call "
            return invalid(words + "parts of the function call turn.")
    return None


def _names(functions: list[JsonObject], field: str) -> Counter[str]:
    return Counter(str(function[field]) for function in functions if function.get(field))


def response_names(body: Body) -> Words | None:
    """Refuse responses of other names than the calls before them, and on newer models of other ids."""
    for at, (before, content) in enumerate(zip(body.contents, body.contents[1:], strict=False), 1):
        called, answered = calls(before), responses(content)
        if not called:
            continue
        fields = ("name", "id") if body.at_least(3, 5) else ("name",)
        for field in fields:
            missing = _names(called, field) - _names(answered, field)
            if missing:
                path, wanted = f"{body.root}.contents[{at}]", next(iter(missing))
                words = f'no functionResponse.{field} matches functionCall.{field} "{wanted}" of the turn before'
                return at_field(path, words)
    return None


def named_functions(body: Body) -> Words | None:
    """Refuse calls and responses without a name."""
    for path, part in body.parts():
        for field, snake in (("functionCall", "function_call"), ("functionResponse", "function_response")):
            if field in part and not part[field].get("name"):
                return at_field(f"{path}.{snake}.name", "Name cannot be empty.")
    return None


def response_media(body: Body) -> Words | None:
    """Refuse media in a response on models before the third generation."""
    if not body.before(3):
        return None
    for _, part in body.parts():
        if part.get("functionResponse", {}).get("parts"):
            return invalid("Multimodal function responses are not supported by this model.")
    return None


def signatures(body: Body) -> Words | None:
    """Refuse steps of the turn under way whose first call has no signature, from the third generation on."""
    if not body.at_least(3):
        return None
    for at in range(len(body.contents) - 1, -1, -1):
        content = body.contents[at]
        parts = content.get("parts", [])
        if content.get("role") != "model":
            if any("functionResponse" not in part for part in parts):
                return None
            continue
        call = next((part for part in parts if "functionCall" in part), None)
        if call is not None and not call.get("thoughtSignature"):
            return invalid(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{call['functionCall']['name']}` , position {at + 1}. Please refer "
                "to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
            )
    return None


def own_signatures(body: Body) -> Words | None:
    """Refuse signatures that neither the service nor the emulator makes."""
    foreign = any(not _is_own(part["thoughtSignature"]) for _, part in body.parts() if part.get("thoughtSignature"))
    return invalid("Corrupted thought signature.") if foreign else None


def _is_own(signature: str) -> bool:
    if signature == EMULATED_SIGNATURE:
        return True
    plain = signature.rstrip("=").replace("+", "-").replace("/", "_")
    content = urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    # Signatures seen in public recordings are protobuf messages whose first field, 1 or 2, holds bytes.
    return signature.encode() in _PLACEHOLDERS or content in _PLACEHOLDERS or content[:1] in (b"\x0a", b"\x12")
