"""The configuration of an answer in the Gemini API: ranges, forms, thinking, and the choice of tools."""

from __future__ import annotations

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import Words
from understudy.emulator.examiners.gemini_reading import Body, Family, at_field, invalid

MOST_STOPS = 5
_MIME_TYPES = ("text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum")


def _field(body: Body, name: str, complaint: str) -> Words:
    return at_field(f"{body.root}.generation_config.{name}", complaint)


def ranges(body: Body) -> Words | None:
    """Refuse numbers out of range."""
    config = body.config("generationConfig")
    for name, snake, least, most in (
        ("temperature", "temperature", 0.0, 2.0),
        ("topP", "top_p", 0.0, 1.0),
        ("candidateCount", "candidate_count", 1, 8),
        ("logprobs", "logprobs", 0, 20),
    ):
        if not least <= config.get(name, least) <= most:
            return _field(body, snake, f"{snake} must be in the range [{least}, {most}].")
    for name, snake in (("topK", "top_k"), ("maxOutputTokens", "max_output_tokens")):
        if config.get(name, 1) < 1:
            return _field(body, snake, f"{snake} must be positive.")
    for name, snake in (("presencePenalty", "presence_penalty"), ("frequencyPenalty", "frequency_penalty")):
        if not -2 <= config.get(name, 0) < 2:
            return _field(body, snake, f"{snake} must be in the range [-2.0, 2.0).")
    return None


def stops(body: Body) -> Words | None:
    """Refuse too many stop sequences, and empty ones."""
    sequences = body.config("generationConfig").get("stopSequences", [])
    if len(sequences) > MOST_STOPS:
        return _field(body, "stop_sequences", f"the max number of stop sequences is {MOST_STOPS}")
    if not all(sequences):
        return _field(body, "stop_sequences", "stop sequence cannot be empty")
    return None


def penalties(body: Body) -> Words | None:
    """Refuse penalties from generation 2.5 on."""
    config = body.config("generationConfig")
    if not body.at_least(2, 5) or not (config.get("presencePenalty") or config.get("frequencyPenalty")):
        return None
    return invalid(f"Penalty is not enabled for models/{body.request.model_name}")


def candidates(body: Body) -> Words | None:
    """Refuse several answers from the third generation on."""
    if not body.at_least(3) or body.config("generationConfig").get("candidateCount", 1) == 1:
        return None
    return invalid("Multiple candidates is not enabled for this model")


def logprobs(body: Body) -> Words | None:
    """Refuse a number of logprobs without asking for them."""
    config = body.config("generationConfig")
    if not config.get("logprobs") or config.get("responseLogprobs"):
        return None
    return _field(body, "logprobs", "logprobs can only be set when response_logprobs is true")


def mime_type(body: Body) -> Words | None:
    """Refuse an unknown media type of the answer, and a schema for one that has none."""
    config = body.config("generationConfig")
    given = config.get("responseMimeType") or "text/plain"
    if given not in _MIME_TYPES:
        known = ", ".join(f"`{name}`" for name in _MIME_TYPES[:-1])
        return _field(body, "response_mime_type", f"allowed mimetypes are {known} and `{_MIME_TYPES[-1]}`.")
    if config.keys() & {"responseSchema", "responseJsonSchema"} and given == "text/plain":
        return _field(body, "response_mime_type", "response_mime_type must be `application/json` with a schema")
    return None


_BUDGETS = {"pro": (128, 32_768), "flash": (0, 24_576), "flash-lite": (512, 24_576)}
"""By line of generation 2.5: https://ai.google.dev/gemini-api/docs/thinking#set-budget."""


def thinking(body: Body) -> Words | None:
    """Refuse what the model's generation cannot do about thinking."""
    config, family = body.config("generationConfig", "thinkingConfig"), body.family
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    if level is not None and budget is not None:
        return invalid("You can only set only one of thinking budget and thinking level.")
    if budget == 0 and config.get("includeThoughts"):
        return invalid("Thinking_config.include_thoughts is only enabled when thinking is enabled.")
    if family is None:
        return None
    if level is not None:
        return _level(family, level, f"models/{body.request.model_name}")
    return None if budget is None else _budget(family, budget)


def _level(family: Family, level: object, model: str) -> Words | None:
    if family.version < (3, 0):
        return invalid("Thinking level is not supported for this model.")
    if level == "MINIMAL" and (family.version >= (3, 7) or family.line.startswith("pro")):
        return invalid(f"Thinking level MINIMAL is not supported for {model}.")
    return None


def _budget(family: Family, budget: float) -> Words | None:
    if family.version < (2, 5):
        return invalid("Thinking is not supported for this model.")
    line = next((line for line in ("flash-lite", "flash", "pro") if family.line.startswith(line)), "flash")
    if budget == 0 and (family.version >= (3, 0) or line == "pro"):
        return invalid("Budget 0 is invalid. This model only works in thinking mode.")
    if family.version >= (3, 0) or budget in (-1, 0):
        return None
    least, most = _BUDGETS[line]
    if least <= budget <= most:
        return None
    words = f"The thinking budget {budget} is invalid. Please choose a value between {least} and {most}."
    return invalid(words)


def _functions(body: Body) -> list[JsonObject]:
    return [declaration for _, declaration in body.declarations()]


def form_with_tools(body: Body) -> Words | None:
    """Refuse functions beside an answer in JSON before the third generation."""
    given = body.config("generationConfig").get("responseMimeType")
    if not body.before(3) or not _functions(body) or given != "application/json":
        return None
    return invalid("Function calling with a response mime type: 'application/json' is unsupported")


def built_in_tools(body: Body) -> Words | None:
    """Refuse built-in tools beside functions, unless a newer model is asked to report their use."""
    kinds = {kind for tool in body.fields.get("tools", []) for kind in tool}
    if not _functions(body) or kinds == {"functionDeclarations"}:
        return None
    if body.before(3):
        return invalid("Tool use with function calling is unsupported by the model.")
    if body.at_least(3) and not body.config("toolConfig").get("includeServerSideToolInvocations"):
        words = "Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function "
        return invalid(words + "calling.")
    return None


def function_calling(body: Body) -> Words | None:
    """Refuse a choice among functions that are not declared, and one where nothing is forced."""
    config = body.config("toolConfig", "functionCallingConfig")
    names = [declaration.get("name") for declaration in _functions(body)]
    if config and not names:
        return invalid("Function calling config is set without function_declarations.")
    allowed = config.get("allowedFunctionNames", [])
    path = f"{body.root}.tool_config.function_calling_config.allowed_function_names"
    if allowed and config.get("mode") not in ("ANY", "VALIDATED"):
        return at_field(path, "allowed_function_names can only be set when the mode is ANY or VALIDATED")
    for at, name in enumerate(allowed):
        if name not in names:
            return at_field(f"{path}[{at}]", f"function {name} is not declared")
    return None
