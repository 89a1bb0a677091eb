"""The rules of Replicate's predictions: the body as the API's own description has it, and inputs under the schema that
each model publishes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from understudy.domain.content import JsonObject
from understudy.emulator.cast import replicate as cast
from understudy.emulator.cast.base import Check, CheckedRequest, EmulatedModel, Words
from understudy.emulator.examiners.base import Examiner, Rule
from understudy.emulator.examiners.shapes import READ, image_flaw, is_kind, mistyped, unknown_field
from understudy.emulator.validator import is_valid

_SPEC = "https://api.replicate.com/openapi.json"
_FIELDS = {"input": "object", "stream": "boolean", "webhook": "string", "webhook_events_filter": "array"}
_EVENTS = ("start", "output", "logs", "completed")
_PREFER = re.compile(r"wait(=([1-9]|[1-5][0-9]|60))?")
_CANCEL_AFTER = re.compile(r"(?:\d+h)?(?:\d+m)?(?:\d+s)?|\d+")
_VERSION = re.compile(r"(?:[^/:\s]+/[^/:\s]+:)?[0-9a-f]{64}|[^/:\s]+/[^/:\s]+")
_CREATES = re.compile(r"/predictions/?$")
_OF_VERSION = re.compile(r"/v1/predictions/?$")
_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


def _refuse(complaint: str, field: str) -> Words:
    return Words(422, f"- {field}: {complaint}" if field else f"- {complaint}", param=field or None)


def _runs_a_version(request: CheckedRequest) -> bool:
    return _OF_VERSION.search(request.path) is not None


def _body(request: CheckedRequest) -> Words | None:
    fields = _FIELDS | {"version": "string"} if _runs_a_version(request) else _FIELDS
    if name := unknown_field(request.body, fields):
        return _refuse(f"Additional property {name} is not allowed", "")
    if wrong := mistyped(request.body, fields):
        return _refuse(f"Invalid type. Expected: {wrong.wanted}, given: {wrong.given}", wrong.name)
    return None


def _required(request: CheckedRequest) -> Words | None:
    wanted = ("version", "input") if _runs_a_version(request) else ("input",)
    missing = next((name for name in wanted if request.body.get(name) is None), None)
    return _refuse(f"{missing} is required", "") if missing else None


def _webhook(request: CheckedRequest) -> Words | None:
    address = request.body.get("webhook")
    if isinstance(address, str) and not address.startswith("https://"):
        return _refuse("Does not match format 'uri'", "webhook")
    events = request.body.get("webhook_events_filter")
    if isinstance(events, list) and any(event not in _EVENTS for event in events):
        return _refuse(f"must be one of the following: {', '.join(_EVENTS)}", "webhook_events_filter")
    return None


def _prefer(request: CheckedRequest) -> Words | None:
    given = request.headers.get("prefer")
    if given is None or _PREFER.fullmatch(given):
        return None
    return _refuse(r"Does not match pattern '^wait(=([1-9]|[1-9][0-9]|60))?$'", "Prefer")


def _cancel_after(request: CheckedRequest) -> Words | None:
    given = request.headers.get("cancel-after")
    if given is None or (given and _CANCEL_AFTER.fullmatch(given)):
        return None
    return _refuse("must be a duration such as 90s, 5m or 1h", "Cancel-After")


def _version(request: CheckedRequest) -> Words | None:
    version = request.body.get("version")
    if not isinstance(version, str) or not _runs_a_version(request):
        return None
    if not _VERSION.fullmatch(version):
        return _refuse("Invalid version or not permitted", "version")
    named = next((model for model in cast.MODELS if model.id == version), None)
    if "/" in version and ":" not in version and named is not None and not (named.raw or {})["is_official"]:
        return _refuse("Invalid version or not permitted", "version")
    return None


def _model(request: CheckedRequest) -> EmulatedModel | None:
    """Return the model that is run, by its name in the address or its version in the body."""
    if request.model is not None:
        return request.model
    name = cast.bare_name(str(request.body.get("version")))
    return next((model for model in cast.MODELS if model.id == name), None)


def _schema(request: CheckedRequest) -> JsonObject | None:
    """Return the schema of the inputs that the model publishes."""
    model = _model(request)
    if model is None or model.raw is None:
        return None
    found: JsonObject = model.raw["latest_version"]["openapi_schema"]["components"]["schemas"]["Input"]
    return found


def _inputs(request: CheckedRequest) -> Iterator[tuple[str, object, JsonObject]]:
    """Yield the inputs that the model knows, with the schema of each."""
    properties = (_schema(request) or {}).get("properties", {})
    for name, value in request.section("input").items():
        if name in properties:
            yield name, value, properties[name]


def _known_inputs(request: CheckedRequest) -> Words | None:
    schema = _schema(request)
    if schema is None:
        return None
    name = unknown_field(request.section("input"), schema["properties"])
    return _refuse(f"Additional property {name} is not allowed", "input") if name else None


def _input_values(request: CheckedRequest) -> Words | None:
    for name, value, schema in _inputs(request):
        if not is_valid(value, schema):
            return _refuse(_complaint(value, schema), f"input.{name}")
    return None


def _complaint(value: object, schema: JsonObject) -> str:
    """Return what is wrong with an input, as the API's validator words it."""
    if "type" in schema and not is_kind(value, schema["type"]):
        return f"Invalid type. Expected: {schema['type']}"
    if "enum" in schema:
        return f"must be one of the following: {', '.join(map(repr, schema['enum']))}"
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        return f"Must be greater than or equal to {schema['minimum']}"
    if isinstance(value, int | float) and value > schema.get("maximum", value):
        return f"Must be less than or equal to {schema['maximum']}"
    return f"{value!r} is not valid"


