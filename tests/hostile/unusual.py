"""Servers that are merely unusual: the routes that they have, the routes that they lack, and how they say so.

Small HTTP handlers that share nothing with the emulators. Each stands for a family of servers and answers as these do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
Answer = tuple[int, str, bytes]


@dataclass
class Server:
    """A family's habits: its answers by method and path, and its answer to every other request."""

    window: int
    """Tokens that its model holds; a letter of a prompt is one."""
    lacks: Answer
    """What it answers at a route that it does not have."""
    overflow: Callable[[int, int], Answer]
    models: Any = None
    """The body of its list; `None`: it has no list."""
    list_path: str = "/v1/models"
    look_up: Callable[[str], Answer] | None = None
    chat_path: str = "/v1/chat/completions"
    refuses: Callable[[dict[str, str]], Answer | None] = lambda headers: None
    knows: Callable[[str], Answer | None] = lambda model: None
    """What it answers to a chat with a model that it does not serve."""
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer a request."""
        path = path.partition("?")[0]
        self.asked.append(f"{method} {path}")
        if (refused := self.refuses(headers)) is not None:
            return refused
        if (method, path) == ("GET", self.list_path) and self.models is not None:
            return 200, JSON, json.dumps(self.models).encode()
        if method == "GET" and self.look_up is not None and path.startswith(f"{self.list_path}/"):
            return self.look_up(path.removeprefix(f"{self.list_path}/"))
        if (method, path) == ("POST", self.chat_path):
            return self._chat(json.loads(body))
        return self.lacks

    def _chat(self, request: dict[str, Any]) -> Answer:
        if (unknown := self.knows(request["model"])) is not None:
            return unknown
        size = sum(len(str(message["content"])) for message in request["messages"])
        if size > self.window:
            return self.overflow(size, self.window)
        if self.chat_path.endswith("/messages"):
            return 200, JSON, json.dumps(message_of(request["model"])).encode()
        return 200, JSON, json.dumps(completion_of(request["model"])).encode()


def completion_of(model: str) -> dict[str, Any]:
    """Return a chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}


def message_of(model: str) -> dict[str, Any]:
    """Return a message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "Hello!"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }


def error(status: int, message: str, **fields: Any) -> Answer:
    """Return an error in OpenAI's form."""
    return status, JSON, json.dumps({"error": {"message": message, **fields}}).encode()


def entry(name: str, **fields: Any) -> dict[str, Any]:
    """Return a model of a list."""
    return {"id": name, "object": "model", "created": 1, **fields}


def listed(*entries: dict[str, Any]) -> dict[str, Any]:
    """Return a list of models."""
    return {"object": "list", "data": list(entries)}


def llama_cpp() -> Server:
    """llama.cpp's llama-server: any name is served, windows stand in `meta`, a 404 is "File Not Found"."""

    def overflow(size: int, window: int) -> Answer:
        words = f"request ({size} tokens) exceeds the available context size ({window} tokens), try increasing it"
        return error(400, words, code=400, type="exceed_context_size_error", n_prompt_tokens=size, n_ctx=window)

    return Server(
        window=64,
        models=listed(entry("qwen3-8b-q4", owned_by="llamacpp", meta={"n_ctx_train": 40960, "n_ctx": 64})),
        lacks=error(404, "File Not Found", code=404, type="not_found_error"),
        overflow=overflow,
    )


def vllm(chat_path: str = "/v1/chat/completions") -> Server:
    """vLLM, whose routes are FastAPI's; it speaks OpenAI's form and, at `/v1/messages`, Anthropic's."""

    def overflow(size: int, window: int) -> Answer:
        words = (
            f"This model's maximum context length is {window} tokens. However, you requested {size} tokens "
            f"({size} in the messages, 0 in the completion). Please reduce the length of the messages or completion."
        )
        if chat_path.endswith("/messages"):
            body = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
            return 400, JSON, json.dumps(body).encode()
        return error(400, words, type="BadRequestError", param=None, code=400)

    def knows(model: str) -> Answer | None:
        if model == "meta-llama/Llama-3.1-8B-Instruct":
            return None
        return error(404, f"The model `{model}` does not exist.", type="NotFoundError", param=None, code=404)

    return Server(
        window=64,
        models=listed(entry("meta-llama/Llama-3.1-8B-Instruct", owned_by="vllm", max_model_len=64)),
        lacks=(404, JSON, b'{"detail":"Not Found"}'),
        overflow=overflow,
        knows=knows,
        chat_path=chat_path,
    )


