"""What a good answer looks like on each wire, written by hand, with a hole for one value."""

from __future__ import annotations

from typing import NamedTuple


class Wire(NamedTuple):
    """One wire format. `%b` is the hole: a JSON value, a string in good answers."""

    provider: str
    model: str
    kind: str
    """Media type of a stream."""
    whole: bytes
    start: bytes
    event: bytes
    call: bytes
    """A whole answer whose `%b` is a list of tool calls."""
    one_call: bytes
    comment: bytes
    """What means nothing, between two events."""


SSE = "text/event-stream"
DONE = b'"finish_reason":"stop"'

WIRES: dict[str, Wire] = {
    "openai": Wire(
        "openai",
        "gpt-4o",
        SSE,
        b'{"id":"a","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":%b},' + DONE + b"}]}",
        b"",
        b'data: {"id":"a","choices":[{"index":0,"delta":{"content":%b}}]}\n\n',
        b'{"id":"a","model":"m","choices":[{"index":0,"message":{"content":null,"tool_calls":[%b]},' + DONE + b"}]}",
        b'{"id":"","type":"function","function":{"name":"f","arguments":"{}"}}',
        b": nothing\n\n",
    ),
    "anthropic": Wire(
        "anthropic",
        "claude-sonnet-4-5",
        SSE,
        b'{"id":"a","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":%b}],'
        b'"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}',
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"a","type":"message","role":"assistant",'
        b'"model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text",'
        b'"text":""}}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
        b'"text":%b}}\n\n',
        b'{"id":"a","type":"message","role":"assistant","model":"m","content":[%b],"stop_reason":"tool_use",'
        b'"usage":{"input_tokens":1,"output_tokens":1}}',
        b'{"type":"tool_use","id":"i","name":"f","input":{}}',
        b'event: ping\ndata: {"type":"ping"}\n\n',
    ),
    "gemini": Wire(
        "google",
        "gemini-2.5-flash",
        SSE,
        b'{"candidates":[{"content":{"role":"model","parts":[{"text":%b}]},"finishReason":"STOP"}]}',
        b"",
        b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":%b}]}}]}\n\n',
        b'{"candidates":[{"content":{"role":"model","parts":[%b]},"finishReason":"STOP"}]}',
        b'{"functionCall":{"name":"f","args":{}}}',
        b": nothing\n\n",
    ),
    "cohere": Wire(
        "cohere",
        "command-a-03-2025",
        SSE,
        b'{"id":"a","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":%b}]}}',
        b'event: message-start\ndata: {"type":"message-start","id":"a","delta":{"message":{"role":"assistant"}}}\n\n'
        b'event: content-start\ndata: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text",'
        b'"text":""}}}}\n\n',
        b'event: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":%b}}}}'
        b"\n\n",
        b'{"id":"a","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_calls":[%b]}}',
        b'{"id":"i","type":"function","function":{"name":"f","arguments":"{}"}}',
        b": nothing\n\n",
    ),
    "ollama": Wire(
        "ollama",
        "llama3.2",
        "application/x-ndjson",
        b'{"model":"m","message":{"role":"assistant","content":%b},"done":true,"done_reason":"stop"}',
        b"",
        b'{"model":"m","message":{"role":"assistant","content":%b},"done":false}\n',
        b'{"model":"m","message":{"role":"assistant","content":"","tool_calls":[%b]},"done":true}',
        b'{"function":{"name":"f","arguments":{}}}',
        b"\n",
    ),
    "responses": Wire(
        "openai",
        "gpt-5-pro",
        SSE,
        b'{"id":"a","object":"response","status":"completed","model":"m","output":[{"type":"message","id":"i",'
        b'"role":"assistant","status":"completed","content":[{"type":"output_text","text":%b,"annotations":[]}]}]}',
        b'event: response.created\ndata: {"type":"response.created","response":{"id":"a","object":"response",'
        b'"status":"in_progress","model":"m","output":[]}}\n\n'
        b'event: response.output_item.added\ndata: {"type":"response.output_item.added","output_index":0,"item":'
        b'{"type":"message","id":"i","role":"assistant","status":"in_progress","content":[]}}\n\n'
        b'event: response.content_part.added\ndata: {"type":"response.content_part.added","item_id":"i",'
        b'"output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}\n\n',
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"i",'
        b'"output_index":0,"content_index":0,"delta":%b}\n\n',
        b'{"id":"a","object":"response","status":"completed","model":"m","output":[%b]}',
        b'{"type":"function_call","id":"i","call_id":"c","name":"f","arguments":"{}","status":"completed"}',
        b": nothing\n\n",
    ),
    "replicate": Wire(
        "replicate",
        "owner/name",
        SSE,
        b'{"id":"p","status":"succeeded","output":[%b]}',
        b"",
        b"event: output\ndata: %b\n\n",
        b'{"id":"p","status":"succeeded","output":[%b]}',
        b"{}",
        b": nothing\n\n",
    ),
}


class Vectors(NamedTuple):
    """How a wire answers with vectors: a whole answer, and one vector of it, each with a hole."""

    provider: str
    whole: bytes
    one: bytes
    texts: int
    """How many texts are sent at once."""
    size: int
    """Numbers of a vector: as many as there are, or as make 30 MB together."""


VECTORS: dict[str, Vectors] = {
    "openai": Vectors("openai", b'{"data":[%b],"model":"m"}', b'{"embedding":%b}', 512, 2900),
    "cohere": Vectors("cohere", b'{"embeddings":{"float":[%b]}}', b"%b", 96, 4096),
    "ollama": Vectors("ollama", b'{"model":"m","embeddings":[%b]}', b"%b", 512, 2900),
    "gemini": Vectors("google", b'{"embeddings":[%b]}', b'{"values":%b}', 100, 4096),
}
