"""Official clients as readers: what each takes an answer for. It is complete if its own client says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anthropic
import cohere
import httpx
import msgspec
import ollama
import openai
from google import genai

PROMPT = "Why is the sky blue?"
ASKED: Any = [{"role": "user", "content": PROMPT}]
AGENTS = {
    "claude-code": {"user-agent": "claude-cli/2.1.332 (external, sdk-cli)"},
    "opencode": {"user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.23"},
}
"""Agents that a closed connection tells best of a broken stream, by the client library that stands in for them here."""


class Seen(msgspec.Struct):
    """What a client has understood of an answer."""

    text: str = ""
    finish: str = ""
    """How the answer ended, in the words of its API; empty if its end did not come."""
    error: str = ""


Ask = Callable[[str, bool, Seen], Awaitable[None]]
"""Asks a model, streamed or not, and notes what is seen as it comes. Whatever the client raises is the error."""


class Callers:
    """One caller for each face, and for agents that are told of a broken stream in another way."""

    def __init__(self, home: str, stack: AsyncExitStack) -> None:
        self._home = home
        self._stack = stack
        self._http = httpx.AsyncClient(timeout=60)
        stack.push_async_callback(self._http.aclose)
        self.all: dict[str, Ask] = {
            "openai": self._chat(),
            "opencode": self._chat(AGENTS["opencode"]),
            "completions": self._completions,
            "responses": self._responses,
            "anthropic": self._messages(),
            "claude-code": self._messages(AGENTS["claude-code"]),
            "gemini": self._gemini(),
            "cohere": self._cohere(),
            "ollama": self._ollama(),
        }

    async def ask(self, caller: str, model: str, stream: bool) -> Seen:
        """Return what a caller sees of an answer."""
        seen = Seen()
        try:
            await self.all[caller](model, stream, seen)
        except Exception as error:  # noqa: BLE001 - whatever the client raises tells its user that it failed
            seen.error = f"{type(error).__name__}: {error}"[:300]
        return seen

    def _openai(self, headers: dict[str, str] | None = None) -> Any:
        base: Any = {"base_url": f"{self._home}/v1", "api_key": "any", "max_retries": 0, "http_client": self._http}
        return openai.AsyncOpenAI(**base, default_headers=headers)

    def _chat(self, headers: dict[str, str] | None = None) -> Ask:
        client = self._openai(headers)

        async def ask(model: str, stream: bool, seen: Seen) -> None:
            answer = await client.chat.completions.create(model=model, messages=ASKED, stream=stream)
            async for chunk in _pieces(answer, stream):
                for choice in chunk.choices:
                    seen.text += (choice.delta if stream else choice.message).content or ""
                    seen.finish = choice.finish_reason or seen.finish

        return ask

    async def _completions(self, model: str, stream: bool, seen: Seen) -> None:
        answer = await self._openai().completions.create(model=model, prompt=PROMPT, stream=stream)
        async for chunk in _pieces(answer, stream):
            for choice in chunk.choices:
                seen.text += choice.text
                seen.finish = choice.finish_reason or seen.finish

    async def _responses(self, model: str, stream: bool, seen: Seen) -> None:
        answer = await self._openai().responses.create(model=model, input=PROMPT, stream=stream)
        if not stream:
            seen.text, seen.finish = answer.output_text, answer.status
            return
        async for event in answer:
            match event.type:
                case "response.output_text.delta":
                    seen.text += event.delta
                case "response.completed" | "response.incomplete":
                    seen.finish = event.response.status
                case "error" | "response.failed":
                    seen.error = event.model_dump_json()

    def _messages(self, headers: dict[str, str] | None = None) -> Ask:
        base: Any = {"base_url": self._home, "api_key": "any", "max_retries": 0, "timeout": 60.0}
        client: Any = anthropic.AsyncAnthropic(**base, default_headers=headers)
        self._stack.push_async_callback(client.close)

        async def ask(model: str, stream: bool, seen: Seen) -> None:
            answer = await client.messages.create(model=model, max_tokens=900, messages=ASKED, stream=stream)
            if not stream:
                seen.text, seen.finish = "".join(each.text for each in answer.content), answer.stop_reason
                return
            reason = ""
            async for event in answer:
                match event.type:
                    case "content_block_delta":
                        seen.text += getattr(event.delta, "text", "")
                    case "message_delta":
                        reason = event.delta.stop_reason or reason
                    case "message_stop":
                        seen.finish = reason

        return ask

    def _gemini(self) -> Ask:
        options: Any = {"base_url": self._home, "httpx_async_client": self._http}
        models = genai.Client(api_key="any", http_options=options).aio.models

        async def ask(model: str, stream: bool, seen: Seen) -> None:
            asked: Any = {"model": model, "contents": PROMPT}
            method = models.generate_content_stream if stream else models.generate_content
            async for chunk in _pieces(await method(**asked), stream):
                for candidate in chunk.candidates or ():
                    parts = candidate.content.parts if candidate.content else None
                    seen.text += "".join(part.text or "" for part in parts or ())
                    seen.finish = candidate.finish_reason.value if candidate.finish_reason else seen.finish
                if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
                    seen.error = f"blocked: {chunk.prompt_feedback.block_reason}"

        return ask

    def _cohere(self) -> Ask:
        client: Any = cohere.AsyncClientV2("any", base_url=self._home, httpx_client=self._http)
        options: Any = {"max_retries": 0}

        async def ask(model: str, stream: bool, seen: Seen) -> None:
            asked = {"model": model, "messages": ASKED, "request_options": options}
            if not stream:
                answer = await client.chat(**asked)
                seen.text = "".join(each.text for each in answer.message.content or ())
                seen.finish = answer.finish_reason
                return
            async for event in client.chat_stream(**asked):
                match event.type:
                    case "content-delta":
                        seen.text += event.delta.message.content.text or ""
                    case "message-end" if event.delta.finish_reason in ("ERROR", "TIMEOUT"):
                        seen.error = str(event.delta)
                    case "message-end":
                        seen.finish = event.delta.finish_reason

        return ask

    def _ollama(self) -> Ask:
        client: Any = ollama.AsyncClient(self._home)
        self._stack.push_async_callback(client._client.aclose)

        async def ask(model: str, stream: bool, seen: Seen) -> None:
            async for chunk in _pieces(await client.chat(model=model, messages=ASKED, stream=stream), stream):
                seen.text += chunk.message.content or ""
                if chunk.done:
                    seen.finish = chunk.done_reason

        return ask


async def _pieces(answer: Any, stream: bool) -> AsyncIterator[Any]:
    """Yield the pieces of a stream, or the whole answer as one."""
    if not stream:
        yield answer
        return
    async for piece in answer:
        yield piece


FINISHED = frozenset({"stop", "completed", "end_turn", "STOP", "COMPLETE"})
"""How a complete answer ends, in the words of each API."""


@asynccontextmanager
async def calling(home: str) -> AsyncIterator[Callers]:
    """Open callers of a gateway."""
    async with AsyncExitStack() as stack:
        yield Callers(home, stack)
