"""Answers as OpenAI's text completions, whole and streamed. What is not text, such as thinking, has no place there."""

from __future__ import annotations

from typing import Any

from understudy.dialects.openai.render import render_error_body
from understudy.dialects.openai.render_stream import DONE, SSE_HEADERS
from understudy.dialects.server import Inbound, json_reply
from understudy.domain import events as e
from understudy.domain.chat_completion import finish_reason, usage_object
from understudy.domain.content import JsonObject, Refusal, Text
from understudy.domain.failures import Failure
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import Usage
from understudy.wire.http import Headers, HttpReply
from understudy.wire.json import encode
from understudy.wire.sse import frame


def render_text(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    """Render a whole answer, behind the prompt if that is to be repeated."""
    echo = str(inbound.options.get("echo") or "")
    text = "".join(part.text for part in response.message.parts if isinstance(part, Text | Refusal))
    chances, _ = _logprobs(response.extra.get("logprobs"), 0)
    choice = {
        "text": echo + text,
        "index": 0,
        "logprobs": chances,
        "finish_reason": finish_reason(response.finish_reason),
    }
    head = _head(response.id, response.created, response.model)
    return json_reply({**head, "choices": [choice], "usage": usage_object(response.usage)})


class TextRenderer:
    """Writes the chunks of a text completion: text, log probabilities, the finish reason, usage if it was asked for."""

    headers: Headers = SSE_HEADERS

    def __init__(self, inbound: Inbound) -> None:
        self._include_usage = bool(inbound.options.get("include_usage"))
        self._echo = str(inbound.options.get("echo") or "")
        self._head = _head(None, None, None)
        self._usage = Usage()
        self._offset = 0

    def feed(self, event: e.Event) -> bytes:
        """Render one event."""
        match event:
            case e.TextDelta(_, text) | e.RefusalDelta(_, text):
                return self._choice(text)
            case e.PartAdded(_, Text(text) | Refusal(text)):
                return self._choice(text)
            case e.Started(id=name, model=model, created=created):
                self._head = _head(name, created, model)
            case e.FactReported("logprobs", value):
                chances, self._offset = _logprobs(value, self._offset)
                return self._choice("", logprobs=chances) if chances else b""
            case e.UsageReported(usage):
                self._usage = self._usage.followed_by(usage)
            case e.Finished(reason):
                return self._choice("", reason=finish_reason(reason))
            case _:
                pass
        return b""

    def close(self) -> bytes:
        """Render the usage chunk, if it was requested and is known, and the end mark."""
        if self._include_usage and (usage := usage_object(self._usage)) is not None:
            return frame(encode({**self._head, "choices": [], "usage": usage})) + DONE
        return DONE

    def fail(self, failure: Failure) -> bytes:
        """Render an error, after which nothing follows."""
        return frame(encode(render_error_body(failure)))

    def _choice(self, text: str, *, logprobs: JsonObject | None = None, reason: str | None = None) -> bytes:
        text, self._echo = self._echo + text, ""
        choice = {"text": text, "index": 0, "logprobs": logprobs, "finish_reason": reason}
        usage = {"usage": None} if self._include_usage else {}
        return frame(encode({**self._head, "choices": [choice], **usage}))


def _head(name: str | None, created: float | None, model: str | None) -> JsonObject:
    return {
        "id": name or "cmpl-understudy",
        "object": "text_completion",
        "created": int(created or 0),
        "model": model or "",
    }


def _logprobs(noted: Any, offset: int) -> tuple[JsonObject | None, int]:
    """Return log probabilities in the lists of this form, and the offset behind their text; `None` if there are none.

    Offsets count the characters of the answer.
    """
    entries = noted.get("content") if isinstance(noted, dict) else None
    if not isinstance(entries, list) or not entries:
        return None, offset
    lists: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for entry in entries:
        token = str(entry.get("token", ""))
        others = {each.get("token", ""): each.get("logprob") for each in entry.get("top_logprobs") or ()}
        lists["tokens"].append(token)
        lists["token_logprobs"].append(entry.get("logprob"))
        lists["top_logprobs"].append(others)
        lists["text_offset"].append(offset)
        offset += len(token)
    return lists, offset
