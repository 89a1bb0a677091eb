"""The scenes of the demonstration: each makes emulators fail in some way, sends a request, and checks its claims."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from understudy.client.factory import create_provider
from understudy.client.manager import ProviderManager
from understudy.client.provider import Provider
from understudy.domain.attempts import AttemptRecord
from understudy.domain.content import ToolResult
from understudy.domain.errors import GenerationFailed, LLMError, StreamInterrupted
from understudy.domain.events import TextDelta
from understudy.domain.failures import FailureKind
from understudy.domain.messages import Message, Tool
from understudy.domain.responses import GenerationResponse
from understudy.domain.secret import Secret
from understudy.emulator import Emulator, Fault
from understudy.settings import FallbackConfig, ProviderConfig

PARIS = "What is the capital of France?"
_K = FailureKind


class Claim(NamedTuple):
    """A claim of a scene, and whether it holds."""

    words: str
    true: bool


class SceneResult(NamedTuple):
    """The result of a scene."""

    attempts: tuple[AttemptRecord, ...]
    answer: str
    claims: tuple[Claim, ...]


class Demo:
    """The emulators of the demonstration, and all providers that were used, for the summary at the end."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.used: list[Provider] = []

    def manager(self, *names: str, max_retries: int = 3, keys: dict[str, str] | None = None) -> ProviderManager:
        """Return a manager of these providers, in this order, without state from earlier scenes."""
        providers: list[Provider] = []
        for priority, name in enumerate(names, start=1):
            key = (keys or {}).get(name, self.emulator.key)
            config = ProviderConfig(
                provider=name,
                priority=priority,
                base_url=self.emulator.url(name),
                api_key=Secret(key),
                proxy="none",  # the emulators are on this machine
            )
            providers.append(create_provider(config))
        self.used += providers
        return ProviderManager(providers, FallbackConfig(max_retries=max_retries, retry_delay_ms=100))


class Scene(NamedTuple):
    """A scene: its title and description, and how it is played."""

    title: str
    description: str
    play: Callable[[Demo], Awaitable[SceneResult]]


async def plain_answer(demo: Demo) -> SceneResult:
    """Ask while nothing fails."""
    async with demo.manager("openai", "anthropic") as llm:
        response = await llm.generate(PARIS)
    return _result(
        response,
        Claim("the answer is right", "Paris" in response.text),
        Claim("one attempt, one answer", [a.provider for a in response.attempts] == ["openai"]),
        Claim("tokens are counted", response.tokens_used is not None),
    )


async def primary_fails(demo: Demo) -> SceneResult:
    """The primary answers 500 to everything."""
    demo.emulator.script("openai", always=Fault.status(500))
    async with demo.manager("openai", "anthropic") as llm:
        response = await llm.generate(PARIS)
    kinds = _kinds(response.attempts)
    return _result(
        response,
        Claim("OpenAI was retried before it was given up", kinds.count(_K.SERVER_ERROR) >= 2),
        Claim("Anthropic answered in its place", response.provider == "anthropic" and "Paris" in response.text),
    )


async def rate_limited(demo: Demo) -> SceneResult:
    """The primary asks for a pause of one second."""
    demo.emulator.script("openai", [Fault.status(429, retry_after=1)])
    async with demo.manager("openai", "anthropic") as llm:
        response = await llm.generate("What is 17 * 3?")
    waited = response.attempts[-1].waited
    return _result(
        response,
        Claim("the provider asked for one second, and got it", 1.0 <= waited < 2.0),
        Claim("so OpenAI itself answered", response.provider == "openai" and "51" in response.text),
    )


async def third_answers(demo: Demo) -> SceneResult:
    """One provider does not listen, another refuses the key."""
    await demo.emulator.stop("openai")
    try:
        async with demo.manager("openai", "anthropic", "ollama", keys={"anthropic": "a-revoked-key"}) as llm:
            response = await llm.generate(PARIS)
    finally:
        await demo.emulator.start("openai")
    return _result(
        response,
        Claim("OpenAI's port refuses connections", _K.CONNECT in _kinds(response.attempts)),
        Claim(
            "Anthropic refused the key, which was not tried twice",
            _kinds(response.attempts).count(_K.AUTHENTICATION) == 1,
        ),
        Claim("the local Ollama answered", response.provider == "ollama" and "Paris" in response.text),
        Claim("which cost nothing", response.cost is not None and response.cost.amount.nano_usd == 0),
    )


async def cut_before_words(demo: Demo) -> SceneResult:
    """A stream is interrupted before its first word."""
    demo.emulator.script("openai", always=Fault.cut(after=0))
    async with demo.manager("openai", "anthropic", max_retries=1) as llm:
        stream = llm.stream(PARIS)
        shown = "".join([text async for text in stream.text()])
    response = stream.response
    return _result(
        response,
        Claim("the first stream was interrupted", response.attempts[0].failure is not None),
        Claim("the reader saw one complete answer, and nothing of the interrupted one", shown == response.text),
        Claim("Anthropic wrote it", response.provider == "anthropic" and "Paris" in shown),
    )


