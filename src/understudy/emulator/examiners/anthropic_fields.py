"""The fields of the Messages API, as data. Source: the types of anthropic 2.12.0, `anthropic/types/*_param.py`."""

from __future__ import annotations

from understudy.emulator.examiners.anthropic_shape import (
    Anything,
    Definitions,
    Either,
    Field,
    Flag,
    Free,
    Kind,
    ListOf,
    Named,
    Number,
    Record,
    Tagged,
    Text,
)

ID = Text(pattern="[a-zA-Z0-9_-]+")
NAME = Text(pattern="[a-zA-Z0-9_-]{1,128}", longest=128, shortest=1)
EFFORTS = ("low", "medium", "high", "xhigh", "max")
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def _required(kind: Kind) -> Field:
    return Field(kind, required=True)


def _nullable(kind: Kind) -> Field:
    return Field(kind, nullable=True)


def _type(tag: str) -> Field:
    return _required(Text(choices=(tag,)))


_CACHE = _nullable(Named("cache"))
_FILE = Record({"type": _type("file"), "file_id": _required(Text())})
_URL = Record({"type": _type("url"), "url": _required(Text())})


def _base64(*media_types: str) -> Record:
    kinds = _required(Text(choices=media_types))
    return Record({"type": _type("base64"), "media_type": kinds, "data": _required(Text())})


_IMAGE_SOURCE = Tagged({"base64": _base64(*IMAGE_TYPES), "url": _URL, "file": _FILE})
_DOCUMENT_SOURCE = Tagged(
    {
        "base64": _base64("application/pdf"),
        "text": Record(
            {"type": _type("text"), "media_type": _type("text/plain"), "data": _required(Text())},
        ),
        "content": Record({"type": _type("content"), "content": _required(Either(ListOf(Named("block"))))}),
        "url": _URL,
        "file": _FILE,
    }
)
_TEXT = Record(
    {
        "type": _type("text"),
        "text": _required(Text()),
        "cache_control": _CACHE,
        "citations": _nullable(ListOf(Free())),
    }
)
_BLOCKS: dict[str, Kind] = {
    "text": _TEXT,
    "image": Record(
        {
            "type": _type("image"),
            "source": _required(_IMAGE_SOURCE),
            "cache_control": _CACHE,
            "transformations": _nullable(Free()),
        }
    ),
    "document": Record(
        {
            "type": _type("document"),
            "source": _required(_DOCUMENT_SOURCE),
            "cache_control": _CACHE,
            "citations": _nullable(Record({"enabled": Field(Flag())})),
            "context": _nullable(Text()),
            "title": _nullable(Text()),
        }
    ),
    "search_result": Record(
        {
            "type": _type("search_result"),
            "content": _required(ListOf(Named("text"))),
            "source": _required(Text()),
            "title": _required(Text()),
            "cache_control": _CACHE,
            "citations": _nullable(Record({"enabled": Field(Flag())})),
        }
    ),
    "thinking": Record(
        {"type": _type("thinking"), "thinking": _required(Text()), "signature": _required(Text())},
    ),
    "redacted_thinking": Record({"type": _type("redacted_thinking"), "data": _required(Text())}),
    "tool_use": Record(
        {
            "type": _type("tool_use"),
            "id": _required(ID),
            "name": _required(NAME),
            "input": _required(Free()),
            "cache_control": _CACHE,
            "caller": Field(Free()),
            "toolset_name": _nullable(Text()),
        }
    ),
    "tool_result": Record(
        {
            "type": _type("tool_result"),
            "tool_use_id": _required(ID),
            "content": Field(Either(ListOf(Named("result")))),
            "is_error": Field(Flag()),
            "cache_control": _CACHE,
            "toolset_name": _nullable(Text()),
        }
    ),
}
_HOSTED_BLOCKS = (
    r"server_tool_use|container_upload|(web_fetch|web_search|tool_search|(bash_|text_editor_)?code_execution|mcp|advisor)"
    r"_tool_result|fallback|compaction|mcp_tool_use|mcp_tool_listing|tool_removal|tool_addition"
)
_HOSTED_TOOLS = r"\w+_\d{8}|tool_search_tool_\w+|mcp_toolset"
_CUSTOM_TOOL = Record(
    {
        "type": _nullable(Text(choices=("custom",))),
        "name": _required(NAME),
        "description": Field(Text()),
        "input_schema": _required(Free()),
        "strict": Field(Flag()),
        "cache_control": _CACHE,
        "input_examples": Field(ListOf(Free())),
        "eager_input_streaming": _nullable(Flag()),
        "defer_loading": Field(Flag()),
        "allowed_callers": Field(ListOf(Text())),
    }
)
_PARALLEL = Field(Flag())
_SHOWN = _nullable(Text(choices=("summarized", "omitted")))
_BINDING = _nullable(Free())
"""The beta field that says what to do with thinking of another conversation."""
FORMAT = Record({"type": _type("json_schema"), "schema": _required(Free())})

