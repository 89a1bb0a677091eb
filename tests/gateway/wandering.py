"""Clients whose conversation moves from vendor to vendor: each keeps its history as the real one does.

What Codex, Gemini's command line and others keep of an answer is taken from their sources; nothing here knows how the
gateway seals.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from tests.gateway.asgi import Answer, Asgi
from understudy.domain.content import Thinking, ToolCall

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def _look(n: int) -> ToolCall:
    return ToolCall(id="", name="look", arguments=json.dumps({"n": n}))


SCRIPT: list[list[Any]] = [
    [Thinking("First I look."), _look(0)],
    [
        Thinking("Then at both."),
        _look(1),
        _look(2),
    ],
    [Thinking("That is all."), "The first is done."],
    [Thinking("Again, then."), "I look.", _look(3)],
    [Thinking("Once more."), _look(4)],
    [Thinking("Enough."), "The second is done."],
    [Thinking("The last one."), _look(5)],
    [_look(6)],
    [Thinking("Now I know."), "The third is done."],
]
"""Three tasks of three answers each: two with calls, then a text."""


class Client(ABC):
    """A client of one wire format."""

    face: ClassVar[str]

    def __init__(self, caller: Asgi, headers: dict[str, str] | None = None) -> None:
        self.caller = caller
        self.headers = headers or {}
        self.thoughts: list[list[tuple[str, str]]] = []
        """The text and the signature of what was thought in each step."""
        self.warnings: list[str] = []
        self.pending: list[tuple[str, str]] = []
        """Calls that wait for their results: id and name."""

    @abstractmethod
    def ask(self) -> None:
        """Add a question of the user's."""

    @abstractmethod
    def request(self, model: str, stream: bool) -> tuple[str, dict[str, Any]]:
        """Return path and body."""

    @abstractmethod
    def keep(self, answer: Answer, stream: bool) -> None:
        """Add an answer to the history, and the results of its calls."""

    async def turn(self, model: str, stream: bool) -> Answer:
        """Take one step at a target."""
        if not self.pending:
            self.ask()
        self.pending = []
        path, body = self.request(model, stream)
        answer = await self.caller.post(path, body, {**self.headers, "x-understudy-models": model})
        assert answer.status == 200, answer.text
        self.warnings.append(answer.headers.get("x-understudy-warnings", ""))
        self.keep(answer, stream)
        return answer


class Messaging(Client):
    """Keeps the conversation as a list of messages."""

    def __init__(self, caller: Asgi, headers: dict[str, str] | None = None) -> None:
        super().__init__(caller, headers)
        self.messages: list[Any] = []

    def ask(self) -> None:
        self.messages.append({"role": "user", "content": "Look, please."})


class AnthropicClient(Messaging):
    """Sends blocks back as they came, like Anthropic's SDK and Claude Code."""

    face = "anthropic"

    def request(self, model: str, stream: bool) -> tuple[str, dict[str, Any]]:
        return "/v1/messages", {
            "model": model,
            "max_tokens": 8000,
            "messages": self.messages,
            "tools": [{"name": "look", "input_schema": SCHEMA}],
            "thinking": {"type": "adaptive", "display": "summarized"},
            "stream": stream,
        }

    def keep(self, answer: Answer, stream: bool) -> None:
        blocks = self._blocks(answer.events) if stream else answer.json["content"]
        self.messages.append({"role": "assistant", "content": blocks})
        self.thoughts.append([(each["thinking"], each["signature"]) for each in blocks if each["type"] == "thinking"])
        self.pending = [(each["id"], each["name"]) for each in blocks if each["type"] == "tool_use"]
        if self.pending:
            results = [{"type": "tool_result", "tool_use_id": each, "content": "seen"} for each, _ in self.pending]
            self.messages.append({"role": "user", "content": results})

    def _blocks(self, events: list[Any]) -> list[Any]:
        blocks: list[Any] = []
        arguments: dict[int, str] = {}
        for event in events:
            match event:
                case {"type": "content_block_start", "index": index, "content_block": block}:
                    assert index == len(blocks)
                    blocks.append(dict(block))
                case {"type": "content_block_delta", "index": index, "delta": delta}:
                    match delta:
                        case {"text": text}:
                            blocks[index]["text"] += text
                        case {"thinking": text}:
                            blocks[index]["thinking"] += text
                        case {"signature": text}:
                            blocks[index]["signature"] += text
                        case {"partial_json": text}:
                            arguments[index] = arguments.get(index, "") + text
        for index, text in arguments.items():
            blocks[index]["input"] = json.loads(text or "{}")
        assert events[-1]["type"] == "message_stop"
        return blocks


class ResponsesClient(Client):
    """Sends items back without their ids, like Codex (`codex-rs/protocol/src/models.rs`)."""

    face = "responses"

    def __init__(self, caller: Asgi, headers: dict[str, str] | None = None) -> None:
        super().__init__(caller, headers)
        self.input: list[Any] = []

    def ask(self) -> None:
        self.input.append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look."}]})

    def request(self, model: str, stream: bool) -> tuple[str, dict[str, Any]]:
        return "/v1/responses", {
            "model": model,
            "input": self.input,
            "tools": [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}],
            "reasoning": {"effort": "medium", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "store": False,
            "stream": stream,
        }

    def keep(self, answer: Answer, stream: bool) -> None:
        done = [event["item"] for event in answer.events if event["type"] == "response.output_item.done"]
        items = done if stream else answer.json["output"]
        self.thoughts.append(_thoughts_of(items))
        for item in items:
            kept = {key: value for key, value in item.items() if key not in ("id", "status", "phase")}
            if item["type"] == "message":
                kept["content"] = [{"type": "output_text", "text": each["text"]} for each in item["content"]]
            self.input.append(kept)
        self.pending = [(each["call_id"], each["name"]) for each in items if each["type"] == "function_call"]
        self.input += (
            {"type": "function_call_output", "call_id": call_id, "output": "seen"} for call_id, _ in self.pending
        )