def litellm() -> Server:
    """LiteLLM's proxy without a database: a wrong key is a 400, a wrong model too; it wraps the errors behind it."""

    def refuses(headers: dict[str, str]) -> Answer | None:
        if headers.get("authorization") == "Bearer sk-right":
            return None
        return error(400, "No connected db.", type="no_db_connection", param=None, code="400")

    def knows(model: str) -> Answer | None:
        if model == "small":
            return None
        words = (
            f"{{'error': '/chat/completions: Invalid model name passed in model={model}. "
            "Call `/v1/models` to view available models for your key.'}"
        )
        return error(400, words, type="None", param="None", code="400")

    def overflow(size: int, window: int) -> Answer:
        words = (
            "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: "
            f"OpenAIException - Your input exceeds the context window of this model ({size} > {window}). model=small. "
            "context_window_fallbacks=None."
        )
        return error(400, words, type="invalid_request_error", param=None, code="400")

    return Server(
        window=64,
        models=listed(entry("small", owned_by="openai", max_input_tokens=64)),
        look_up=lambda name: (
            (200, JSON, json.dumps(entry(name, owned_by="openai")).encode())
            if name == "small"
            else error(404, f"The model `{name}` does not exist", type="invalid_request_error", code="model_not_found")
        ),
        lacks=(404, JSON, b'{"detail":"Not Found"}'),
        overflow=overflow,
        refuses=refuses,
        knows=knows,
    )


def tgi() -> Server:
    """text-generation-inference: one model, served by any name and listed by its own; a missing route has no body."""

    def overflow(size: int, window: int) -> Answer:
        words = (
            f"Input validation error: `inputs` tokens + `max_new_tokens` must be <= {window}. Given: {size} `inputs` "
            "tokens and 20 `max_new_tokens`"
        )
        return 422, JSON, json.dumps({"error": words, "error_type": "validation"}).encode()

    return Server(
        window=64,
        models=listed(entry("HuggingFaceH4/zephyr-7b-beta", owned_by="HuggingFaceH4/zephyr-7b-beta")),
        lacks=(404, "", b""),
        overflow=overflow,
    )


def lm_studio() -> Server:
    """LM Studio: a route that it lacks is a 200 with an error, and a loaded model's window is less than it could be."""

    def overflow(size: int, window: int) -> Answer:
        words = (
            f"Trying to keep the first {size} tokens when context the overflows. However, the model is loaded with "
            f"context length of only {window} tokens, which is not enough. Try to load the model with a larger context "
            "length, or provide a shorter input"
        )
        return 400, JSON, json.dumps({"error": words}).encode()

    return Server(
        window=64,
        models=listed(entry("qwen3-4b", max_context_length=40960, loaded_context_length=64)),
        lacks=(200, JSON, b'{"error":"Unexpected endpoint or method. (GET /v1/x)"}'),
        overflow=overflow,
    )


def bare() -> Server:
    """A server with chats and nothing else, behind a web server that answers with pages."""
    return Server(
        window=64,
        lacks=(404, "text/html", b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>"),
        overflow=lambda size, window: error(400, f"prompt is too long: {size} tokens > {window} maximum"),
    )


def bare_405() -> Server:
    """As `bare`, where other methods are refused rather than other paths."""
    return Server(
        window=64,
        lacks=(405, JSON, b'{"detail":"Method Not Allowed"}'),
        overflow=lambda size, window: error(
            400, f"The input ({size} tokens) is longer than the model's context length ({window} tokens)."
        ),
    )


FAMILIES: dict[str, Callable[[], Server]] = {
    "llama.cpp": llama_cpp,
    "vllm": vllm,
    "litellm": litellm,
    "tgi": tgi,
    "lm-studio": lm_studio,
    "bare": bare,
    "bare, 405": bare_405,
}


@asynccontextmanager
async def served(server: Server) -> AsyncIterator[str]:
    """Serve on a port of the system's choice; yields scheme, host and port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) is not None:
                first, *lines = head.decode("latin-1").split("\r\n")
                method, path, _ = first.split(" ")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status, kind, data = server.answer(method, path, headers, body)
                content_type = f"content-type: {kind}\r\n" if kind else ""
                answer = f"HTTP/1.1 {status} Fine\r\n{content_type}content-length: {len(data)}\r\n\r\n"
                writer.write(answer.encode() + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        host, port = listener.sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        listener.close()
