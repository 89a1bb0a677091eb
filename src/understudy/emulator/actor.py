"""An emulated provider without its socket: a request in, an answer out. Pure, except for its prompt cache."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from understudy import dialects
from understudy.dialects.errors import kind_of_status
from understudy.dialects.server import BadRequest, Inbound, Renderer, ServerHalf
from understudy.domain import events as e
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, TokenCount
from understudy.domain.usage import Usage
from understudy.emulator import compaction, delivery, examiners
from understudy.emulator.answers import Answers, ScriptedStep
from understudy.emulator.cast.base import CHAT, CheckedRequest, EmulatedModel, EmulatedProvider, make_failure
from understudy.emulator.examiners import Complaint
from understudy.emulator.faults import Fault, FaultKind
from understudy.emulator.memory import PromptCache
from understudy.emulator.persona import Performance
from understudy.emulator.predictions import Prediction, Predictions
from understudy.emulator.prompt import prompt_tokens
from understudy.emulator.staging import EmulatedAnswer, Frame, StreamedAnswer, is_sse
from understudy.emulator.tokens import count
from understudy.emulator.validator import schema_error
from understudy.emulator.vectors import embed
from understudy.providers import row
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply, HttpRequest
from understudy.wire.json import BadJson, decode_object, encode
from understudy.wire.ndjson import encode_line

MAX_DIMENSIONS = 4096


class EmulatedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose address and key have been read."""

    request: HttpRequest
    path: str
    """The path in the request line; the URL of `request` is relative to the provider's base URL."""
    half: ServerHalf
    operation: Operation | None = None
    authenticated: bool = True
    """Whether the key was accepted."""