DEFINITIONS: Definitions = {
    "block": Tagged(_BLOCKS, others=_HOSTED_BLOCKS),
    "text": Tagged({"text": _TEXT}),
    "result": Tagged(
        {name: _BLOCKS[name] for name in ("text", "image", "search_result", "document")},
        others="tool_reference|browser_state",
    ),
    "cache": Record({"type": _type("ephemeral"), "ttl": Field(Text(choices=("5m", "1h")))}),
    "message": Record(
        {
            "role": _required(Text(choices=("user", "assistant", "system"))),
            "content": _required(Either(ListOf(Named("block")))),
        }
    ),
    "beta_message": Record(
        {
            "role": _required(Text(choices=("user", "assistant", "system"))),
            "content": _required(Either(ListOf(Named("block")))),
            "output_config": _nullable(Record({"effort": _nullable(Text(choices=EFFORTS))})),
            "clear_at": _nullable(Text(choices=("next_user_message", "never"))),
        }
    ),
}

_THINKING = Tagged(
    {
        "adaptive": Record({"type": _type("adaptive"), "display": _SHOWN, "block_binding": _BINDING}),
        "enabled": Record(
            {
                "type": _type("enabled"),
                "budget_tokens": _required(Number(least=1024)),
                "display": _SHOWN,
                "block_binding": _BINDING,
            }
        ),
        "disabled": Record({"type": _type("disabled"), "block_binding": _BINDING}),
        "between_tools": Record({"type": _type("between_tools"), "block_binding": _BINDING}),
    }
)
_TOOL_CHOICE = Tagged(
    {
        "auto": Record({"type": _type("auto"), "disable_parallel_tool_use": _PARALLEL}),
        "any": Record({"type": _type("any"), "disable_parallel_tool_use": _PARALLEL}),
        "tool": Record(
            {"type": _type("tool"), "name": _required(Text()), "disable_parallel_tool_use": _PARALLEL},
        ),
        "none": Record({"type": _type("none")}),
    }
)
_OUTPUT = Record(
    {
        "effort": _nullable(Text(choices=EFFORTS)),
        "format": _nullable(FORMAT),
        "task_budget": _nullable(Free()),
    }
)
COUNT_FIELDS: dict[str, Field] = {
    "model": _required(Text(shortest=1)),
    "messages": _required(ListOf(Named("message"), longest=100_000)),
    "system": Field(Either(ListOf(Named("text")))),
    "tools": Field(ListOf(Tagged({"custom": _CUSTOM_TOOL}, default="custom", others=_HOSTED_TOOLS))),
    "tool_choice": Field(_TOOL_CHOICE),
    "thinking": Field(_THINKING),
    "output_config": Field(_OUTPUT),
    "cache_control": _CACHE,
    "speed": _nullable(Text(choices=("standard", "fast"))),
    "user_profile_id": Field(Text()),
    "workspace_id": Field(Text()),
}
CHAT_FIELDS: dict[str, Field] = {
    "model": COUNT_FIELDS["model"],
    "max_tokens": _required(Number(least=0)),
    **COUNT_FIELDS,
    "stream": Field(Flag()),
    "stop_sequences": Field(ListOf(Text())),
    "temperature": Field(Number(whole=False)),
    "top_p": Field(Number(whole=False)),
    "top_k": Field(Number()),
    "metadata": Field(Record({"user_id": _nullable(Text(longest=256))})),
    "service_tier": Field(Text(choices=("auto", "standard_only"))),
    "inference_geo": _nullable(Text()),
    "container": _nullable(Anything()),
    "diagnostics": _nullable(Free()),
}
SAMPLING = ("temperature", "top_p", "top_k")

_BETA = {
    name: Field(Anything())
    for name in (
        "billing_policy",
        "compaction",
        "context_management",
        "mcp_servers",
        "prefill",
        "fallback_credit_token",
        "fallbacks",
        "thread",
        "message",
        "output_format",
    )
}
"""Top-level fields that need a beta header (anthropic 2.12.0, `types/beta/message_create_params.py`)."""


def body_of(*, counting: bool, beta: bool) -> Record:
    """Return the fields of a body to count or to answer, with or without a beta header."""
    fields = COUNT_FIELDS if counting else CHAT_FIELDS
    messages = _required(ListOf(Named("beta_message"), longest=100_000))
    return Record({**fields, **_BETA, "messages": messages} if beta else fields)
