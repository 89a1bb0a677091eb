"""Tools, the choice among them, and schemas of answers, in chat completions."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import CheckedRequest, Words
from understudy.emulator.examiners import openai_schemas as schemas
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.openai_messages import name
from understudy.emulator.examiners.openai_models import family_of, model_of, reasons
from understudy.emulator.examiners.openai_shapes import (
    an_object,
    anything,
    array,
    boolean,
    either,
    nullable,
    obj,
    objects,
    one_of,
    section,
    string,
    tagged,
)

LIMIT = 128
_GRAMMAR = obj({"definition": string(), "syntax": one_of("lark", "regex")}, required=("definition", "syntax"))
_FORMAT = tagged(
    "type",
    {"text": obj({"type": anything}), "grammar": obj({"type": anything, "grammar": _GRAMMAR}, required=("grammar",))},
)
_FUNCTION = obj(
    {"name": name, "description": nullable(string()), "parameters": nullable(an_object), "strict": nullable(boolean)},
    required=("name",),
)
TOOLS = array(
    tagged(
        "type",
        {
            "function": obj({"type": anything, "function": _FUNCTION}, required=("function",)),
            "custom": obj(
                {
                    "type": anything,
                    "custom": obj({"name": name, "description": string(), "format": _FORMAT}, required=("name",)),
                },
                required=("custom",),
            ),
        },
    ),
    limit=LIMIT,
    of="objects",
)
_NAMED = obj({"name": name}, required=("name",))
TOOL_CHOICE = either(
    "one of one of 'none', 'auto', or 'required' or object",
    {
        str: one_of("none", "auto", "required"),
        dict: tagged(
            "type",
            {
                "function": obj({"type": anything, "function": _NAMED}, required=("function",)),
                "custom": obj({"type": anything, "custom": _NAMED}, required=("custom",)),
                "allowed_tools": obj(
                    {
                        "type": anything,
                        "allowed_tools": obj(
                            {"mode": one_of("auto", "required"), "tools": array(an_object)},
                            required=("mode", "tools"),
                        ),
                    },
                    required=("allowed_tools",),
                ),
            },
        ),
    },
)
RESPONSE_FORMAT = tagged(
    "type",
    {
        "json_object": obj({"type": anything}),
        "json_schema": obj(
            {
                "type": anything,
                "json_schema": obj(
                    {"name": name, "description": string(), "schema": an_object, "strict": nullable(boolean)},
                    required=("name",),
                ),
            },
            required=("json_schema",),
        ),
        "text": obj({"type": anything}),
    },
)


def _functions(request: CheckedRequest) -> Iterator[tuple[str, JsonObject]]:
    """Yield the functions of the tools with their places."""
    for at, tool in objects(request.body.get("tools")):
        if tool.get("type") == "function":
            yield f"tools[{at}].function", section(tool, "function")


def function_schemas(request: CheckedRequest) -> Words | None:
    """Check the parameters of functions."""
    found = (function_schema(function, where) for where, function in _functions(request))
    return next((words for words in found if words is not None), None)


def function_schema(function: JsonObject, where: str) -> Words | None:
    """Check the parameters of a function: a JSON schema of an object, strict or not."""
    parameters = function.get("parameters")
    if not isinstance(parameters, dict):
        return None
    subject, where = f"function '{function.get('name')}'", f"{where}.parameters"
    subset = schemas.STRICT if function.get("strict") is True else schemas.FREE
    code = "invalid_function_parameters"
    if (words := schemas.complaint(parameters, subset, subject, where, code)) is not None:
        return words
    if "properties" not in parameters:
        return say.refuse(f"Invalid schema for {subject}: {schemas.NO_PROPERTIES}", where, code)
    return None


def choice_is_there(request: CheckedRequest) -> Words | None:
    """Check that a tool that must be called is among the tools."""
    choice = section(request.body, "tool_choice")
    wanted = section(choice, str(choice.get("type"))).get("name")
    names = [section(tool, str(tool.get("type"))).get("name") for _, tool in objects(request.body.get("tools"))]
    if wanted is None or not names or wanted in names:
        return None
    return say.refuse(f"Tool choice '{wanted}' not found in 'tools' parameter.", "tool_choice")


def answer_schema(request: CheckedRequest) -> Words | None:
    """Check the schema of the answer."""
    form = section(request.body, "response_format", "json_schema")
    if not isinstance(form.get("schema"), dict):
        return None
    subset = schemas.STRICT if form.get("strict") is True else schemas.ANSWER
    subject = f"response_format '{form.get('name')}'"
    return schemas.complaint(form["schema"], subset, subject, "response_format", "invalid_json_schema")


def answer_format(request: CheckedRequest) -> Words | None:
    """Refuse a format of the answer that the model does not support."""
    kind = section(request.body, "response_format").get("type")
    family = family_of(request)
    if (kind == "json_schema" and not family.json_schema) or (kind == "json_object" and not family.json_mode):
        message = f"Invalid parameter: 'response_format' of type '{kind}' is not supported with this model."
        return say.refuse(message, "response_format")
    return None


def tools_need_responses(request: CheckedRequest) -> Words | None:
    """Refuse functions while a newer model reasons."""
    effort = request.body.get("reasoning_effort")
    if family_of(request).tools_with_effort or not reasons(request, effort) or not any(_functions(request)):
        return None
    message = (
        f"Function tools with reasoning_effort are not supported for {model_of(request)} in /v1/chat/completions. "
        "Please use /v1/responses instead."
    )
    return say.refuse(message, "reasoning_effort")