class Actor:
    """Plays one provider."""

    def __init__(
        self,
        provider: EmulatedProvider,
        keys: Iterable[str] | None,
        models: Iterable[str] = (),
        *,
        lenient: bool = False,
    ) -> None:
        """`keys`: the accepted ones, or `None` to accept any that is not empty; `models`: ids of additional models.

        `lenient`: accept requests that break a rule of form of the vendor's (`understudy.emulator.examiners`).
        """
        self.provider = provider
        self._lenient = lenient
        self.mount = provider.mount or urlsplit(row(provider.type).base_url).path.rstrip("/")
        """The path of the provider's base URL."""
        self._keys = None if keys is None else frozenset(keys)
        self._halves = {name: dialects.load_server(name) for name in provider.personas}
        extra = [EmulatedModel(id=name, capabilities=CHAT | {"thinking", "embed"}) for name in models]
        self._models = (*provider.models, *extra)
        self._cache = PromptCache()
        self._predictions = Predictions() if provider.predicts else None
        self.answers: tuple[Answers, ...] = ()
        """Scripts of answers; the first that applies to a request answers it."""

    def call(self, request: HttpRequest) -> EmulatedCall:
        """Read the address and the key of a request whose URL is the path and query of the request line."""
        address = urlsplit(request.url)
        path = address.path.removeprefix(self.mount)
        relative = msgspec.structs.replace(request, url=path + (f"?{address.query}" if address.query else ""))
        halves = list(self._halves.values())
        found = [(half, operation) for half in halves if (operation := half.operation(request.method, path))]
        # Official clients add the rest of the path to the base URL; without the base the path is unknown.
        mounted = address.path.startswith((f"{self.mount}/", *self.provider.beside_mount))
        half, operation = found[0] if found and mounted else (halves[0], None)
        if self._predictions is not None and self._predictions.concerns(request.method, path):
            operation = Operation.CHAT
        key = half.credential(relative)
        known = bool(key) if self._keys is None else key in self._keys
        return EmulatedCall(request=relative, path=address.path, half=half, operation=operation, authenticated=known)

    def step(self, call: EmulatedCall) -> ScriptedStep | None:
        """Return the step of a script of answers that a request asks for; `None` if no script applies to it."""
        if call.operation is not Operation.CHAT or not self.answers:
            return None
        try:
            request = call.half.parse(call.request).request
        except (BadRequest, BadJson):
            return None
        return self._step(self._opened(call.half, request)) if isinstance(request, GenerationRequest) else None

    def _step(self, request: GenerationRequest) -> ScriptedStep | None:
        steps = (ScriptedStep(script, step) for script in self.answers if (step := script.step(request)) is not None)
        return next(steps, None)

    def _opened(self, half: ServerHalf, request: GenerationRequest) -> GenerationRequest:
        return compaction.opened(request, self.provider.personas[half.name].title)

    def answer(self, call: EmulatedCall, number: int, fault: Fault | None = None) -> EmulatedAnswer:
        """Answer a request. `number` counts requests; ids and times are derived from it."""
        kind = fault.kind if fault else None
        if fault and kind in (FaultKind.STATUS, FaultKind.ERROR):
            return self._reply(self._failure_of(fault), call.half)
        if page := self.provider.pages.get(call.path) if call.request.method == "GET" else None:
            return HttpReply(200, (("content-type", page[0]),), page[1])
        is_open = call.operation is Operation.MODELS and row(self.provider.type).catalogue_is_open
        if not (call.authenticated or self.provider.keyless or is_open):
            return self._reply(self.provider.failure(FailureKind.AUTHENTICATION), call.half)
        answer = self._respond(call, number, fault)
        if fault and kind is FaultKind.ERROR_EVENT and isinstance(answer, HttpReply):
            error = call.half.render_error(self._failure_of(fault))
            return HttpReply(200, error.headers, error.body)
        return answer

    def _respond(self, call: EmulatedCall, number: int, fault: Fault | None) -> EmulatedAnswer:
        if call.operation is None:
            words = f"Unknown request URL: {call.request.method} {call.path}. Please check the URL for typos."
            missing = self.provider.failure(FailureKind.NOT_FOUND)
            return self._reply(msgspec.structs.replace(missing, message=words, code=None), call.half)
        if self._predictions is not None and self._predictions.concerns(call.request.method, call.path):
            known = self._predictions.follow(call.path)
            if isinstance(known, Prediction):
                return self._stream(call.half, known.inbound, known.events, fault)
            return known
        try:
            body = decode_object(call.request.body) if call.request.body else {}
            if complaint := self._check(call, call.operation, body):
                return self._reply(complaint, call.half)
            inbound = call.half.parse(call.request)
            if complaint := self._check_values(inbound.request) or self._unknown_model(inbound):
                return self._reply(complaint, call.half)
        except BadRequest as error:
            return self._reply(error.failure, call.half)
        except BadJson as error:
            words = f"The body of the request is not valid JSON: {error}"
            invalid = self.provider.failure(FailureKind.INVALID_REQUEST)
            return self._reply(msgspec.structs.replace(invalid, message=words), call.half)
        return self._perform(call.half, inbound, number, fault)

    def _check(self, call: EmulatedCall, operation: Operation, body: dict[str, Any]) -> Failure | None:
        """Return the provider's complaint about a request: from its own checks first, then about an unknown model."""
        request = self._checked(call, operation, body)
        words = next((words for check in self.provider.checks if (words := check(request))), None)
        if words is None and not self._lenient and self.provider.examined:
            complaint = examiners.find(self.provider.type, request.dialect).examine(request)
            words = complaint.words if complaint else None
        if words is not None:
            return make_failure(FailureKind.INVALID_REQUEST, words, str(request.model_name))
        if request.model_name is not None and request.model is None:
            return self.provider.failure(FailureKind.NOT_FOUND, request.model_name)
        return None

    def _checked(self, call: EmulatedCall, operation: Operation, body: dict[str, Any]) -> CheckedRequest:
        name = self._requested_model(call, body)
        return CheckedRequest(
            operation=operation,
            dialect=call.half.name,
            headers={key.lower(): value for key, value in call.request.headers},
            body=body,
            model=self._model(name) if isinstance(name, str) else None,
            model_name=name if isinstance(name, str) else None,
            path=call.path,
            query=dict(parse_qsl(urlsplit(call.request.url).query)),
        )

    def examine(self, request: HttpRequest) -> Complaint | None:
        """Return the first rule of the vendor's that a request breaks, whether the emulator enforces it or not.

        The URL of the request is the path and query of the request line, as for `call`. Models need not be known here.
        """
        checked = self.checked(request)
        return examiners.find(self.provider.type, checked.dialect).examine(checked) if checked else None

    def checked(self, request: HttpRequest) -> CheckedRequest | None:
        """Return a request as the rules see it; `None` if no operation has its address."""
        call = self.call(request)
        body = decode_object(request.body) if request.body else {}
        return None if call.operation is None else self._checked(call, call.operation, body)

    def _check_values(self, request: object) -> Failure | None:
        """Return what is wrong with values that no dialect checks: JSON schemas, and the length of vectors."""
        wrong: str | None = None
        match request:
            case GenerationRequest(tools=tools, output=output):
                schemas = [(tool.name, tool.parameters) for tool in tools if isinstance(tool, Tool)]
                schemas.append(("the response format", output.json_schema if output else None))
                faults = [(name, found) for name, schema in schemas if schema and (found := schema_error(schema))]
                wrong = f"Invalid schema for {faults[0][0]}: {faults[0][1]}" if faults else None
            case EmbeddingRequest(dimensions=int(dimensions)) if not 0 < dimensions <= MAX_DIMENSIONS:
                wrong = f"dimensions must be between 1 and {MAX_DIMENSIONS}"
        invalid = self.provider.failure(FailureKind.INVALID_REQUEST)
        return msgspec.structs.replace(invalid, message=wrong) if wrong else None

    def _requested_model(self, call: EmulatedCall, body: dict[str, Any]) -> Any:
        pattern = self.provider.path_model
        if pattern is None:
            return body.get("model")
        found = re.search(pattern, call.path) if call.operation is not Operation.MODELS else None
        return unquote(found.group(1)) if found else None

    def _unknown_model(self, inbound: Inbound) -> Failure | None:
        """Return a failure for an unknown model in the address, on wires where the body does not name it."""
        name = inbound.request.model
        if isinstance(inbound.request, ModelsRequest) or name is None or self._model(name) is not None:
            return None
        return self.provider.failure(FailureKind.NOT_FOUND, name)

    def _model(self, name: str) -> EmulatedModel | None:
        bare = self.provider.bare_name(name)
        return next((model for model in self._models if model.matches(bare)), None)

    def _perform(self, half: ServerHalf, inbound: Inbound, number: int, fault: Fault | None) -> EmulatedAnswer:
        match inbound.request:
            case GenerationRequest() as request if inbound.operation is Operation.COUNT_TOKENS:
                tokens = TokenCount(input_tokens=prompt_tokens(request), model=request.model)
                return self._dressed(half.render(tokens, inbound), Usage(input=tokens.input_tokens))
            case GenerationRequest():
                request = self._opened(half, inbound.request)
                step = self._step(request)
                scripted = step.script.answer(step.number) if step else None
                events = _spoil(delivery.answer(request, self._performance(half, request, number), scripted), fault)
                return self._chat(half, inbound, events, fault)
            case EmbeddingRequest() as request:
                vectors = self._embed(request, fault)
                return self._dressed(half.render(vectors, inbound), vectors.usage)
            case ModelsRequest():
                infos = [model.info(self.provider.type) for model in self._models]
                if self.provider.render_models_list is not None and inbound.request.model is None:
                    return HttpReply(200, JSON_HEADERS, self.provider.render_models_list(infos))
                return half.render(infos, inbound)

    def _performance(self, half: ServerHalf, request: GenerationRequest, number: int) -> Performance:
        model = self.provider.bare_name(request.model or self._models[0].id)
        cached = self._cache.look_up(request, model)
        return Performance(persona=self.provider.personas[half.name], model=model, number=number, cached=cached)

    def _chat(self, half: ServerHalf, inbound: Inbound, events: list[e.Event], fault: Fault | None) -> EmulatedAnswer:
        if self._predictions is not None:
            return self._predictions.make(inbound, events)
        if inbound.stream:
            return self._stream(half, inbound, events, fault)
        response = fold(events, dialect=half.name)
        return self._dressed(half.render(response, inbound), response.usage)

    def _dressed(self, reply: HttpReply, usage: Usage) -> HttpReply:
        """Add what the provider writes beyond its dialect to an answer that is an object."""
        if self.provider.dress is None or reply.status != 200 or not reply.body.startswith(b"{"):
            return reply
        return msgspec.structs.replace(reply, body=encode(self.provider.dress(decode_object(reply.body), usage)))

    def _stream(self, half: ServerHalf, inbound: Inbound, events: list[e.Event], fault: Fault | None) -> StreamedAnswer:
        usage = fold(events).usage
        renderer = half.renderer(inbound)
        frames: list[Frame] = []
        if self.provider.ahead is not None and half.name == "openai":
            frames.append(Frame(b"data: %b\n\n" % encode(self.provider.ahead)))
        for event in events:
            frames += _frames(renderer.feed(event), renderer.headers, content=isinstance(event, _CONTENT))
        frames += _frames(renderer.close(), renderer.headers, content=False)
        error = self._render_interruption(half.renderer(inbound), events, fault) if fault else b""
        dressed = (self._dress_frame(frame, usage) for frame in frames)
        return StreamedAnswer(renderer.headers, tuple(frame for frame in dressed if frame.data), error)

    def _dress_frame(self, frame: Frame, usage: Usage) -> Frame:
        """Add what the provider writes beyond its dialect to the object in a frame."""
        start = frame.data.find(b"{")
        if self.provider.dress is None or start < 0:
            return frame
        data = frame.data[start:].rstrip(b"\n")
        before, after = frame.data[:start], frame.data[start + len(data) :]
        dressed = self.provider.dress(decode_object(data), usage)
        line = encode_line(dressed).removesuffix(b"\n")
        return Frame(before + line + after if dressed else b"", frame.content)

    def _render_interruption(self, renderer: Renderer, events: list[e.Event], fault: Fault) -> bytes:
        """Return the error that a renderer writes after the part of the answer that precedes the fault."""
        if fault.kind is not FaultKind.ERROR_EVENT:
            return b""
        left = 1 if fault.after is None else fault.after
        for event in events:
            left -= isinstance(event, _CONTENT)
            if left < 0:
                break
            renderer.feed(event)
        return renderer.fail(self._failure_of(fault))

    def _embed(self, request: EmbeddingRequest, fault: Fault | None) -> EmbeddingResponse:
        model = self._model(request.model or "")
        dimensions = request.dimensions or (model.dimensions if model else 256)
        silent = not self.provider.reports_embedding_usage or (
            fault is not None and fault.kind is FaultKind.MISSING_USAGE
        )
        texts = request.texts or _of_tokens(request)
        return EmbeddingResponse(
            embeddings=tuple(embed(text, dimensions) for text in texts),
            model=request.model,
            usage=Usage() if silent else Usage(input=sum(map(count, texts))),
        )

    def _failure_of(self, fault: Fault) -> Failure:
        if fault.kind is FaultKind.STATUS:
            failure = self.provider.failure_of_status(fault.code, kind_of_status(fault.code))
        else:
            failure = self.provider.failure(fault.failure)
        return msgspec.structs.replace(
            failure,
            message=fault.message or failure.message,
            code=fault.error_code or failure.code,
            type=fault.error_type or failure.type,
            retry_after=fault.retry_after,
        )

    def _reply(self, failure: Failure, half: ServerHalf) -> HttpReply:
        reply = half.render_error(failure)
        if failure.retry_after is None:
            return reply
        # Providers round up to whole seconds; tests want to wait for less.
        others = [
            (name, value) for name, value in reply.headers if name.lower() not in ("retry-after", "retry-after-ms")
        ]
        return msgspec.structs.replace(reply, headers=(*others, ("retry-after", f"{failure.retry_after:g}")))


