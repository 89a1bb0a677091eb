"""What the Responses API writes, as tolerant structs: every field optional, unknown ones ignored.

Source: OpenAI's OpenAPI document (2.3.0) and the event types of its Python SDK (2.54.0).
"""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.domain.content import JsonObject

NAME = "responses"

ENCRYPTED = "reasoning.encrypted_content"
"""The `include` value that asks for reasoning in a form that can be replayed without stored state."""

LOGPROBS = "message.output_text.logprobs"
"""The `include` value that asks for the log probabilities of the answer's tokens."""

CALL_TEXT = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items that are tool calls, and the field that holds what the model wrote."""

CALL_PREFIX = {"function_call": "fc", "custom_tool_call": "ctc"}
"""How the ids of these items begin; the service refuses ids that begin otherwise."""


class ResponseObject(msgspec.Struct, frozen=True):
    """A response: the whole body, and the payload of the events that begin and end a stream.

    Only the output must be of its type, because the answer stands there; an odd value elsewhere is ignored.
    """

    id: Any = None
    model: Any = None
    created_at: Any = None
    status: Any = None
    error: Any = None
    incomplete_details: Any = None
    output: list[JsonObject] | None = None
    usage: Any = None
    service_tier: Any = None


class StreamEvent(msgspec.Struct, frozen=True):
    """One event of a stream: the union of the fields of all the events that this library reads."""

    type: str = ""
    sequence_number: Any = None
    output_index: Any = None
    item_id: Any = None
    content_index: Any = None
    summary_index: Any = None
    delta: str | None = None
    item: JsonObject | None = None
    annotation: Any = None
    response: ResponseObject | None = None


class EventType(msgspec.Struct, frozen=True):
    """Only the type of an event; decoding it still validates that the whole event is JSON."""

    type: str = ""
    sequence_number: Any = None


class CountObject(msgspec.Struct, frozen=True):
    """The answer of `/responses/input_tokens`."""

    input_tokens: int


RESPONSE: msgspec.json.Decoder[ResponseObject] = msgspec.json.Decoder(ResponseObject)
EVENT: msgspec.json.Decoder[StreamEvent] = msgspec.json.Decoder(StreamEvent)
EVENT_TYPE: msgspec.json.Decoder[EventType] = msgspec.json.Decoder(EventType)
COUNT: msgspec.json.Decoder[CountObject] = msgspec.json.Decoder(CountObject)
