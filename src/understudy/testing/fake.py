"""A provider that answers what a test has written down, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from inspect import isawaitable
from typing import Any, Literal

import msgspec

from understudy.domain.events import CONTENT_EVENTS, Event
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, TokenCount
from understudy.domain.usage import Usage
from understudy.emulator.faults import Fault
from understudy.emulator.tokens import count
from understudy.emulator.vectors import embed
from understudy.testing.answers import (
    Answer,
    EmbeddingAnswer,
    Reply,
    events_of,
    names_of,
    reply_of,
    response_of,
    shown,
)
from understudy.testing.faulty import fold_all, spoiled_vectors
from understudy.testing.provider import DirectProvider, Inner
from understudy.testing.spoiling import spoil, spoil_whole

DIMENSIONS = 64
"""Of vectors that are not scripted."""
_UNSET: Any = msgspec.UNSET

CallOutcome = Literal["open", "answered", "failed", "cancelled"]


class ScriptExhausted(AssertionError):
    """A fake provider was asked more often than its script has answers."""


class FakeCall(msgspec.Struct, kw_only=True):
    """A call that a fake provider received."""

    operation: Operation
    request: GenerationRequest | EmbeddingRequest
    streamed: bool = False
    at: float
    """When it came, by the clock of the event loop, in seconds."""
    outcome: CallOutcome = "open"
    """`cancelled`: the caller closed a stream early, or stopped to wait."""

    @property
    def text(self) -> str:
        """The text of the last message, or the texts to embed, one per line."""
        request = self.request
        return request.messages[-1].text if isinstance(request, GenerationRequest) else "\n".join(request.texts)


class FakeProvider(DirectProvider):
    """A provider that answers what a test has written down, call after call.

        fake = FakeProvider("Hello", FailureKind.RATE_LIMITED, tool_call("weather", city="Lisbon"))

    Every attempt takes the next answer (see `Answer`); once they are used up, `always` is the answer, and without it
    the call fails with `ScriptExhausted`. Calls to `embed` take theirs from `embeddings`; without any, texts become
    deterministic vectors, similar ones for similar texts.

    Alone, each call is one attempt. In a `ProviderManager`, the manager's retries and fallback apply.
    """

    def __init__(
        self,
        *answers: Answer,
        always: Answer = _UNSET,
        embeddings: Iterable[EmbeddingAnswer] | None = None,
        name: str = "fake",
        provider_type: str = "fake",
        priority: int = 10,
        models: Sequence[str] = (),
    ) -> None:
        """`models` are what `list_models` returns."""
        self._script = _Scripted(name, provider_type, priority, models)
        self._script.always = always
        self._script.answers.extend(answers)
        if embeddings is not None:
            self._script.embeddings = deque(embeddings)
        super().__init__(self._script)

    def add(self, *answers: Answer) -> None:
        """Add answers to the end of the script."""
        self._script.answers.extend(answers)

    @property
    def calls(self) -> list[FakeCall]:
        """Every call so far, oldest first."""
        return list(self._script.calls)

    @property
    def requests(self) -> list[GenerationRequest]:
        """The requests of `generate` and `stream` so far, oldest first."""
        return [call.request for call in self._script.calls if isinstance(call.request, GenerationRequest)]

    @property
    def remaining(self) -> int:
        """The number of scripted answers that no call has taken yet."""
        return len(self._script.answers) + len(self._script.embeddings or ())

    def assert_asked(self, words: str, *, times: int | None = None) -> None:
        """Raise `AssertionError` unless the last message of a call (of `times` calls) contains some words."""
        __tracebackhide__ = True
        found = sum(words in call.text for call in self._script.calls)
        if found == times or (times is None and found):
            return
        expected = "at least one call" if times is None else f"{times} calls"
        raise AssertionError(
            f"{self.name}: expected {expected} with {words!r}, found {found}; {_received(self._script.calls)}"
        )

    def assert_used_up(self) -> None:
        """Raise `AssertionError` if scripted answers are left, or a call found none."""
        __tracebackhide__ = True
        script = self._script
        if script.missing:
            raise AssertionError(script.missing[0])
        left = [*script.answers, *(script.embeddings or ())]
        if left:
            raise AssertionError(
                f"{self.name}: answers of the script that were not used:{names_of(left)}\n{_received(script.calls)}"
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self._script.calls)} calls, {self.remaining} answers left>"


def _received(calls: Sequence[FakeCall]) -> str:
    if not calls:
        return "it received no calls"
    return "it received:" + names_of([f"{call.operation}: {call.text}" for call in calls])


class _Scripted(Inner):
    """The provider behind the face."""

    def __init__(self, name: str, provider_type: str, priority: int, models: Sequence[str]) -> None:
        super().__init__(name, provider_type, priority, models)
        self.answers: deque[Answer] = deque()
        self.embeddings: deque[EmbeddingAnswer] | None = None
        self.always: Answer = _UNSET
        self.calls: list[FakeCall] = []
        self.missing: list[str] = []

    async def generate(self, prompt: Any, /, **options: Any) -> GenerationResponse:
        with self._received(prompt) as call:
            reply = await self._next(call)
            response = response_of(reply, prompt, self.name)
            if (fault := _fault_of(reply)) is None:
                return response
            folded = await fold_all(spoil(lambda: _paced(reply, response), fault, streamed=False))
            names = ("message", "finish_reason", "usage")
            return msgspec.structs.replace(response, **{name: getattr(folded, name) for name in names})

    async def stream(self, prompt: Any, /, **options: Any) -> AsyncIterator[Event]:
        with self._received(prompt, streamed=True) as call:
            reply = await self._next(call)
            response = response_of(reply, prompt, self.name)
            spoiled = spoil(lambda: _paced(reply, response), _fault_of(reply), streamed=True)
            async with aclosing(spoiled) as events:
                async for event in events:
                    yield event

    async def embed(self, texts: Any, /, **options: Any) -> EmbeddingResponse:
        request = EmbeddingRequest(texts=tuple(texts), **options)
        with self._received(request) as call:
            return await self._vectors(call, request)

    async def count_tokens(self, prompt: Any, /, **options: Any) -> TokenCount:
        return TokenCount(input_tokens=sum(count(each.text) for each in prompt.messages), provider=self.name)

    @contextmanager
    def _received(self, request: GenerationRequest | EmbeddingRequest, *, streamed: bool = False) -> Iterator[FakeCall]:
        """Note a call, and how it ends."""
        operation = Operation.CHAT if isinstance(request, GenerationRequest) else Operation.EMBED
        now = asyncio.get_running_loop().time()
        call = FakeCall(operation=operation, request=request, streamed=streamed, at=now)
        self.calls.append(call)
        try:
            yield call
        except BaseException as error:
            call.outcome = "failed" if isinstance(error, Exception) else "cancelled"
            raise
        call.outcome = "answered"

    async def _next(self, call: FakeCall) -> Reply | GenerationResponse:
        """Take the next answer. Raise the scripted error, or `ScriptExhausted`."""
        if not self.answers and self.always is _UNSET:
            raise self._exhausted(call)
        reply = reply_of(await _called(self.answers.popleft() if self.answers else self.always, call.request))
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Reply):
            await asyncio.sleep(reply.delay)
        return reply

    async def _vectors(self, call: FakeCall, request: EmbeddingRequest) -> EmbeddingResponse:
        found: Any = None
        if self.embeddings is not None:
            if not self.embeddings:
                raise self._exhausted(call)
            found = await _called(self.embeddings.popleft(), request)
        fault: Fault | None = None
        match found:
            case Exception():
                raise found
            case Fault():
                fault, found = found, None
            case FailureKind():
                fault, found = Fault.error(found), None
        await spoil_whole(fault)
        if not isinstance(found, EmbeddingResponse):
            if found is None:
                found = [embed(text, request.dimensions or DIMENSIONS) for text in request.texts]
            usage = Usage(input=sum(map(count, request.texts)))
            found = EmbeddingResponse(
                embeddings=tuple(map(tuple, found)), model=request.model or self.name, usage=usage
            )
        return spoiled_vectors(found, fault)

    def _exhausted(self, call: FakeCall) -> ScriptExhausted:
        number = sum(each.operation is call.operation for each in self.calls)
        hint = "add answers, or pass always=" if call.operation is Operation.CHAT else "add more embeddings"
        message = (
            f"{self.name}: no scripted answer is left for {call.operation} request {number} ({shown(call.text)}): the "
            f"script had {number - 1}; {hint}"
        )
        self.missing.append(message)
        return ScriptExhausted(message)


async def _paced(reply: Reply | GenerationResponse, response: GenerationResponse) -> AsyncIterator[Event]:
    pace = reply.pace if isinstance(reply, Reply) else 0.0
    begun = False
    for event in events_of(reply, response):
        if pace and isinstance(event, CONTENT_EVENTS):
            if begun:
                await asyncio.sleep(pace)
            begun = True
        yield event


def _fault_of(reply: Reply | GenerationResponse) -> Fault | None:
    return reply.fault if isinstance(reply, Reply) else None


async def _called(answer: Any, request: GenerationRequest | EmbeddingRequest) -> Any:
    """Return an answer; one that is a function of the request is called."""
    if callable(answer) and not isinstance(answer, type):
        answer = answer(request)
        return await answer if isawaitable(answer) else answer
    return answer
