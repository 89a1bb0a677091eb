"""Random exchanges: what callers send, and what providers answer. Half of it is usual, the rest as odd as can be."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from itertools import pairwise, zip_longest
from typing import Any

import msgspec

from tests.contract.recordings import Recording
from tests.contract.scope import exclusion
from tests.contract.targets import dialect_name
from tests.forwarding.conversations import conversation
from tests.fuzz.spoiling import Body, by_bytes, structural

FACES = ("openai", "openai", "openai", "anthropic", "anthropic", "responses", "gemini", "cohere", "ollama")
TYPES = {
    "openai": (
        *[("openai", "gpt-4o-mini")] * 4,
        *(("openai", "gpt-5"), ("openai", "o3-mini"), ("groq", "llama-3.3-70b-versatile")),
        *(("groq", "openai/gpt-oss-120b"), ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo")),
    ),
    "anthropic": (("anthropic", "claude-opus-4-1"), ("anthropic", "claude-sonnet-4-5")),
    "gemini": (("google", "gemini-2.5-flash"),),
    "cohere": (("cohere", "command-a-03-2025"),),
    "ollama": (("ollama", "llama3.2"),),
}
"""Types of entries and their models, by their wire format. What they refuse, or call otherwise, differs."""
OPTIONS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "openai": (
        *({"temperature": 0}, {"temperature": 1.7}, {"top_p": 0.5}, {"n": 1}, {"seed": 7}, {"user": "u-1"}),
        *({"max_tokens": 64}, {"max_completion_tokens": 64}, {"stop": "END"}, {"stop": list("abcdef")}),
        *({"logprobs": True, "top_logprobs": 3}, {"reasoning_effort": "low"}, {"reasoning_effort": "minimal"}),
        *({"response_format": {"type": "json_object"}}, {"logit_bias": {"50": -100}}, {"presence_penalty": 0.5}),
        *({"metadata": {"a": "b"}}, {"service_tier": "flex"}, {"safety_identifier": "s-1"}, {"unheard_of": [1]}),
    ),
    "anthropic": (
        *({"temperature": 0.5}, {"top_k": 5}, {"stop_sequences": ["END"]}, {"metadata": {"user_id": "u-1"}}),
        *({"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096}, {"service_tier": "auto"}),
    ),
    "responses": ({"temperature": 0}, {"max_output_tokens": 64}, {"reasoning": {"effort": "low"}}, {"user": "u-1"}),
    "cohere": ({"temperature": 0.5}, {"k": 5}, {"stop_sequences": ["END"]}, {"seed": 7}),
    "ollama": ({"options": {"temperature": 0.5, "num_predict": 9}}, {"format": "json"}, {"keep_alive": "5m"}),
}
"""Fields that callers of a wire format add to a usual request."""
STATUSES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 429, 429, 500, 502, 503, 503, 504, 529)
SENT_LATER = (0.0, 0.0, 0.0, 0.0, 0.05, 3.0, 40.0, 700.0)
"""Seconds until a head or a piece arrives."""


class Upstream(msgspec.Struct, frozen=True):
    """An answer of a provider."""

    status: int
    headers: Mapping[str, str]
    pieces: tuple[bytes, ...]
    waits: tuple[float, ...]
    """Seconds ahead of the head, and of each piece."""
    cut: bool = False
    """Whether the connection breaks where the body ends."""


Forms = Mapping[bool, Upstream | None]
"""What a request gets by whether it asks for a stream; `None`: its connection is refused."""


class Caller(msgspec.Struct, frozen=True):
    """One request to the gateway."""

    face: str
    target: str
    """The path, as the caller writes it."""
    body: bytes
    headers: Mapping[str, str]
    at: float
    """Seconds after the one before."""
    leaves: float | None
    """Seconds after which the caller leaves; `None`: it waits."""
    pieces: int
    """In how many pieces the request arrives."""
    reuses: bool
    """Whether it comes on a connection that is left open, if there is one."""
    is_chunked: bool
    """Whether the body comes in chunks, without its length."""


class Scenario(msgspec.Struct, frozen=True):
    """Some requests to one gateway."""

    entries: tuple[tuple[str, str, str], ...]
    """The wire format, the type and the model of each of its entries."""
    callers: tuple[Caller, ...]
    answers: tuple[tuple[Forms, ...], ...]
    """What each entry answers, in order; when they are used up, they are given again."""
    settings: Mapping[str, Any]


class Answers:
    """Recorded answers by their wire format, whole and streamed."""

    def __init__(self, recordings: tuple[Recording, ...]) -> None:
        self._found: dict[tuple[str, bool], list[Body]] = {}
        for each in recordings:
            if exclusion(each) is None and each.response.status == 200 and each.operation.startswith("chat"):
                self._found.setdefault((dialect_name(each), each.streamed), []).append(Body(each.body))

    def of(self, dialect: str, dice: random.Random, *, streamed: bool) -> bytes:
        """Return an answer: a usual one, a recorded one, or one that was spoiled."""
        bodies = self._found.get((dialect, streamed))
        if dialect == "openai" and (not bodies or dice.random() < 0.5):
            return _usual_stream(dice) if streamed else _usual_whole(dice)
        if dialect == "anthropic" and streamed and dice.random() < 0.3:
            return _usual_messages(dice)
        if not bodies:
            return b"{}"
        body = dice.choice(bodies)
        if dice.random() < 0.6:
            return b"".join(body.pieces)
        return structural(body, dice) if dice.random() < 0.8 else by_bytes(b"".join(body.pieces), dice)


def _usage(dice: random.Random) -> dict[str, Any]:
    prompt, answer = dice.randrange(5_000), dice.randrange(900)
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    if dice.random() < 0.5:
        usage["prompt_tokens_details"] = {"cached_tokens": dice.randrange(prompt + 1), "audio_tokens": 0}
        usage["completion_tokens_details"] = {"reasoning_tokens": dice.randrange(answer + 1)}
    return usage


def _head(dice: random.Random) -> dict[str, Any]:
    head = {"id": f"chatcmpl-{dice.randrange(10**9)}", "created": 1_700_000_000, "model": "gpt-4o-mini-2024-07-18"}
    return head | ({"service_tier": "default", "system_fingerprint": "fp_1"} if dice.random() < 0.5 else {})


def _usual_whole(dice: random.Random) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": "Because of scattering. " * dice.randrange(1, 9)}
    if dice.random() < 0.2:
        call = {"id": "call_7", "type": "function", "function": {"name": "read", "arguments": '{"path": "a.py"}'}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": dice.choice(("stop", "stop", "length", "tool_calls"))}
    return json.dumps({**_head(dice), "object": "chat.completion", "choices": [choice], "usage": _usage(dice)}).encode()


def _usual_stream(dice: random.Random) -> bytes:
    head = {**_head(dice), "object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if dice.random() < 0.2:
        deltas += [{"content": None, "reasoning_content": f" thought{number}"} for number in range(dice.randrange(9))]
    deltas += [{"content": f" word{number}"} for number in range(dice.randrange(12))]
    calls = dice.choice((0, 0, 1, 1, 2, 3))
    deltas += [{"tool_calls": [{"index": index, **piece}]} for index, piece in _pieces(calls, dice)]
    chunks = [{**head, "choices": [{"index": 0, "delta": each, "finish_reason": None}]} for each in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}]})
    if dice.random() < 0.7:
        chunks.append({**head, "choices": [], "usage": _usage(dice)})
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks)
    return body + (b"data: [DONE]\n\n" if dice.random() < 0.9 else b"")


def _arguments(dice: random.Random) -> list[str]:
    return ['{"path": "', *(f"src/{number}/" for number in range(dice.randrange(9))), '"}']


def _pieces(calls: int, dice: random.Random) -> list[tuple[int, dict[str, Any]]]:
    """Return the pieces of tool calls, each with the number of its call: one call behind the other, or at once."""
    made: list[list[tuple[int, dict[str, Any]]]] = []
    for number in range(calls):
        begun = {"id": f"call_{number}", "type": "function", "function": {"name": "read", "arguments": ""}}
        made.append([(number, begun), *((number, {"function": {"arguments": text}}) for text in _arguments(dice))])
    if dice.random() < 0.5:
        return [piece for call in made for piece in call]
    return [piece for at_once in zip_longest(*made) for piece in at_once if piece is not None]


def _usual_messages(dice: random.Random) -> bytes:
    """Return a stream of Anthropic's that thinks, speaks and calls tools."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-1", "content": []}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "usage": {"input_tokens": 9, "output_tokens": 1}}}
    ]
    blocks: list[tuple[dict[str, Any], str, str, list[str]]] = [
        ({"type": "thinking", "thinking": ""}, "thinking_delta", "thinking", [" so"] * dice.randrange(9)),
        ({"type": "text", "text": ""}, "text_delta", "text", [" word"] * dice.randrange(9)),
    ]
    for number in range(dice.randrange(4)):
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": "read", "input": {}}
        blocks.append((block, "input_json_delta", "partial_json", _arguments(dice)))
    for index, (block, kind, field, pieces) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += ({"type": "content_block_delta", "index": index, "delta": {"type": kind, field: p}} for p in pieces)
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": dice.choice(("end_turn", "tool_use")), "stop_sequence": None}
    events += ({"type": "message_delta", "delta": end, "usage": {"output_tokens": 7}}, {"type": "message_stop"})
    return b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events)


