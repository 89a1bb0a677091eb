"""What families of Claude models refuse: sampling, thinking, effort, prefill, forced tools, lengths of answers."""

from __future__ import annotations

from understudy.emulator.cast.base import CheckedRequest, Words
from understudy.emulator.examiners.anthropic_reading import (
    SAMPLING_REMOVED,
    Family,
    family,
    invalid,
    last_turn,
    version,
)

_ADAPTIVE_ONLY = frozenset({"adaptive"})
_BUDGETS = frozenset({"enabled", "disabled"})


def thinking_types(model: Family) -> frozenset[str]:
    """Return the types of thinking that a family accepts; where sources disagree about one, it is in."""
    match model:
        case Family(line="fable" | "mythos") | Family((5, 5), "opus"):
            return _ADAPTIVE_ONLY
        case Family((5, 5), "sonnet"):
            return frozenset({"adaptive", "between_tools"})
        case Family((4, 6)):
            return _BUDGETS | _ADAPTIVE_ONLY
        case Family(version) if version >= (4, 7):
            return frozenset({"adaptive", "disabled"})
        case _:
            return _BUDGETS


def thinking_type(request: CheckedRequest) -> Words | None:
    """Refuse a type of thinking that the family lacks."""
    model, kind = family(request), request.section("thinking").get("type")
    if model is None or kind is None or kind in (accepted := thinking_types(model)):
        return None
    if kind == "adaptive":
        return invalid("", "adaptive thinking is not supported on this model")
    words = f'"thinking.type.{kind}" is not supported for this model.'
    if kind == "enabled" and "adaptive" in accepted:
        words += ' Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
    return invalid("", words)


def thinking_budget(request: CheckedRequest) -> Words | None:
    """Refuse a budget for thinking that leaves nothing for the answer."""
    thinking, limit = request.section("thinking"), request.body.get("max_tokens")
    if thinking.get("type") != "enabled" or limit is None or thinking["budget_tokens"] < limit:
        return None
    return invalid("", "`max_tokens` must be greater than `thinking.budget_tokens`.")


_EFFORTS = {"low", "medium", "high"}


def efforts(model: Family) -> set[str]:
    """Return the efforts that a family accepts."""
    match model:
        case Family((4, 5), "opus"):
            return _EFFORTS
        case Family(version) if version <= (4, 5):
            return set()
        case Family((4, 6)):
            return _EFFORTS | {"max"}
        case _:
            return _EFFORTS | {"max", "xhigh"}


def effort(request: CheckedRequest) -> Words | None:
    """Refuse an effort that the family lacks, or that its type of thinking excludes."""
    model, level = family(request), request.section("output_config").get("effort")
    if model is None or level is None:
        return None
    accepted = efforts(model)
    thinking = request.section("thinking").get("type")
    if (thinking == "disabled" and model == Family((5, 0), "opus")) or thinking == "between_tools":
        accepted = _EFFORTS
    if not accepted:
        return invalid("", "This model does not support the effort parameter.")
    if level in accepted:
        return None
    known = ", ".join(sorted(accepted))
    return invalid("", f"This model does not support effort level '{level}'. Supported levels: {known}.")


def sampling_ranges(request: CheckedRequest) -> Words | None:
    """Refuse sampling parameters out of range."""
    for name in ("temperature", "top_p"):
        if not 0 <= request.body.get(name, 0) <= 1:
            return invalid(name, "range: 0..1")
    return invalid("top_k", "range: 0..") if request.body.get("top_k", 0) < 0 else None


def sampling_of_family(request: CheckedRequest) -> Words | None:
    """Refuse sampling parameters that differ from the default on families that have no choice, and two of them on
    those that have one."""
    model = family(request)
    if model is None or version(request) >= SAMPLING_REMOVED:
        return None
    if model.version >= (4, 7):
        for name, default in (("temperature", 1), ("top_p", 1), ("top_k", None)):
            if request.body.get(name, default) != default:
                return invalid("", f"`{name}` is deprecated for this model.")
    elif model.version >= (4, 1) and {"temperature", "top_p"} <= request.body.keys():
        words = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        return invalid("", words)
    return None


def sampling_with_thinking(request: CheckedRequest) -> Words | None:
    """Refuse sampling parameters beside thinking."""
    if request.section("thinking").get("type") not in ("enabled", "adaptive"):
        return None
    body = request.body
    consult = (
        "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
        "#important-considerations-when-using-extended-thinking"
    )
    if body.get("temperature", 1) != 1:
        return invalid("", f"`temperature` may only be set to 1 when thinking is enabled. {consult}")
    if body.get("top_p", 1) < 0.95:
        words = "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
        return invalid("", f"{words} {consult}")
    return invalid("", f"`top_k` must be unset when thinking is enabled. {consult}") if "top_k" in body else None


def forced_tool(request: CheckedRequest) -> Words | None:
    """Refuse to force a tool: always on some families, on all beside a budget for thinking."""
    if request.section("tool_choice").get("type") not in ("any", "tool"):
        return None
    model = family(request)
    if model is not None and _refuses_forced_tools(model):
        return invalid("tool_choice", 'type "tool" and "any" are not supported for this model.')
    if request.section("thinking").get("type") == "enabled":
        return invalid("", "Thinking may not be enabled when tool_choice forces tool use.")
    return None


def _refuses_forced_tools(model: Family) -> bool:
    return model.line in ("fable", "mythos") or (model.version == (5, 5) and model.line != "haiku")


def prefill(request: CheckedRequest) -> Words | None:
    """Refuse to continue the assistant's words, except after a server tool, whose turn goes on."""
    model, last = family(request), last_turn(request)
    if model is None or model.version < (4, 6) or last is None or last.role != "assistant":
        return None
    if any(block.type not in ("text", "thinking", "redacted_thinking", "tool_use") for block in last.blocks):
        return None
    words = "This model does not support assistant message prefill. The conversation must end with a user message."
    return invalid("", words)


def answer_length(request: CheckedRequest) -> Words | None:
    """Refuse a limit beyond what the model can answer."""
    model, limit = family(request), request.body["max_tokens"]
    if model is None:
        return None
    most = 128_000 if model.version >= (4, 6) else 64_000
    if limit <= most:
        return None
    words = f"{limit} > {most}, which is the maximum allowed number of output tokens for {request.model_name}"
    return invalid("max_tokens", words)


def stop_sequences(request: CheckedRequest) -> Words | None:
    """Refuse a stop sequence of white space alone."""
    if all(stop.strip() for stop in request.body.get("stop_sequences", ())):
        return None
    return invalid("stop_sequences", "each stop sequence must contain non-whitespace")
