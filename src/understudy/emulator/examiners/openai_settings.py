"""The settings of chat completions and Responses: ranges, and what families of models refuse."""

from __future__ import annotations

from understudy.domain.content import Json
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.openai_models import family_of, reasons
from understudy.emulator.examiners.openai_shapes import array, either, mapping, number, obj, one_of, string

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
METADATA = mapping(16, string(limit=512), name_limit=64)
STOP = either(
    "one of a string or array of strings",
    {str: string(empty=False), list: array(string(empty=False), limit=4, empty=True)},
)
LOGIT_BIAS = mapping(10_000, number(-100, 100))
_TIERS = one_of("auto", "default", "fast", "flex", "priority")


def tier(value: Json, where: str) -> Words | None:
    """Accept the tiers of service; `scale` is documented, although the service does not list it."""
    return None if value == "scale" else _TIERS(value, where)


CACHE_OPTIONS = obj({"mode": one_of("implicit", "explicit"), "ttl": one_of("30m")})


def max_tokens(request: CheckedRequest) -> Words | None:
    """Refuse the old limit of tokens to models that reason."""
    if request.body.get("max_tokens") is None or not family_of(request).reasons:
        return None
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    return say.refuse(message, "max_tokens", "unsupported_parameter")


def not_while_reasoning(name: str, default: float, effort: str, *, parameter: bool = False) -> Check:
    """Return the check that a sampling value stays at its default while the model reasons.

    `effort` is the path of the effort in the body, such as `reasoning.effort`; `parameter`: the service complains about
    the parameter, whatever its value.
    """

    def check(request: CheckedRequest) -> Words | None:
        value = request.body.get(name)
        if not isinstance(value, int | float) or value == default or not reasons(request, _at(request.body, effort)):
            return None
        return say.unsupported_parameter(name) if parameter else say.unsupported_value(name, value)

    return check


def not_with_reasoning_models(name: str) -> Check:
    """Return the check that a parameter is not sent to models that reason."""

    def check(request: CheckedRequest) -> Words | None:
        given = request.body.get(name) not in (None, False, [])
        return say.unsupported_parameter(name) if given and family_of(request).reasons else None

    return check


def effort(request: CheckedRequest) -> Words | None:
    """Check that the model supports the effort, in chat completions."""
    value, efforts = request.body.get("reasoning_effort"), family_of(request).efforts
    if value is None or efforts is None or value not in EFFORTS:
        return None
    if not efforts:
        return say.refuse("Unrecognized request argument supplied: reasoning_effort")
    supported = [name for name in efforts if name != "max"]
    return None if value in supported else say.unsupported_value("reasoning_effort", value, supported)


def responses_effort(request: CheckedRequest) -> Words | None:
    """Check that the model supports the effort, in Responses."""
    value, efforts = _at(request.body, "reasoning.effort"), family_of(request).efforts
    if value is None or efforts is None or value in efforts or value not in EFFORTS:
        return None
    if not efforts:
        return say.unsupported_parameter("reasoning.effort")
    message = f"Unsupported value: '{value}' is not supported with the '{request.model_name}' model."
    return say.refuse(
        f"{message} Supported values are: {say.listed(efforts)}.", "reasoning.effort", "unsupported_value"
    )


def verbosity(path: str) -> Check:
    """Return the check that only models of the newer families get a verbosity; others have `medium` alone."""

    def check(request: CheckedRequest) -> Words | None:
        value, family = _at(request.body, path), family_of(request)
        if value in ("low", "high") and family.efforts == ():
            return say.unsupported_value(path, value, ("medium",))
        return None

    return check


def parallel_calls(request: CheckedRequest) -> Words | None:
    """Refuse the setting for parallel calls to models of the o series."""
    if request.body.get("parallel_tool_calls") is None or family_of(request).parallel:
        return None
    return say.unsupported_parameter("parallel_tool_calls")


def log_probabilities(request: CheckedRequest) -> Words | None:
    """Refuse log probabilities of models that reason, and more of them than the model gives."""
    if not request.body.get("logprobs"):
        return None
    if reasons(request, request.body.get("reasoning_effort")):
        return say.unsupported_parameter("logprobs")
    number, most = request.body.get("top_logprobs"), family_of(request).top_logprobs
    if isinstance(number, int) and most < min(number, 20):
        return say.refuse(f"Invalid value for 'top_logprobs': must be less than or equal to {most}.", "top_logprobs")
    return None


def choices(request: CheckedRequest) -> Words | None:
    """Check the number of answers."""
    number_of = number(1, family_of(request).choices, whole=True)
    value = request.body.get("n")
    return None if value is None else number_of(value, "n")


def cache_retention(request: CheckedRequest) -> Words | None:
    """Refuse to keep prompts in memory only, where the model cannot."""
    if request.body.get("prompt_cache_retention") != "in_memory" or not family_of(request).cache_for_a_day:
        return None
    message = "This model is compatible only with 24h extended prompt caching"
    return say.refuse(message, "prompt_cache_retention")


def web_search(request: CheckedRequest) -> Words | None:
    """Refuse options for searching the web to models that do not search."""
    if (
        request.body.get("web_search_options") is None
        or family_of(request).search
        or "search" in str(request.model_name)
    ):
        return None
    return say.refuse("Web search options not supported with this model.", "web_search_options")


def served_here(request: CheckedRequest) -> Words | None:
    """Refuse the models that chat completions do not serve."""
    if family_of(request).chat:
        return None
    message = "This model is only supported in v1/responses and not in v1/chat/completions."
    return say.refuse(message, "model", status=404)


def _at(body: Json, path: str) -> Json:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body
