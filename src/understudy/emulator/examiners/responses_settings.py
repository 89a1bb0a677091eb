"""The settings of Responses: tools, the format of the answer, and what belongs together."""

from __future__ import annotations

from understudy.emulator.cast.base import CheckedRequest, Words
from understudy.emulator.examiners import openai_schemas as schemas
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.openai_messages import name
from understudy.emulator.examiners.openai_models import family_of, reasons
from understudy.emulator.examiners.openai_settings import EFFORTS
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
from understudy.emulator.examiners.openai_tools import LIMIT, function_schema

_HOSTED_TOOLS = (
    "file_search", "computer", "computer_use_preview", "computer-preview", "web_search", "web_search_2025_08_26",
    "web_search_preview", "web_search_preview_2025_03_11", "mcp", "code_interpreter", "programmatic_tool_calling",
    "image_generation", "local_shell", "shell", "namespace", "tool_search", "apply_patch",
)  # fmt: skip
_CALLERS = nullable(array(one_of("direct", "programmatic"), empty=True))
_DETAILS = {"description": nullable(string()), "allowed_callers": _CALLERS, "defer_loading": boolean}
TOOLS = array(
    tagged(
        "type",
        {
            "function": obj(
                {
                    "type": anything,
                    "name": name,
                    "parameters": nullable(an_object),
                    "strict": nullable(boolean),
                    "output_schema": nullable(an_object),
                    **_DETAILS,
                },
                required=("name",),
            ),
            "custom": obj({"type": anything, "name": name, "format": an_object, **_DETAILS}, required=("name",)),
            **dict.fromkeys(_HOSTED_TOOLS, an_object),
        },
    ),
    limit=LIMIT,
    empty=True,
)
_NAMED = obj({"type": anything, "name": name}, required=("name",))
TOOL_CHOICE = either(
    "one of a tool choice object or a string",
    {
        str: one_of("none", "auto", "required"),
        dict: tagged(
            "type",
            {
                "function": _NAMED,
                "custom": _NAMED,
                "allowed_tools": obj(
                    {"type": anything, "mode": one_of("auto", "required"), "tools": array(an_object)},
                    required=("mode", "tools"),
                ),
                **dict.fromkeys(_HOSTED_TOOLS, an_object),
            },
        ),
    },
)
_FORMAT = tagged(
    "type",
    {
        "text": obj({"type": anything}),
        "json_object": obj({"type": anything}),
        "json_schema": obj(
            {"type": anything, "name": name, "schema": an_object, "strict": nullable(boolean), "description": string()},
            required=("name", "schema"),
        ),
    },
)
TEXT = obj({"format": nullable(_FORMAT), "verbosity": nullable(one_of("low", "medium", "high"))})
_SUMMARIES = nullable(one_of("auto", "concise", "detailed"))
REASONING = obj(
    {
        "effort": nullable(one_of(*EFFORTS)),
        "summary": _SUMMARIES,
        "generate_summary": _SUMMARIES,
        "mode": string(),
        "context": nullable(one_of("auto", "current_turn", "all_turns")),
    }
)
INCLUDE = array(
    one_of(
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
        "reasoning.encrypted_content",
        "message.output_text.logprobs",
    ),
    empty=True,
)


def function_schemas(request: CheckedRequest) -> Words | None:
    """Check the parameters of functions."""
    tools = objects(request.body.get("tools"))
    found = (function_schema(tool, f"tools[{at}]") for at, tool in tools if tool.get("type") == "function")
    return next((words for words in found if words is not None), None)


def choice_is_there(request: CheckedRequest) -> Words | None:
    """Check that a tool that must be called is among the tools."""
    choice = request.body.get("tool_choice")
    if not isinstance(choice, dict) or choice.get("type") == "allowed_tools":
        return None
    wanted = choice.get("name") or choice.get("type")
    tools = [tool for _, tool in objects(request.body.get("tools"))]
    if any(wanted in (tool.get("name"), tool.get("type")) for tool in tools):
        return None
    return say.refuse(f"Tool choice '{wanted}' not found in 'tools' parameter.", "tool_choice")


def answer_schema(request: CheckedRequest) -> Words | None:
    """Check the schema of the answer."""
    form = section(request.body, "text", "format")
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        return None
    subset = schemas.STRICT if form.get("strict") is True else schemas.ANSWER
    subject = f"response_format '{form.get('name')}'"
    return schemas.complaint(form["schema"], subset, subject, "text.format.schema", "invalid_json_schema")


def answer_format(request: CheckedRequest) -> Words | None:
    """Refuse a format of the answer that the model does not support."""
    kind, family = section(request.body, "text", "format").get("type"), family_of(request)
    if (kind == "json_schema" and not family.json_schema) or (kind == "json_object" and not family.json_mode):
        message = f"Invalid parameter: 'text.format' of type '{kind}' is not supported with this model."
        return say.refuse(message, "text.format")
    return None


def needs_input(request: CheckedRequest) -> Words | None:
    """Refuse a request that says nothing."""
    if any(request.body.get(field) for field in ("input", "previous_response_id", "prompt", "conversation")):
        return None
    message = "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided."
    return say.refuse(message, "input", "missing_required_parameter")


def one_history(request: CheckedRequest) -> Words | None:
    """Refuse two histories at once, and the id of something else than a response."""
    previous, conversation = (request.body.get(field) for field in ("previous_response_id", "conversation"))
    if previous and conversation:
        words = "Ensure you are only providing one of: 'previous_response_id' or 'conversation'."
        return say.refuse(f"Mutually exclusive parameters: {words}", None, "mutually_exclusive_parameters")
    if previous is not None and not str(previous).startswith("resp"):
        message = f"Invalid 'previous_response_id': '{previous}'. Expected an ID that begins with 'resp'."
        return say.refuse(message, "previous_response_id", "invalid_value")
    return None


def background_is_stored(request: CheckedRequest) -> Words | None:
    """Refuse a background response that is not stored."""
    if request.body.get("background") and request.body.get("store") is False:
        return say.refuse("Background mode requires store=true.", "background")
    return None


def encrypted_reasoning(request: CheckedRequest) -> Words | None:
    """Refuse to include the encrypted reasoning of a model that does not reason."""
    include = request.body.get("include")
    if not isinstance(include, list) or "reasoning.encrypted_content" not in include:
        return None
    if family_of(request).efforts != () or family_of(request).reasons:
        return None
    return say.refuse("Encrypted content is not supported with this model.", "include")


def log_probabilities(request: CheckedRequest) -> Words | None:
    """Refuse log probabilities of models that reason."""
    include = request.body.get("include")
    asked = request.body.get("top_logprobs") or (
        isinstance(include, list) and "message.output_text.logprobs" in include
    )
    if not asked or not reasons(request, section(request.body, "reasoning").get("effort")):
        return None
    return say.refuse("logprobs are not supported with reasoning models.", "include", "unsupported_parameter")