async def cut_after_words(demo: Demo) -> SceneResult:
    """A stream is interrupted in the middle of a sentence."""
    demo.emulator.script("openai", always=Fault.cut(after=3))
    shown, error = "", None
    async with demo.manager("openai", "anthropic") as llm:
        try:
            async for event in llm.stream(PARIS):
                shown += event.text if isinstance(event, TextDelta) else ""
        except LLMError as caught:
            error = caught
    attempts = error.attempts if error else ()
    partial = error.partial.text if error and error.partial else ""
    return SceneResult(
        attempts,
        f"{shown}…",
        (
            Claim("it is an error, not a short answer", isinstance(error, StreamInterrupted)),
            Claim("the error contains what was shown", bool(shown) and partial == shown),
            Claim("no other provider continued the answer", len(attempts) == 1),
        ),
    )


async def structured_output(demo: Demo) -> SceneResult:
    """An answer that must conform to a schema, and does not."""
    schema = {
        "title": "city",
        "type": "object",
        "properties": {"city": {"type": "string"}, "is_capital": {"type": "boolean"}},
        "required": ["city", "is_capital"],
        "additionalProperties": False,
    }
    demo.emulator.script("openai", always=Fault.bad_output())
    async with demo.manager("openai", "anthropic") as llm:
        response = await llm.generate("Is Paris a capital?", schema=schema)
    return _result(
        response,
        Claim("OpenAI's invalid JSON was detected", _K.SCHEMA_MISMATCH in _kinds(response.attempts)),
        Claim("the value conforms to the schema", response.parsed == {"city": "Paris", "is_capital": True}),
    )


async def tool_call(demo: Demo) -> SceneResult:
    """A tool is called by one provider and its result read by another."""
    tool = Tool(
        name="get_weather",
        description="The weather at a place",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    )
    conversation = [Message.user("What is the weather in Paris? Use get_weather.")]
    async with demo.manager("openai", "anthropic", max_retries=1) as llm:
        first = await llm.generate(conversation, tools=[tool])
        calls = first.tool_calls
        results = [ToolResult(call_id=call.id, name=call.name, content="18 degrees, sunny") for call in calls]
        demo.emulator.script("openai", always=Fault.status(503))
        second = await llm.generate([*conversation, first.message, Message.tool(*results)], tools=[tool])
    arguments = calls[0].parsed_arguments() if calls else None
    return SceneResult(
        (*first.attempts, *second.attempts),
        f"{calls[0].name}({calls[0].arguments}) → {second.text}" if calls else second.text,
        (
            Claim("OpenAI called the tool with valid arguments", arguments == {"city": "Paris"}),
            Claim("Anthropic read the result in its own wire format", second.provider == "anthropic"),
            Claim("and reported it", "18 degrees" in second.text),
        ),
    )


async def everything_down(demo: Demo) -> SceneResult:
    """No provider can answer."""
    demo.emulator.script("openai", always=Fault.error(_K.BILLING))
    demo.emulator.script("anthropic", always=Fault.error(_K.OVERLOADED))
    await demo.emulator.stop("ollama")
    error: LLMError | None = None
    try:
        async with demo.manager("openai", "anthropic", "ollama", max_retries=2) as llm:
            await llm.generate(PARIS)
    except LLMError as caught:
        error = caught
    finally:
        await demo.emulator.start("ollama")
    attempts = error.attempts if error else ()
    return SceneResult(
        attempts,
        f"{type(error).__name__}: {str(error).partition(':')[0]}" if error else "",
        (
            Claim("one error", isinstance(error, GenerationFailed)),
            Claim("it lists every attempt", {a.provider for a in attempts} == {"openai", "anthropic", "ollama"}),
            Claim("a provider without credit is not asked twice", _kinds(attempts).count(_K.BILLING) == 1),
        ),
    )


SCENES = (
    Scene("A plain answer", "OpenAI is asked and answers.", plain_answer),
    Scene("The primary fails", "OpenAI answers 500 to everything. Anthropic is the understudy.", primary_fails),
    Scene("A rate limit", "OpenAI answers 429 and asks for a second. A short wait is worth it.", rate_limited),
    Scene("Two fail", "OpenAI's port is closed, Anthropic's key is revoked. Ollama is third.", third_answers),
    Scene("A stream cut before its first word", "Nothing was shown, so another may take over.", cut_before_words),
    Scene(
        "A stream cut after its first words", "Words were shown, so none may replace them silently.", cut_after_words
    ),
    Scene("Structured output", "OpenAI's answer does not conform to the schema.", structured_output),
    Scene("A tool call across providers", "OpenAI calls a tool, then fails. Anthropic continues.", tool_call),
    Scene("Everything is down", "No credit, overloaded, and not running.", everything_down),
)


def _result(response: GenerationResponse, *claims: Claim) -> SceneResult:
    return SceneResult(response.attempts, response.text, claims)


def _kinds(attempts: Sequence[AttemptRecord]) -> list[FailureKind]:
    return [attempt.failure.kind for attempt in attempts if attempt.failure]
