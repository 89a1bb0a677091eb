"""The options of a call: what each must be, and what callers mean by an unknown one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from understudy.client.door.extras import read_extra
from understudy.domain.content import CacheMark
from understudy.domain.declared import check_fields
from understudy.domain.failures import OnMidstreamError
from understudy.domain.misuse import Misuse
from understudy.domain.prices import rate_of
from understudy.domain.requests import EFFORTS, OutputFormat, Reasoning
from understudy.domain.rules import Rule, in_python
from understudy.domain.suggestions import kind_of, nearest, shown, suggestion
from understudy.settings.budgets import amount_complaint

_STRING = Rule("string")
_COUNT = Rule("integer", least=1)
_SHARE = Rule("number", least=0, most=1)
_NUMBER = Rule("number")
_FLAG = Rule("flag")
_STRINGS = Rule("strings")
_LIMIT = Rule("integer", least=0)
_BUDGET = Rule("integer", least=-1)
"""Tokens of thinking; -1 lets the model choose (Google's `thinkingBudget`)."""

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("model", "service_tier", "user", "cache_key", "task", "session"), _STRING),
    **dict.fromkeys(("parallel_tool_calls", "logprobs"), _FLAG),
    **dict.fromkeys(("metadata", "labels"), _STRINGS),
    **dict.fromkeys(("presence_penalty", "frequency_penalty"), _NUMBER),
    "verbosity": Rule("string", choices=("low", "medium", "high")),
    "max_tokens": _COUNT,
    "temperature": Rule("number", least=0),
    "top_p": _SHARE,
    "min_p": _SHARE,
    "top_k": Rule("integer", least=-1),
    "seed": Rule("integer"),
    "top_logprobs": Rule("integer", least=0),
    "deadline": Rule("number", positive=True),
    "on_midstream_error": Rule("string", choices=get_args(OnMidstreamError)),
    "hold_chars": _COUNT,
    "dimensions": _COUNT,
    "concurrency": _COUNT,
    "input_type": Rule("string", choices=("document", "query", "classification", "clustering")),
}
"""What plain options must be. A range holds what some provider accepts: narrower ones are applied for each provider."""


def read_option(name: str, value: Any) -> Any:
    """Return an option as the request holds it. Raise `Misuse`, which names it, for a wrong type or range."""
    rule = RULES.get(name)
    if rule is not None:
        if complaint := rule.complaint(value):
            raise Misuse(f"{name} {in_python(complaint)}{_got(value, complaint)}")
        if rule.choices and value not in rule.choices:
            raise Misuse(f"unknown {name} {shown(value)}; {suggestion(value, rule.choices)}")
        return dict(value) if rule.kind == "strings" else value
    read = _READERS.get(name)
    return value if read is None else read(value)


def _got(value: Any, complaint: str) -> str:
    """Return the wrong value, if a complaint about its type does not name it already."""
    if ", not " not in complaint:
        return f", got {shown(value)}"
    return f": {shown(value)}" if isinstance(value, str) and shown(value) != kind_of(value) else ""


def read_deadline(value: Any) -> float | None:
    """Return the seconds for a whole request; `None` if unset."""
    return None if value is None else read_option("deadline", value)


def read_max_cost(value: Any) -> int | None:
    """Return in nano-USD what a whole request may cost; `None` if unset."""
    return None if value is None else read_option("max_cost", value)


def _max_cost(value: Any) -> int:
    if complaint := amount_complaint(value):
        raise Misuse(f"max_cost {in_python(complaint)}; it is in US dollars")
    return rate_of(value)


def check_limit(limit: Any) -> None:
    """Raise `Misuse` unless this may be the number of models to list."""
    if limit is not None and (complaint := _LIMIT.complaint(limit)):
        raise Misuse(f"list_models: limit {complaint}{_got(limit, complaint)}")


def check_model(model: Any) -> None:
    """Raise `Misuse` unless this may be the name of a model to look up."""
    if not isinstance(model, str) or not model:
        what = f"must be a string, not {kind_of(model)}" if model != "" else "is empty"
        raise Misuse(f"is_model_available: the model {what}")


