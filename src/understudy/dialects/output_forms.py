"""The form of an answer: a schema that the target enforces, or a request in the prompt where it cannot.

What a target does not enforce is requested in the prompt, with a warning, and checked after the answer as always. A
schema that a wire has no form for is one such case, and so is a schema beside tools where a wire accepts only one of
the two: the tools stay, because nothing can stand in for them.
"""

from __future__ import annotations

import msgspec

from understudy.dialects.base import WarningLog
from understudy.dialects.quirks import Quirks
from understudy.dialects.schema_rules import SUBSETS, SchemaRules
from understudy.dialects.schemas import WRAPPER, Fitted, fit, loosen
from understudy.domain.content import JsonObject, Text
from understudy.domain.messages import Message, Role, Tool
from understudy.domain.requests import GenerationRequest, OutputFormat
from understudy.wire.json import encode

_IN_PROMPT = "it is requested in the prompt"


def instruction(output: OutputFormat) -> str:
    """Return the words that request a form of the answer."""
    if output.json_schema is None:
        return "Answer with one JSON object and nothing else."
    schema = encode(_described(output.json_schema, output.description)).decode()
    return f"Answer with one JSON value and nothing else. It must fit this JSON Schema: {schema}"


def prepare_output(
    request: GenerationRequest, quirks: Quirks, notes: WarningLog, rules: SchemaRules | None = None
) -> GenerationRequest:
    """Return the request with a form of the answer that the target accepts; another one moves into the prompt.

    `rules` are those of a wire that always enforces schemas.
    """
    output = request.output
    if output is None or output.kind == "text":
        return request
    why = _refusal(output, request, quirks, rules)
    if why is None:
        return _with_json_word(request, notes) if quirks.json_word and not _has_schema(output) else request
    notes.emulate("output", f"{why}: {_IN_PROMPT}")
    mode = "json_object" in quirks.output_formats and (quirks.output_with_tools or not _has_functions(request))
    left = OutputFormat(kind="json_object") if mode else None
    return _instructed(msgspec.structs.replace(request, output=left), instruction(output))


def encode_schema(output: OutputFormat, rules: SchemaRules, notes: WarningLog) -> JsonObject:
    """Encode the schema of an answer, which `prepare_output` found to have a form on this wire."""
    return _described(_noted(fit(output.json_schema or {}, rules), notes).schema, output.description)


def encode_strict_schema(output: OutputFormat, quirks: Quirks, notes: WarningLog) -> tuple[JsonObject, bool | None]:
    """Encode the schema of an answer and `strict`, for a wire where the two are separate.

    Strict is sent only where the schema fits; a request for it that cannot be kept is a warning.
    """
    schema, strict = output.json_schema or {"type": "object"}, output.strict
    if strict:
        subset = SUBSETS.get(quirks.strict_schemas)
        if subset is None:
            notes.drop("strict", "the model does not support it; the answer is checked after it has arrived")
        elif not (fitted := fit(schema, subset)).flaws:
            return _noted(fitted, notes).schema, True
        else:
            notes.drop("strict", f"{fitted.flaws[0]}; the answer is checked after it has arrived")
        strict = False
    return _noted(loosen(schema, closed=quirks.closed_schemas), notes).schema, strict


def _described(schema: JsonObject, description: str | None) -> JsonObject:
    """Return a schema with the description of the answer, for a wire that has no other place for one."""
    return schema if description is None or "description" in schema else {**schema, "description": description}


def _noted(fitted: Fitted, notes: WarningLog) -> Fitted:
    if fitted.wrapped:
        notes.emulate("output", f'this API requires an object: the answer is its property "{WRAPPER}"')
    return fitted


def _has_schema(output: OutputFormat) -> bool:
    return output.kind == "json_schema" and output.json_schema is not None


def _has_functions(request: GenerationRequest) -> bool:
    return any(isinstance(tool, Tool) for tool in request.tools)


def _refusal(output: OutputFormat, request: GenerationRequest, quirks: Quirks, rules: SchemaRules | None) -> str | None:
    """Return why the target cannot be asked for this form; `None` if it can."""
    kind = "json_schema" if _has_schema(output) else "json_object"
    if kind not in quirks.output_formats:
        return "the model does not support a schema" if kind == "json_schema" else "there is no JSON mode here"
    if not quirks.output_with_tools and _has_functions(request):
        return "the model does not support an output format together with tools"
    if rules is not None and output.json_schema is not None and (flaws := fit(output.json_schema, rules).flaws):
        return f"the schema has no form in this API ({flaws[0]})"
    return None


def _with_json_word(request: GenerationRequest, notes: WarningLog) -> GenerationRequest:
    """Add a request for JSON to a prompt without the word: JSON mode is refused then."""
    if any("json" in text.lower() for message in request.messages for text in _texts(message)):
        return request
    notes.emulate("output", f"JSON mode is refused unless the prompt mentions JSON: {_IN_PROMPT} too")
    return _instructed(request, instruction(OutputFormat(kind="json_object")))


def _texts(message: Message) -> list[str]:
    if isinstance(message.content, str):
        return [message.content]
    return [part.text for part in message.content if isinstance(part, Text)]


def _instructed(request: GenerationRequest, words: str) -> GenerationRequest:
    """Add an instruction to the first system message, or as one."""
    first, rest = next(iter(request.messages), None), request.messages[1:]
    if first is None or first.role is not Role.SYSTEM:
        return msgspec.structs.replace(request, messages=(Message(Role.SYSTEM, words), *request.messages))
    content = f"{first.content}\n\n{words}" if isinstance(first.content, str) else (*first.content, Text(words))
    return msgspec.structs.replace(request, messages=(msgspec.structs.replace(first, content=content), *rest))