def _thoughts_of(items: list[Any]) -> list[tuple[str, str]]:
    found = [item for item in items if item.get("type") == "reasoning"]
    return [("".join(piece["text"] for piece in item["summary"]), item["encrypted_content"]) for item in found]


class GeminiClient(Client):
    """Sends the parts of every chunk back as they came."""

    face = "gemini"

    def __init__(self, caller: Asgi, headers: dict[str, str] | None = None) -> None:
        super().__init__(caller, headers)
        self.contents: list[Any] = []

    def ask(self) -> None:
        self.contents.append({"role": "user", "parts": [{"text": "Look, please."}]})

    def request(self, model: str, stream: bool) -> tuple[str, dict[str, Any]]:
        operation = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model}:{operation}", {
            "contents": self.contents,
            "tools": [{"functionDeclarations": [{"name": "look", "parametersJsonSchema": SCHEMA}]}],
            "generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "high"}},
        }

    def keep(self, answer: Answer, stream: bool) -> None:
        chunks = answer.events if stream else [answer.json]
        contents = [each["content"] for chunk in chunks for each in chunk.get("candidates", ())]
        parts = [part for content in contents for part in content.get("parts", ())]
        self.thoughts.append([("", part["thoughtSignature"]) for part in parts if "thoughtSignature" in part])
        self.contents.append({"role": "model", "parts": self.kept(parts)})
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        self.pending = [(call.get("id", ""), call["name"]) for call in calls]
        if calls:
            self.contents.append({"role": "user", "parts": [{"functionResponse": self._result(c)} for c in calls]})

    def kept(self, parts: list[Any]) -> list[Any]:
        return parts

    def _result(self, call: Any) -> dict[str, Any]:
        named = {"id": call["id"]} if "id" in call else {}
        return {**named, "name": call["name"], "response": {"output": "seen"}}


class GeminiCommandLine(GeminiClient):
    """Leaves thoughts out of the history and joins texts, like Gemini's command line
    (`packages/core/src/core/geminiChat.ts`)."""

    def kept(self, parts: list[Any]) -> list[Any]:
        whole: list[Any] = []
        for part in parts:
            if part.get("thought") or part.get("text") == "":
                continue
            if whole and part.keys() == whole[-1].keys() == {"text"}:
                whole[-1] = {"text": whole[-1]["text"] + part["text"]}
            else:
                whole.append(part)
        return whole


class OpenAIClient(Messaging):
    """Sends content and calls back, without reasoning, like most clients of chat completions."""

    face = "openai"

    def request(self, model: str, stream: bool) -> tuple[str, dict[str, Any]]:
        return "/v1/chat/completions", {
            "model": model,
            "messages": self.messages,
            "tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}],
            "reasoning_effort": "medium",
            "stream": stream,
        }

    def keep(self, answer: Answer, stream: bool) -> None:
        message = self._message(answer.events) if stream else answer.json["choices"][0]["message"]
        kept: dict[str, Any] = {"role": "assistant", "content": message.get("content")}
        calls = message.get("tool_calls") or []
        if calls:
            kept["tool_calls"] = calls
        self.messages.append(kept)
        self.pending = [(call["id"], call["function"]["name"]) for call in calls]
        self.messages += ({"role": "tool", "tool_call_id": call_id, "content": "seen"} for call_id, _ in self.pending)

    def _message(self, events: list[Any]) -> dict[str, Any]:
        content = ""
        calls: dict[int, Any] = {}
        for event in events:
            for choice in event.get("choices", ()):
                content += choice["delta"].get("content") or ""
                for piece in choice["delta"].get("tool_calls") or ():
                    call = calls.setdefault(piece["index"], {"type": "function", "function": {"arguments": ""}})
                    call["id"] = piece.get("id") or call["id"]
                    function = piece.get("function", {})
                    call["function"].setdefault("name", function.get("name"))
                    call["function"]["arguments"] += function.get("arguments") or ""
        return {"content": content or None, "tool_calls": list(calls.values())}


CLIENTS: dict[str, type[Client]] = {
    "anthropic": AnthropicClient,
    "responses": ResponsesClient,
    "gemini": GeminiClient,
    "gemini-cli": GeminiCommandLine,
    "openai": OpenAIClient,
}


def thoughts_in(provider: str, body: Any) -> list[tuple[str, str]]:
    """Return the text and the signature of what was thought in a body, as a vendor receives it."""
    match provider:
        case "anthropic":
            blocks = [each for message in body["messages"] for each in message["content"] if isinstance(each, dict)]
            return [(each["thinking"], each["signature"]) for each in blocks if each["type"] == "thinking"]
        case "openai":
            return _thoughts_of(body["input"])
        case "google":
            parts = [part for content in body["contents"] for part in content["parts"]]
            return [("", part["thoughtSignature"]) for part in parts if "thoughtSignature" in part]
    return []