def _required_inputs(request: CheckedRequest) -> Words | None:
    given = request.body.get("input")
    if not isinstance(given, dict):
        return None
    missing = next((name for name in (_schema(request) or {}).get("required", ()) if name not in given), None)
    return _refuse(f"{missing} is required", "input") if missing else None


def _messages(request: CheckedRequest) -> Words | None:
    given = request.section("input").get("messages")
    for at, message in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(message, dict) or message.get("role") not in ("system", "user", "assistant"):
            return _refuse("must be one of system, user, assistant", f"input.messages.{at}.role")
        if extra := unknown_field(message, {"role": "string", "content": "string|array"}):
            return _refuse(f"Additional property {extra} is not allowed", f"input.messages.{at}")
    return None


def _files(request: CheckedRequest) -> Words | None:
    for name, value, schema in _inputs(request):
        items = schema.get("items")
        is_file = "uri" in (schema.get("format"), items.get("format") if isinstance(items, dict) else None)
        for url in (value if isinstance(value, list) else [value]) if is_file else ():
            if isinstance(url, str) and (flaw := image_flaw(url, _IMAGES)):
                return _refuse(f"Does not match format 'uri': {flaw}", f"input.{name}")
    return None


def _rule(name: str, check: Check, source: str = _SPEC) -> Rule:
    """Return a rule for the requests that create a prediction; those that follow or cancel one have no body."""

    def check_creation(request: CheckedRequest) -> Words | None:
        return check(request) if _CREATES.search(request.path) else None

    return Rule(name=name, source=source, read=READ, check=check_creation)


_CHANGELOG = "https://replicate.com/changelog/2024-05-01-improved-validation-for-api-prediction-payloads"
_INPUTS = "https://github.com/replicate/replicate-python/issues/26"
_CREATE = "https://replicate.com/docs/topics/predictions/create-a-prediction"
_GPT = "https://replicate.com/openai/gpt-5/api/schema"

EXAMINER = Examiner(
    (
        _rule("body", _body, _CHANGELOG),
        _rule("required", _required, _CHANGELOG),
        _rule("webhook", _webhook),
        _rule("prefer", _prefer),
        _rule("cancel-after", _cancel_after, _CREATE),
        _rule("version", _version),
        _rule("known-inputs", _known_inputs, _INPUTS),
        _rule("input-values", _input_values, _INPUTS),
        _rule("required-inputs", _required_inputs, _INPUTS),
        _rule("input-messages", _messages, _GPT),
        _rule("input-files", _files, _CREATE),
    )
)
