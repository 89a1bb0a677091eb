"""OpenAI's completions (`/v1/completions`), which chat completions replaced: the prompt is one message of the user.

Refused is what a chat cannot do: several answers or prompts, a prompt of token ids, and text behind the answer
(`suffix`). Unlike at OpenAI, an answer without `max_tokens` does not end after 16 tokens.
Source: OpenAI API reference, "Completions".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from understudy.dialects.one_answer import OneAnswer
from understudy.dialects.openai.errors import bad_request
from understudy.dialects.openai.parse import parse_chat
from understudy.dialects.openai.render import render_error
from understudy.dialects.openai.server import deployment_of
from understudy.dialects.server import Inbound, ServerHalf, Writer, key_of, parser, receive_body
from understudy.domain.content import JsonObject
from understudy.domain.operation import Operation
from understudy.gateway.legacy.texts import TextRenderer, render_text
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson
from understudy.wire.members import RepeatedMember

OWN = "completions"
"""The wire format of the request, in which no provider is asked."""

_OF_THIS_FORM = frozenset({"prompt", "suffix", "echo", "n", "best_of", "logprobs"})
_ONE = "only 1 is supported: send a request for each answer"


class CompletionsServer(ServerHalf):
    """Reads text completions as chats, and writes chats as text completions."""

    name: ClassVar[str] = "openai"
    operations: ClassVar[Mapping[Operation, Writer]] = {Operation.CHAT: render_text}

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a route."""
        is_own = method.upper() == "POST" and path.partition("?")[0].rstrip("/").endswith("/completions")
        return Operation.CHAT if is_own else None

    def credential(self, request: HttpRequest) -> str | None:
        """Return the bearer token, or the key of the header that Azure's client uses."""
        return key_of(request) or key_of(request, "api-key")

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`."""
        try:
            sent = receive_body(request, OWN)
        except RepeatedMember as error:
            raise bad_request(error.name, str(error), "invalid_value") from error
        except BadJson as error:
            raise bad_request("body", f"the request is not a JSON object: {error}", None) from error
        body = sent.fields
        if (deployment := deployment_of(urlsplit(request.url).path)) is not None:
            body["model"] = deployment
        prompt = _prompt(body.get("prompt"))
        _check(body)
        stream, asked = body.get("stream"), body.get("stream_options")
        if not isinstance(stream, bool | None):
            raise bad_request("stream", "expected a boolean")
        options: dict[str, object] = {
            "echo": prompt if body.get("echo") else "",
            "include_usage": isinstance(asked, dict) and asked.get("include_usage") is True,
        }
        chat = parse_chat(_chat(body, prompt), sent.origin)
        return Inbound(operation=Operation.CHAT, request=chat, stream=bool(stream), options=options)

    def renderer(self, inbound: Inbound) -> OneAnswer:
        """Open the writer of a streamed answer."""
        return OneAnswer(lambda: TextRenderer(inbound))

    render_error = staticmethod(render_error)


def _prompt(given: Any) -> str:
    match given:
        case str(text) | [str(text)]:
            return text
        case None | []:
            raise bad_request("prompt", "a completion needs a prompt", "missing_required_parameter")
        case [str(), *rest] if all(isinstance(each, str) for each in rest):
            raise bad_request("prompt", "only one string is supported: send a request for each prompt", "unsupported")
        case [int() | list(), *_]:
            raise bad_request(
                "prompt", "token ids are not supported, because models differ in them: send a string", "unsupported"
            )
    raise bad_request("prompt", "expected a string")


def _check(body: JsonObject) -> None:
    """Raise `BadRequest` for what a chat cannot do."""
    for name in ("n", "best_of"):
        if body.get(name) not in (None, 1):
            raise bad_request(name, _ONE, "unsupported")
    if body.get("suffix"):
        raise bad_request(
            "suffix", "not supported: models answer a chat, which has no text behind the answer", "unsupported"
        )
    if not isinstance(body.get("echo"), bool | None):
        raise bad_request("echo", "expected a boolean")
    count = body.get("logprobs")
    if count is not None and (type(count) is not int or not 0 <= count <= 20):
        raise bad_request("logprobs", "expected an integer from 0 to 20")
    if count is not None and body.get("echo"):
        raise bad_request("logprobs", "not supported with echo: those of the prompt are unknown", "unsupported")


def _chat(body: JsonObject, prompt: str) -> JsonObject:
    chat = {name: value for name, value in body.items() if name not in _OF_THIS_FORM}
    chat["messages"] = [{"role": "user", "content": prompt}]
    if (count := body.get("logprobs")) is not None:
        chat["logprobs"] = True
        if count:
            chat["top_logprobs"] = count
    return chat


SERVER = CompletionsServer()