_CONTENT = (e.TextDelta, e.RefusalDelta, e.ThinkingDelta, e.ToolCallStarted, e.ToolCallDelta, e.PartAdded)


def _frames(data: bytes, headers: Headers, *, content: bool) -> list[Frame]:
    """Split what a renderer wrote into frames. Of a content event only the last is content: the others open parts."""
    end = b"\n\n" if is_sse(headers) else b"\n"
    pieces = [piece + end for piece in data.split(end) if piece]
    return [Frame(piece, content and at == len(pieces)) for at, piece in enumerate(pieces, 1)]


def _spoil(events: list[e.Event], fault: Fault | None) -> list[e.Event]:
    """Return the events with what the fault removes or breaks."""
    match fault.kind if fault else None:
        case FaultKind.EMPTY:
            return [event for event in events if not isinstance(event, (*_CONTENT, e.ThinkingSigned))]
        case FaultKind.REFUSAL:
            kept = [event for event in events if isinstance(event, e.Started | e.UsageReported)]
            return [*kept, e.Finished(FinishReason.CONTENT_FILTER)]
        case FaultKind.MISSING_USAGE:
            return [event for event in events if not isinstance(event, e.UsageReported)]
        case FaultKind.BAD_OUTPUT:
            return [_break_json(event) for event in events]
        case _:
            return events


def _break_json(event: e.Event) -> e.Event:
    match event:
        case e.TextDelta(index, text):
            return e.TextDelta(index, text.replace("}", ",").replace("]", ","))
        case e.ToolCallDelta(index, arguments):
            return e.ToolCallDelta(index, arguments.replace("}", ",").replace("]", ","))
        case _:
            return event


def _of_tokens(request: EmbeddingRequest) -> tuple[str, ...]:
    """Return words for each list of tokens, which OpenAI's API accepts in place of texts."""
    given = (request.extra or {}).get("openai", {}).get("input") or []
    rows = given if given and isinstance(given[0], list) else [given] if given else []
    return tuple(" ".join(map(str, row)) for row in rows)
