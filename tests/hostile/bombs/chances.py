"""Log probabilities as each wire writes them, by hand: a good answer with many, and a stream of nothing else."""

from __future__ import annotations

from collections.abc import Iterator

DONE = {
    "openai": b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    "gemini": b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"."}]},"finishReason":"STOP"}]}\n\n',
    "ollama": b'{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n',
}
CHANCES = (*DONE, "responses")
"""Wires that have alternatives to each token."""


def entry(wire: str, alternatives: int) -> bytes:
    """One token with its alternatives."""
    if wire == "gemini":
        one = b'{"token":" the","tokenId":279,"logProbability":-0.01234567}'
        others = b",".join([one] * alternatives)
        return b'{"chosenCandidates":[%b],"topCandidates":[{"candidates":[%b]}]}' % (one, others)
    one = b'{"token":" the","logprob":-0.01234567,"bytes":[32,116,104,101]%b}'
    others = b",".join([one % b""] * alternatives)
    return one % b',"top_logprobs":[%b]' % others if alternatives else one % b',"top_logprobs":[]'


def whole(wire: str, tokens: int, alternatives: int = 20) -> bytes:
    """A good answer of so many tokens."""
    text = b" the" * tokens
    match wire:
        case "gemini":
            one = b'{"token":" the","tokenId":279,"logProbability":-0.01234567}'
            top = b'{"candidates":[%b]}' % b",".join([one] * alternatives)
            head = b'{"candidates":[{"content":{"role":"model","parts":[{"text":"%b"}]},"finishReason":"STOP",' % text
            chosen, others = b",".join([one] * tokens), b",".join([top] * tokens)
            return head + b'"logprobsResult":{"chosenCandidates":[%b],"topCandidates":[%b]}}]}' % (chosen, others)
        case "ollama":
            head = (
                b'{"model":"m","message":{"role":"assistant","content":"%b"},"done":true,"done_reason":"stop",' % text
            )
            return head + b'"logprobs":[%b]}' % many(wire, tokens, alternatives)
        case "responses":
            return closed(text, many(wire, tokens, alternatives))
    head = b'{"id":"a","model":"m","choices":[{"index":0,"message":{"content":"%b"},"finish_reason":"stop",' % text
    return head + b'"logprobs":{"content":[%b]}}]}' % many(wire, tokens, alternatives)


def many(wire: str, tokens: int, alternatives: int) -> bytes:
    return b",".join([entry(wire, alternatives)] * tokens)


def closed(text: bytes, entries: bytes) -> bytes:
    """A whole response."""
    item = (
        b'{"type":"message","id":"i","role":"assistant","status":"completed","content":[{"type":"output_text",'
        b'"text":"%b","annotations":[],"logprobs":[%b]}]}' % (text, entries)
    )
    return b'{"id":"a","object":"response","status":"completed","model":"m","output":[%b]}' % item


def event(wire: str, text: bytes, alternatives: int) -> bytes:
    """One event of a stream with a token."""
    one = entry(wire, alternatives)
    match wire:
        case "gemini":
            part = b'{"role":"model","parts":[{"text":"%b"}]}' % text
            return b'data: {"candidates":[{"content":%b,"logprobsResult":%b}]}\n\n' % (part, one)
        case "ollama":
            part = b'{"role":"assistant","content":"%b"}' % text
            return b'{"model":"m","message":%b,"done":false,"logprobs":[%b]}\n' % (part, one)
        case "responses":
            return (
                b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"i",'
                b'"output_index":0,"content_index":0,"delta":"%b","logprobs":[%b]}\n\n' % (text, one)
            )
        case "cohere":
            return (
                b'event: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"message":{"content":'
                b'{"text":"%b"}}},"logprobs":{"text":"%b","token_ids":[279],"logprobs":[-0.0123]}}\n\n' % (text, text)
            )
    return b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"%b"},"logprobs":{"content":[%b]}}]}\n\n' % (
        text,
        one,
    )


def stream(wire: str, tokens: int, alternatives: int = 20) -> Iterator[bytes]:
    """A good stream of so many tokens, behind what begins it."""
    one = event(wire, b" the", alternatives)
    for start in range(0, tokens, 100):
        yield one * min(100, tokens - start)
    if wire == "responses":
        response = closed(b" the" * tokens, many(wire, tokens, alternatives))
        yield b'event: response.completed\ndata: {"type":"response.completed","response":%b}\n\n' % response
    else:
        yield DONE[wire]


def flood(wire: str) -> bytes:
    """One event of many log probabilities and little text."""
    if wire != "responses":
        return event(wire, b"x" if wire == "cohere" else b"", 20)
    item = (
        b'{"type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"",'
        b'"annotations":[],"logprobs":[%b]}]}' % many(wire, 20, 20)
    )
    return b'event: response.output_item.done\ndata: {"type":"response.output_item.done","item":%b}\n\n' % item
