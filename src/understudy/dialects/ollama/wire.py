"""What Ollama's native API writes and reads.

Source: Ollama's API documentation (docs/api.md, "Generate a chat completion", "Generate embeddings", "List local
models", "Show model information") and the structs of its server. Decoding is tolerant: every field is optional, and
counts are taken as they come, because a broken one must read as unknown and not as an error.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from understudy.wire.json import BadJson, check_depth, encode

VectorT = TypeVar("VectorT")

RAW_ARGUMENTS = "raw_arguments"
"""The key for arguments that are not a JSON object: the wire accepts only objects."""


NAME = "ollama"
"""The dialect's name: in provenances, in origins, and as a key of `extra`."""

DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
"""Fields of the last line that hold nanoseconds."""

LEVELS = ("low", "medium", "high", "max")
"""Levels of `think`, beside true and false."""

SAMPLING = {
    "max_tokens": "num_predict",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "stop": "stop",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Fields of a generation request, and their names in `options`."""

OTHER_OPTIONS = frozenset(
    {"num_ctx", "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap", "typical_p", "repeat_last_n"}
    | {"repeat_penalty", "penalize_newline", "mirostat", "mirostat_tau", "mirostat_eta", "tfs_z", "numa", "use_mlock"}
)
"""Options without a unified name. The server ignores unknown fields beside `options` in silence, so that one of these
in the wrong place would be lost: `extra` may name them without `options`."""

CAPABILITIES = {
    "completion": "chat",
    "embedding": "embed",
    "tools": "tools",
    "vision": "vision",
    "thinking": "thinking",
    "audio": "audio_input",
}
"""Ollama's names of capabilities, and the unified ones."""


class FunctionWire(msgspec.Struct):
    """The function of a tool call. `arguments` is an object; it stays the text that the model wrote."""

    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class CallWire(msgspec.Struct):
    """A tool call. Older servers give no id."""

    function: FunctionWire = msgspec.field(default_factory=FunctionWire)
    id: Any = None


class MessageWire(msgspec.Struct):
    """The message of an answer, or a piece of it."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[CallWire] | None = None


class LineWire(msgspec.Struct):
    """One line of a streamed answer, or the whole answer. `response` and `thinking` are `/api/generate`'s fields."""

    model: Any = None
    created_at: Any = None
    message: MessageWire | None = None
    response: str | None = None
    thinking: str | None = None
    done: bool | None = None
    done_reason: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    total_duration: Any = None
    load_duration: Any = None
    prompt_eval_duration: Any = None
    eval_duration: Any = None
    logprobs: msgspec.Raw = msgspec.Raw()
    remote_model: Any = None
    remote_host: Any = None
    error: Any = None


class VectorsWire(msgspec.Struct, Generic[VectorT]):
    """The answer to `/api/embed`."""

    embeddings: tuple[VectorT, ...] | None = None
    model: Any = None
    prompt_eval_count: Any = None
    error: Any = None


class ListedModelWire(msgspec.Struct):
    """A model of `/api/tags`."""

    name: str | None = None
    model: str | None = None
    modified_at: Any = None
    capabilities: Any = None


class ModelWire(msgspec.Struct):
    """The answer to `/api/show`."""

    model_info: Any = None
    modified_at: Any = None
    capabilities: Any = None


def unix_seconds(text: Any) -> float | None:
    """Read a time as the server writes it (RFC 3339 with up to nine decimals, universal time where no zone is given).

    `None` when it is none, and for the year 1, with which the server says that it does not know.
    """
    try:
        time = datetime.fromisoformat(text if isinstance(text, str) else "")
        seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None


def write_arguments(text: str) -> tuple[msgspec.Raw, bool]:
    """Return the arguments of a tool call as an object, on one line and otherwise as the model wrote them; the second
    value tells whether they were one. Text that is no JSON object is kept whole, as the one value of an object:
    `{"raw_arguments": text}`. The empty text counts as an empty object.
    """
    bare = text.strip() or "{}"
    if bare.startswith("{"):
        try:
            check_depth(bare)
            return msgspec.Raw(msgspec.json.format(bare.encode(), indent=-1)), True
        except (BadJson, msgspec.DecodeError, RecursionError):
            pass  # not JSON, or nested too deeply
    return msgspec.Raw(encode({RAW_ARGUMENTS: text})), False