def _cut_up(body: bytes, dice: random.Random) -> tuple[bytes, ...]:
    places = sorted({0, len(body), *(dice.randrange(len(body) + 1) for _ in range(dice.choice((0, 0, 1, 3, 12))))})
    return tuple(body[start:end] for start, end in pairwise(places))


def _forms(dialect: str, answers: Answers, dice: random.Random) -> Forms:
    roll = dice.random()
    if roll < 0.03:
        return {False: None, True: None}
    if roll < 0.15:
        refusal = _refusal(dice)
        return {False: refusal, True: refusal}
    whole, streamed = (_answer(dialect, answers, dice, streamed=each) for each in (False, True))
    return {False: streamed, True: whole} if roll > 0.98 else {False: whole, True: streamed}


def _refusal(dice: random.Random) -> Upstream:
    body = json.dumps({"error": {"message": "no", "type": "server_error", "code": None}}).encode()
    headers = {"content-type": "application/json"}
    if dice.random() < 0.4:
        headers["retry-after"] = dice.choice(("0", "1", "20", "4000", "soon"))
    return Upstream(dice.choice(STATUSES), headers, (body,), (0.0, 0.0))


def _answer(dialect: str, answers: Answers, dice: random.Random, *, streamed: bool) -> Upstream:
    kind = "application/json"
    if streamed:
        kind = "application/x-ndjson" if dialect == "ollama" else "text/event-stream"
    headers = {"content-type": kind}
    if dice.random() < 0.3:
        headers |= {"x-request-id": "req_1", "x-ratelimit-remaining-requests": str(dice.randrange(9)), "server": "x"}
    pieces = _cut_up(answers.of(dialect, dice, streamed=streamed), dice)
    waits = tuple(dice.choice(SENT_LATER) if dice.random() < 0.1 else 0.0 for _ in range(len(pieces) + 1))
    return Upstream(200, headers, pieces, waits, cut=dice.random() < 0.05)


