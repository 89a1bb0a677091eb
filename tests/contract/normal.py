"""What may differ between a recorded request and its way through parse and encode: at most eleven differences, each
with the reason why it is none. Everything else counts as a loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.contract.framing import OPAQUE_KEYS

Body = dict[str, Any]


class Normalisation(NamedTuple):
    reason: str
    apply: Callable[[Any], Any]


def _everywhere(change: Callable[[Body], Body]) -> Callable[[Any], Any]:
    """Apply a change to every object of the wire, innermost first."""

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        return change({key: item if key in OPAQUE_KEYS else walk(item) for key, item in value.items()})

    return walk


def _without_nulls(body: Body) -> Body:
    return {key: value for key, value in body.items() if value is not None}


def _one_max_tokens(body: Body) -> Body:
    return {("max_tokens" if key == "max_completion_tokens" else key): value for key, value in body.items()}


def _present_places(body: Body) -> Body:
    grown = {("user" if key == "safety_identifier" else key): value for key, value in body.items()}
    if (form := grown.pop("output_format", None)) is not None:
        grown["output_config"] = {"format": form} | grown.get("output_config", {})
    return grown


def _stop_as_list(body: Body) -> Body:
    stop = body.get("stop")
    return {**body, "stop": [stop]} if isinstance(stop, str) else body


def _without_transport(body: Body) -> Body:
    return {key: value for key, value in body.items() if key not in ("stream", "stream_options", "encoding_format")}


def _without_not_storing(body: Body) -> Body:
    return {key: value for key, value in body.items() if not (key == "store" and value is False)}


def _functions_as_tools(body: Body) -> Body:
    grown = {key: value for key, value in body.items() if key not in ("functions", "function_call")}
    if functions := body.get("functions"):
        grown["tools"] = [{"type": "function", "function": function} for function in functions]
    match body.get("function_call"):
        case {"name": name}:
            grown["tool_choice"] = {"type": "function", "function": {"name": name}}
        case str(mode):
            grown["tool_choice"] = mode
    return grown


def _messages_as_items(body: Body) -> Body:
    items = body.get("input")
    if not isinstance(items, list):
        return body
    typed = [{"type": "message"} | item if isinstance(item, dict) and "role" in item else item for item in items]
    return {**body, "input": typed}


def _text_as_parts(body: Body) -> Body:
    grown = dict(body)
    for key in ("content", "system"):
        text = grown.get(key)
        if isinstance(text, str):
            grown[key] = [{"type": "text", "text": text}] if text else []
    return grown


def _as_protocol_buffers(body: Body) -> Body:
    """Gemini's bodies, with names in camel case, bytes in the first alphabet, and lists where one object stands."""
    if not body.keys() & {"contents", "requests", "content", "generateContentRequest"}:
        return body
    return {key: _named(key, value) for key, value in body.items()}


def _named(key: str, value: Any) -> Any:
    if key in ("parts", "tools") and isinstance(value, dict):
        value = [value]
    if key == "data" and isinstance(value, str):
        return value.replace("-", "+").replace("_", "/")
    if isinstance(value, list):
        return [_named("", item) for item in value]
    if not isinstance(value, dict) or key in ("args", "response") or "chema" in key or key == "parameters":
        return value
    return {_camel(name): _named(_camel(name), item) for name, item in value.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _without_idle_words(value: Any) -> Any:
    """Leave out what changes nothing, within schemas too."""
    if isinstance(value, list):
        return [_without_idle_words(item) for item in value if item != []]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_idle_words(item) for key, item in value.items() if key != "$schema" and item != []}
    if "tools" not in kept:
        kept.pop("tool_choice", None)
    parameters = kept.get("parametersJsonSchema")
    if isinstance(parameters, dict) and not parameters.get("properties"):
        del kept["parametersJsonSchema"]
    return kept


NORMALISATIONS = (
    Normalisation("an explicit null says the same as an absent field", _everywhere(_without_nulls)),
    Normalisation(
        "`max_tokens` is the deprecated name of `max_completion_tokens`; the row says which", _one_max_tokens
    ),
    Normalisation(
        "`user` is the deprecated name of `safety_identifier`, `output_format` the former place of "
        "`output_config.format`",
        _present_places,
    ),
    Normalisation("one stop sequence may stand without its list", _everywhere(_stop_as_list)),
    Normalisation(
        "how an answer travels (streamed, with usage, vectors in base64) is each hop's own", _without_transport
    ),
    Normalisation(
        "nothing is stored at the Responses API unless asked for; `store: false` says so", _without_not_storing
    ),
    Normalisation("`functions` is the deprecated name of `tools`", _functions_as_tools),
    Normalisation("a text may stand for the list of that one text part", _everywhere(_text_as_parts)),
    Normalisation(
        "JSON of protocol buffers (Gemini's) may be written in several ways, and is read in all", _as_protocol_buffers
    ),
    Normalisation("an item with a role and without a type is a message (Responses API)", _messages_as_items),
    Normalisation(
        "an empty list, a schema's `$schema`, a choice among no tools and parameters without properties say nothing",
        _without_idle_words,
    ),
)


def normal(body: Any) -> Any:
    """Apply all of them."""
    for normalisation in NORMALISATIONS:
        body = normalisation.apply(body)
    return body


def key_paths(value: Any, path: str = "") -> Counter[str]:
    """Count the key paths of a JSON value; positions in lists count as one."""
    found: Counter[str] = Counter()
    if isinstance(value, dict):
        for key, item in value.items():
            found[f"{path}.{key}"] += 1
            found += key_paths(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            found += key_paths(item, f"{path}[]")
    return found