def _stop(value: Any) -> tuple[str, ...]:
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, (list, tuple)) or not all(isinstance(each, str) for each in given):
        wrong = (
            next((each for each in given if not isinstance(each, str)), None) if type(given) in (list, tuple) else given
        )
        raise Misuse(f"stop must be a string or a list of strings, not {_of(given, wrong)}")
    if "" in given:
        raise Misuse("stop contains an empty string; leave it out")
    return tuple(given)


def _of(given: Any, wrong: Any) -> str:
    return kind_of(given) if wrong is given else f"a list that contains {kind_of(wrong)}"


def _reasoning(value: Any) -> Reasoning:
    reasoning = Reasoning(effort=value) if isinstance(value, str) else value
    if not isinstance(reasoning, Reasoning):
        raise Misuse(f"reasoning must be an effort such as 'low', or a Reasoning, not {kind_of(value)}")
    check_fields(reasoning)
    if reasoning.budget is not None and (complaint := _BUDGET.complaint(reasoning.budget)):
        raise Misuse(f"reasoning: budget {complaint}{_got(reasoning.budget, complaint)}")
    effort = reasoning.effort
    if effort is not None and effort not in EFFORTS:
        raise Misuse(f"unknown reasoning effort {shown(effort)}; {suggestion(effort, EFFORTS)}")
    return reasoning


def _logit_bias(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise Misuse(f"logit_bias must be a dict from tokens to numbers, not {kind_of(value)}")
    for token, bias in value.items():
        if not isinstance(token, (str, int)) or isinstance(token, bool):
            raise Misuse(f"logit_bias: a token must be a number or a string, not {kind_of(token)}")
        if complaint := _NUMBER.complaint(bias):
            raise Misuse(f"logit_bias of token {shown(token)} {complaint}")
    return {str(token): bias for token, bias in value.items()}


def _cache(value: Any) -> CacheMark:
    if not isinstance(value, CacheMark):
        raise Misuse(f"cache must be a CacheMark, not {kind_of(value)}")
    return value


def _output(value: Any) -> OutputFormat:
    if not isinstance(value, OutputFormat):
        raise Misuse(f"output must be an OutputFormat, not {kind_of(value)}; pass a type or a JSON Schema as schema=…")
    check_fields(value)
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "stop": _stop,
    "reasoning": _reasoning,
    "logit_bias": _logit_bias,
    "extra": read_extra,
    "cache": _cache,
    "output": _output,
    "max_cost": _max_cost,
}

_ELSEWHERE = {
    "approve": "call run_tools(…) or stream_tools(…), which execute tool calls",
    "api_base": "set base_url in the provider's entry",
    "api_key": "set api_key in the ProviderConfig of an entry",
    "budget": "write max_cost=… for this request; budgets of a day or month are the allowance of a ProviderManager",
    "fallbacks": "list the fallbacks as entries of a ProviderManager, or as targets of a Route",
    "max_completion_tokens": "write max_tokens=…; it is sent under each provider's own name for it",
    "max_steps": "call run_tools(…) or stream_tools(…), which execute tool calls",
    "max_turns": "write max_steps=…, at run_tools(…) or stream_tools(…)",
    "messages": "pass the messages as the first, positional argument",
    "n": "each call returns one answer: call several times, concurrently if you like",
    "num_retries": "set max_retries in FallbackConfig; it counts all attempts, the first included",
    "prompt": "pass the prompt as the first, positional argument",
    "reasoning_effort": "write reasoning=…",
    "response_format": "write schema=… for a type or JSON Schema, or output=OutputFormat(…)",
    "stream": "call stream(…) instead of generate(…)",
    "stream_options": "streams always report usage if the provider does",
    "timeout": "write deadline=… for the whole request; the timeout of an entry is for one attempt",
}
"""Options of other libraries, and what to write here instead."""


def check_names(options: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raise `Misuse` for the first option that is not among the `known` ones."""
    unknown = options.keys() - known.keys()
    if not unknown:
        return
    name = min(unknown)
    if name in _ELSEWHERE:
        raise Misuse(f"unknown option {shown(name)}: {_ELSEWHERE[name]}")
    close = nearest(name, known)
    hint = f"did you mean {close!r}?" if close else f"the options are {', '.join(known)}"
    raise Misuse(f"unknown option {shown(name)}; {hint} (values for one provider go in extra={{'<provider>': {{…}}}})")