def _caller(face: str, dice: random.Random) -> Caller:
    if dice.random() < 0.5:
        request = conversation(face, dice)
        path, body = request.url, request.body or b""
        if dice.random() < 0.05:
            body = by_bytes(body, dice)
    else:
        path, body = _usual_request(face, dice)
    headers: dict[str, str] = {"content-type": "application/json"}
    if dice.random() < 0.2:
        headers["x-request-id"] = f"caller-{dice.randrange(99)}"
    if dice.random() < 0.2:
        headers["x-understudy-session"] = f"session-{dice.randrange(3)}"
    leaves = dice.choice((0.0, 0.01, 5.0)) if dice.random() < 0.06 else None
    at, pieces = dice.choice((0.0, 0.0, 1.0, 90.0)), dice.choice((1, 1, 1, 2, 5))
    return Caller(face, path, body, headers, at, leaves, pieces, dice.random() < 0.7, dice.random() < 0.05)


_AGENTS = [
    {"role": role, "content": f"{number}: " + 'It \\ said "no", and \u00e9. ' * 30}
    for number in range(30)
    for role in ("user", "assistant")
]
"""A long conversation, of which each step sends the beginning."""


def _usual_request(face: str, dice: random.Random) -> tuple[str, bytes]:
    """Return a request as most are, from a hundred bytes to some ten thousand: a question, or an agent's next step."""
    text = "Why does the test fail? " * dice.choice((1, 4, 40, 400))
    talk = [{"role": "user", "content": text}]
    if dice.random() < 0.4:
        talk = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}, *talk]
    elif dice.random() < 0.4:
        talk = [*_AGENTS[: 2 * dice.randrange(6, 30)], *talk]
    options: dict[str, Any] = {"stream": True} if dice.random() < 0.4 else {}
    if face in OPTIONS and dice.random() < 0.3:
        for each in dice.sample(OPTIONS[face], dice.randint(1, 3)):
            options |= each
    match face:
        case "openai":
            system = [{"role": "system", "content": "You are a coding agent."}]
            return "/chat/completions", json.dumps({"model": "alias", "messages": [*system, *talk], **options}).encode()
        case "responses":
            return "/responses", json.dumps({"model": "alias", "input": talk, "store": False, **options}).encode()
        case "anthropic":
            message = {"model": "alias", "max_tokens": 64, "messages": talk, **options}
            return "/v1/messages", json.dumps(message).encode()
        case "gemini":
            verb = "streamGenerateContent?alt=sse" if "stream" in options else "generateContent"
            contents = [{"role": "user", "parts": [{"text": text}]}]
            return f"/v1beta/models/alias:{verb}", json.dumps({"contents": contents}).encode()
        case "cohere":
            return "/v2/chat", json.dumps({"model": "alias", "messages": talk, **options}).encode()
        case _:
            asked = {"model": "alias", "messages": talk, "stream": False, **options}
            return "/api/chat", json.dumps(asked).encode()


def scenario(seed: int, answers: Answers) -> Scenario:
    """Return the scenario of a seed."""
    dice = random.Random(seed)
    face = dice.choice(FACES)
    own = "openai" if face == "responses" else face
    dialects = tuple(own if dice.random() < 0.7 else dice.choice(tuple(TYPES)) for _ in range(dice.randint(1, 3)))
    callers = tuple(
        _caller(face if dice.random() < 0.9 else dice.choice(FACES), dice) for _ in range(dice.choice((1, 3, 6, 10)))
    )
    given = tuple(tuple(_forms(each, answers, dice) for _ in range(4)) for each in dialects)
    settings: dict[str, Any] = {}
    if dice.random() < 0.3:
        settings = {
            "strategy": dice.choice(("priority", "round_robin", "cost_optimized")),
            "max_retries": dice.randrange(1, 4),
            "retry_delay_ms": dice.choice((0, 500)),
            "on_midstream_error": dice.choice(("surface", "hold", "restart", "continue")),
        }
    entries = tuple((each, *dice.choice(TYPES[each])) for each in dialects)
    return Scenario(entries, callers, given, settings)
