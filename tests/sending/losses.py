"""One telling value for every field of a request: a request without it, and the same with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import msgspec

import understudy as u
from tests.sending.conversations import PDF, PNG, WAV
from understudy.domain.content import AnyPart, Audio, CacheMark, Citation, Opaque, Provenance, Refusal, Thinking
from understudy.domain.messages import AnyTool
from understudy.domain.requests import EmbeddingRequest, WireOrigin

AnyRequest = u.GenerationRequest | EmbeddingRequest


class Pair(NamedTuple):
    """Two requests that differ in one field, and the words of which a warning about it must contain one."""

    without: AnyRequest
    having: AnyRequest
    words: tuple[str, ...]


Pairs = dict[str, Pair]
"""Pairs by the field, `Struct.field`; several values of one field follow it after a blank."""

STRUCTS: tuple[type[msgspec.Struct], ...] = (
    u.GenerationRequest,
    u.Message,
    *get_args(AnyPart),
    *get_args(AnyTool),
    u.ToolChoice,
    u.OutputFormat,
    u.Reasoning,
    CacheMark,
    EmbeddingRequest,
)
"""All that a request is made of. Parts and tools come from their unions, so a new one is here without being told."""

_LEDGER = "written into the records of attempts"
_RAW = "a citation is sent as its provider wrote it, in `raw`"
_ORIGIN = "where a part came from: decides whether it, or its citations and `extra`, are sent"
_NAMELESS = "no wire has names for images and audio"

NEVER_SENT = {
    "GenerationRequest.task": "chooses a target",
    "GenerationRequest.labels": _LEDGER,
    "GenerationRequest.session": _LEDGER,
    "GenerationRequest.configured": "tells values of the configuration from those of the caller",
    "EmbeddingRequest.labels": _LEDGER,
    "EmbeddingRequest.session": _LEDGER,
    "EmbeddingRequest.single": "whether the caller passed one string; it gets the same vector from a list of one",
    "Citation.cache": "the mark of the text counts",
    **dict.fromkeys((f"Citation.{name}" for name in ("extra", "url", "title", "cited_text", "start", "end")), _RAW),
    **dict.fromkeys((f"{name}.provenance" for name in ("Text", "Refusal", "ToolCall")), _ORIGIN),
    "Image.name": _NAMELESS,
    "Audio.name": _NAMELESS,
    "OpaqueTool.effects": "decides whether an attempt may be repeated",
}
"""Fields that leave no trace in any request, each with the reason."""

_BY_ID = "results are matched to their calls by id"
_ENFORCED = "a schema is always enforced"
_LABEL = "schemas have no label"
_NO_OBJECT = "the part is no object on this wire, so it has no further fields"
_PROMPT = "the prompt is one text, so its parts have no further fields"
_UNSIGNED = "thinking is not signed here"
_THINKS = "the model always thinks"
_OWN_CITATIONS = "the service's own citations are not sent back to it, even by its own clients"

UNSENT_BY = {
    "openai": {
        "Refusal.extra": _NO_OBJECT,
        "Thinking.extra": _NO_OBJECT,
        "Thinking.signature": _UNSIGNED,
        "Opaque.extra": "the part is its JSON, which holds all its fields",
        "ToolResult.name": _BY_ID,
        "Text.citations own": _OWN_CITATIONS,
        "Citation.raw": _OWN_CITATIONS,
    },
    "responses": {
        "Opaque.extra": "the part is its JSON, which holds all its fields",
        "ToolResult.name": _BY_ID,
    },
    "anthropic": {
        "Thinking.extra": "a signed block is sent back exactly as it was",
        "ToolResult.name": _BY_ID,
        "OutputFormat.name": _LABEL,
        "OutputFormat.strict": _ENFORCED,
    },
    "gemini": {
        "OutputFormat.name": _LABEL,
        "OutputFormat.strict": _ENFORCED,
        "Text.citations own": _OWN_CITATIONS,
        "Citation.raw": _OWN_CITATIONS,
    },
    "cohere": {
        "ToolResult.name": _BY_ID,
        "Thinking.signature": _UNSIGNED,
        "OutputFormat.name": _LABEL,
        "OutputFormat.strict": _ENFORCED,
        "ToolChoice.extra": "the choice is a word",
    },
    "ollama": {
        **dict.fromkeys((f"{part}.extra" for part in ("Text", "Refusal", "Image", "Thinking")), _NO_OBJECT),
        "Thinking.signature": _UNSIGNED,
        "OutputFormat.name": _LABEL,
        "OutputFormat.strict": _ENFORCED,
        "ToolChoice.extra": "there is no choice on this wire",
    },
    "replicate": dict.fromkeys(
        ("Message.extra", "Text.extra", "Refusal.extra", "Image.extra", "Opaque.extra", "Opaque.json"), _PROMPT
    ),
}
"""Fields that a dialect has no use for, by dialect, each with the reason."""

_ON = {"Reasoning.mode adaptive": _THINKS, "Reasoning.mode enabled": _THINKS}
_OFF = {"Reasoning.mode disabled": "the model cannot think"}
_SHOWN = dict.fromkeys(("Reasoning.display", "Reasoning.display odd"), "thinking is always shown")
_IDLE = "the model does not think unless asked to"

UNSENT_BY_MODEL = {
    "claude-opus-4-7": {"Reasoning.mode disabled": _IDLE},
    **dict.fromkeys(("command-a-03-2025", "gpt-4o", "gpt-4.1", "gpt-4.1-mini"), _OFF),
    **dict.fromkeys(("llama-3.3-70b-versatile", "meta-llama/Llama-3.3-70B-Instruct-Turbo"), _OFF),
    "gpt-oss:20b": {**_ON, **_SHOWN},
    **dict.fromkeys(
        ("command-a-plus-05-2026", "Qwen/Qwen3.5-397B-A17B", "Qwen/Qwen3-VL-235B-A22B-Instruct", "qwen3-vl"), _SHOWN
    ),
}
"""Values that a model fulfils without being told."""

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CALL = u.ToolCall(id="call_1", name="weather", arguments='{"city": "Paris"}')
TOOL = u.Tool(name="weather", description="The weather", parameters=SCHEMA)
SPOKEN = Audio(transcript="Hello")
OTHER = u.Tool(name="clock", description="The time", parameters=SCHEMA)
ASK = u.Message.user("What is the weather?")


def _user(*parts: Any) -> u.GenerationRequest:
    return u.GenerationRequest(messages=(u.Message(u.Role.USER, (u.Text("Look."), *parts)),))


def _assistant(*parts: Any) -> u.GenerationRequest:
    return u.GenerationRequest(messages=(ASK, u.Message(u.Role.ASSISTANT, parts), u.Message.user("Go on.")))


def _result(*calls: u.ToolCall, result: u.ToolResult) -> u.GenerationRequest:
    turn = u.Message(u.Role.ASSISTANT, calls or (CALL,))
    return u.GenerationRequest(messages=(ASK, turn, u.Message.tool(result)), tools=(TOOL,))


def _call(call: u.ToolCall) -> u.GenerationRequest:
    return _result(call, result=u.ToolResult(call_id=call.id, content="18 degrees"))


def _tools(*tools: Any, **options: Any) -> u.GenerationRequest:
    return u.GenerationRequest(messages=(ASK,), tools=tools, **options)


def pairs(dialect: str, model: str) -> Pairs:
    """Return the pair of every field, for a target that speaks a dialect."""
    # OpenAI is spoken to in either of its dialects, whichever suits a request.
    own = {key: {"x_own": 1} for key in ({"openai", "responses"} if dialect in ("openai", "responses") else {dialect})}
    return {
        **_request_pairs(dialect, model, own),
        **_message_pairs(own),
        **_text_pairs(dialect, own),
        **_media_pairs(own),
        **_thinking_pairs(dialect, model, own),
        **_call_pairs(own),
        **_tool_pairs(dialect, own),
        **_form_pairs(),
    }


def _request_pairs(dialect: str, model: str, own: Any) -> Pairs:
    base = u.GenerationRequest(messages=(ASK,))
    tools = _tools(TOOL)
    values: dict[str, Any] = {
        "max_tokens": 777, "temperature": 0.25, "top_p": 0.96, "top_k": 7, "min_p": 0.125, "presence_penalty": 0.5,
        "frequency_penalty": 0.75, "seed": 11, "stop": ("END",), "logit_bias": {"42": 3.0}, "logprobs": True,
        "verbosity": "low", "service_tier": "flex", "user": "u-1", "cache_key": "k-1", "cache": CacheMark(ttl="1h"),
        "metadata": {"a": "b"}, "reasoning": u.Reasoning(effort="high"),
        "output": u.OutputFormat(kind="json_schema", json_schema=SCHEMA, name="place"),
        "messages": (ASK, u.Message.assistant("Where?"), u.Message.user("Paris")),
        "extra": own, "tools": (TOOL,), "model": "another-model",
    }  # fmt: skip
    found = {f"GenerationRequest.{name}": _with(base, name, value) for name, value in values.items()}
    body = b'{"input": {"prompt": "x"}}' if dialect == "replicate" else b'{"messages": []}'
    came_in = msgspec.structs.replace(base, model=model)
    found["GenerationRequest.origin"] = _with(came_in, "origin", WireOrigin(dialect, body))
    logged = msgspec.structs.replace(base, logprobs=True)
    found["GenerationRequest.top_logprobs"] = _with(logged, "top_logprobs", 3)
    others: dict[str, Any] = {
        "max_tokens": 888, "temperature": 0.5, "top_p": 0.97, "top_k": 8, "min_p": 0.25, "presence_penalty": 0.25,
        "frequency_penalty": 0.25, "seed": 12, "stop": ("STOP",), "logit_bias": {"43": 3.0}, "verbosity": "high",
        "user": "u-2", "cache_key": "k-2", "metadata": {"a": "c"}, "reasoning": u.Reasoning(effort="low"),
    }  # fmt: skip
    for name, other in others.items():
        found[f"GenerationRequest.{name} other"] = _with(found[f"GenerationRequest.{name}"].having, name, other)
    for effort in ("low", "none"):
        thoughtful = msgspec.structs.replace(base, reasoning=u.Reasoning(effort=effort), max_tokens=9000)
        for name in ("temperature", "top_p", "top_k"):
            found[f"GenerationRequest.{name} beside {effort}"] = _with(thoughtful, name, values[name])
    found["GenerationRequest.tool_choice"] = _with(tools, "tool_choice", u.ToolChoice("required"))
    found["GenerationRequest.parallel_tool_calls"] = _with(tools, "parallel_tool_calls", False)
    return found


def _with(base: Any, name: str, value: Any, *words: str) -> Pair:
    return Pair(base, msgspec.structs.replace(base, **{name: value}), (name, *words))


def _changed(make: Callable[[Any], AnyRequest], part: Any, name: str, value: Any, *words: str) -> Pair:
    """Return a pair whose field is that of a part, with the part in its place."""
    return Pair(make(part), make(msgspec.structs.replace(part, **{name: value})), (name, *words))


def _fields(make: Callable[[Any], AnyRequest], part: Any, words: tuple[str, ...] = (), **values: Any) -> Pairs:
    kind = type(part).__name__
    return {f"{kind}.{name}": _changed(make, part, name, value, *words) for name, value in values.items()}


def _message_pairs(own: Any) -> Pairs:
    def alone(message: u.Message) -> AnyRequest:
        return u.GenerationRequest(messages=(message, ASK))

    return _fields(alone, ASK, role=u.Role.SYSTEM, content="Other words", name="ann", extra=own)


def _text_pairs(dialect: str, own: Any) -> Pairs:
    raw = {"type": "char_location", "start_char_index": 0, "end_char_index": 2}
    cited, foreign = Citation(url="https://example.com", dialect=dialect, raw=raw), Citation(url="https://example.com")
    mark = CacheMark()
    said = u.Text("As said.", citations=(cited,))
    words = ("citation",)

    def citing(citation: Citation) -> AnyRequest:
        return _assistant(msgspec.structs.replace(said, citations=(citation,)))

    opaque = Opaque(dialect, {"type": "server_thing", "id": "x_1"})
    return {
        **_fields(_user, u.Text("Words"), text="Others", cache=mark, extra=own),
        "Text.cache in an answer": _changed(_assistant, u.Text("Words"), "cache", mark),
        "Text.citations": _changed(_assistant, u.Text("As said."), "citations", (foreign,), *words),
        "Text.citations own": _changed(_assistant, u.Text("As said."), "citations", (cited,), *words),
        "Text.citations of a user": _changed(_user, u.Text("As said."), "citations", (foreign,), *words),
        **_fields(citing, cited, words, raw={**raw, "end_char_index": 3}, dialect="another"),
        **_fields(_assistant, Refusal("I cannot."), text="No.", cache=mark, extra=own),
        **_fields(_assistant, opaque, dialect="another", json={"type": "other"}, cache=mark, extra=own),
        **_fields(_assistant, opaque, provenance=Provenance(dialect, server="https://else.example")),
        "Opaque.cache of a user": _changed(_user, opaque, "cache", mark),
        **_fields(lambda mark: _user(u.Text("Words", cache=mark)), mark, ("cache",), ttl="1h"),
    }


def _media_pairs(own: Any) -> Pairs:
    image = u.Image(data=PNG, media_type="image/png")
    audio = Audio(data=WAV, media_type="audio/wav")
    file = u.File(data=PDF, media_type="application/pdf")
    found: Pairs = {}
    for part in (image, audio, file):
        kind = type(part).__name__
        found |= _fields(_user, part, cache=CacheMark(), extra=own)
        for name, value, other in (
            ("url", "https://example.com/a", "https://example.com/b"),
            ("data", part.data, f"{str(part.data)[:-4]}AAAA"),
            ("file_id", "f-1", "f-2"),
        ):
            fields: dict[str, Any] = {"media_type": part.media_type, name: value}
            located = type(part)(**fields)
            found[f"{kind}.{name}"] = Pair(_user(), _user(located), (kind.lower(),))
            found[f"{kind}.{name} other"] = _changed(_user, located, name, other)
    found |= _fields(_user, image, ("image",), detail="low", media_type="image/gif")
    found |= _fields(_user, Audio(data="AAAA", media_type="audio/wav"), ("audio",), media_type="audio/mpeg")
    found |= _fields(_user, Audio(data="AAAA"), ("audio",), format="mp3")
    found["Audio.transcript"] = Pair(_assistant(u.Text("A")), _assistant(u.Text("A"), SPOKEN), ("audio",))
    found |= _fields(_user, file, ("file",), name="a.pdf", context="A book", citations=True, media_type="text/plain")
    found |= _fields(_user, u.File(name="a.txt"), ("file",), text="Plain words")
    text = u.File(text="Plain words")
    more = _fields(_user, text, ("file",), name="a.txt", context="A book", citations=True)
    found["File.text empty"] = Pair(_user(), _user(u.File(text="")), ("file",))
    return found | {f"{field} of a text": pair for field, pair in more.items()}


def _thinking_pairs(dialect: str, model: str, own: Any) -> Pairs:
    signed = Provenance(dialect, model=model)
    thought = Thinking("Hmm.", signature="c2ln", provenance=signed)
    own = {name: {**fields, "type": "reasoning"} for name, fields in own.items()}

    def thinking(*parts: Thinking) -> AnyRequest:
        return _assistant(*parts, u.Text("Well."))

    hidden = Thinking(redacted="eA==", provenance=signed)
    return {
        **_fields(thinking, thought, text="Aha.", signature="b3RoZXI=", extra=own, cache=CacheMark()),
        **_fields(thinking, thought, provenance=Provenance("another")),
        "Thinking.redacted": Pair(thinking(), thinking(hidden), ("thinking",)),
        "Thinking.redacted of the caller": Pair(thinking(), thinking(Thinking(redacted="eA==")), ("thinking",)),
        "Thinking.signature alone": Pair(thinking(), thinking(Thinking(signature="eA==")), ("thinking",)),
    }


def _call_pairs(own: Any) -> Pairs:
    result = u.ToolResult(call_id="call_1", content="18 degrees")

    def answered(part: u.ToolResult) -> AnyRequest:
        return _result(result=part)

    return {
        **_fields(_call, CALL, id="call_2", name="clock", arguments='{"city": "Rome"}', cache=CacheMark(), extra=own),
        **_fields(answered, result, ("tool result",), content="19 degrees", is_error=True, cache=CacheMark()),
        **_fields(answered, result, ("tool result",), extra=own, call_id="call_9", name="clock"),
    }


def _tool_pairs(dialect: str, own: Any) -> Pairs:
    tool = u.Tool(name="weather")
    schemed = msgspec.structs.replace(TOOL, parameters={**SCHEMA, "additionalProperties": False})
    hosted = u.OpaqueTool(dialect, {"type": "search"})

    def chosen(choice: u.ToolChoice) -> AnyRequest:
        return _tools(TOOL, OTHER, tool_choice=choice)

    return {
        **_fields(_tools, tool, ("tool",), name="clock", description="Words", parameters=SCHEMA, extra=own),
        **_fields(_tools, tool, ("tool",), cache=CacheMark()),
        **_fields(_tools, schemed, ("tool",), strict=True),
        **_fields(_tools, hosted, ("tool",), dialect="another", json={"type": "other"}),
        **_fields(chosen, u.ToolChoice("auto"), ("tool_choice",), mode="none", names=("clock",), extra=own),
    }


def _form_pairs() -> Pairs:
    form = u.OutputFormat(json_schema=SCHEMA)
    thought = u.Reasoning(effort="high")

    def asked(output: u.OutputFormat) -> AnyRequest:
        return u.GenerationRequest(messages=(ASK,), output=output)

    def reasoned(reasoning: u.Reasoning) -> AnyRequest:
        return u.GenerationRequest(messages=(ASK,), reasoning=reasoning, max_tokens=8000)

    plain = u.GenerationRequest(messages=(ASK,), max_tokens=8000)
    modes = {
        f"Reasoning.mode {mode}": Pair(plain, reasoned(u.Reasoning(mode=mode)), ("reasoning",))
        for mode in ("adaptive", "enabled", "disabled", "between_tools")
    }
    return {
        **_fields(asked, form, kind="json_object", name="place", description="A place", strict=True),
        **_fields(asked, form, json_schema={**SCHEMA, "title": "Place"}),
        **_fields(reasoned, thought, effort="low", display="summarized"),
        "Reasoning.display odd": _changed(reasoned, thought, "display", "odd"),
        "Reasoning.budget": Pair(plain, reasoned(u.Reasoning(budget=2000)), ("reasoning",)),
        **modes,
    }


def embedding_pairs(dialect: str) -> Pairs:
    """Return the pair of every field of a request for vectors."""
    base = EmbeddingRequest(texts=("one", "two"))
    values: dict[str, Any] = {
        "texts": ("one", "other"), "dimensions": 256, "input_type": "query", "user": "u-1",
        "extra": {dialect: {"x_own": 1}}, "model": "another-model",
    }  # fmt: skip
    values["origin"] = WireOrigin(dialect, b'{"input": ["other"], "inputs": ["other"], "texts": ["other"]}')
    return {f"EmbeddingRequest.{name}": _with(base, name, value) for name, value in values.items()}
