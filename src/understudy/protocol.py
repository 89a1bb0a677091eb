"""What every provider is: one protocol, and the options of its calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    Protocol,
    Self,
    TypedDict,
    Unpack,
    overload,
    runtime_checkable,
)

from understudy.domain.events import Event
from understudy.domain.failures import OnMidstreamError
from understudy.domain.messages import Message, ToolChoice
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, OutputFormat, Reasoning
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, HealthStatus, ModelInfo, T, TokenCount
from understudy.domain.runs import Approve, ToolErrors
from understudy.domain.stats import ProviderStats

if TYPE_CHECKING:
    from decimal import Decimal


class _Options(TypedDict, total=False):
    model: str
    """A model name; at a manager also `entry` or `entry/model`, which is tried first."""
    system: str
    """Put before the messages as a system message."""
    tools: Sequence[Any]
    """Functions, `Tool`s, or mappings in OpenAI's form. Only `run_tools` executes functions.

    Any, because mypy infers `list[object]` for a list of functions and tools, and `list[function]` for functions.
    """
    tool_choice: ToolChoice | str | Mapping[str, Any]
    """`auto`, `none`, `required`, a tool's name, a `ToolChoice`, or a mapping in OpenAI's form."""
    parallel_tool_calls: bool
    output: OutputFormat
    """The output format in full, if `schema` is not enough."""
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    presence_penalty: float
    frequency_penalty: float
    seed: int
    stop: str | Sequence[str]
    logit_bias: Mapping[str, float]
    logprobs: bool
    top_logprobs: int
    reasoning: Reasoning | str
    """A `Reasoning`, or an effort such as `low` or `high`."""
    verbosity: str
    service_tier: str
    user: str
    cache_key: str
    metadata: Mapping[str, str]
    task: str
    labels: Mapping[str, str]
    """Whose request it is, such as a tenant, a key or tags: written into every `AttemptRecord`, never sent."""
    session: str
    """The conversation that the request belongs to: written into every `AttemptRecord`, never sent."""
    deadline: float
    """Seconds for the whole request."""
    max_cost: float | str | Decimal
    """US dollars that the request may cost at most, all its attempts together: the most that an attempt can cost is
    reserved before it is sent, and nothing is sent that does not fit. Strings and decimals are exact."""
    on_midstream_error: OnMidstreamError
    """Of `stream`: what becomes of it if it breaks after its first words; as in `FallbackConfig`."""
    hold_chars: int
    """With `hold`: characters of text that are held back; as in `FallbackConfig`."""
    extra: Mapping[str, Mapping[str, Any]]
    """Values for one provider or dialect: `{"anthropic": {...}}`."""


class RequestOptions(_Options, total=False):
    """The options of `generate` and `stream`. Options that are not given are not sent."""

    schema: Any
    """A JSON Schema, or a type: dataclass, TypedDict, msgspec Struct, pydantic model. See `response.parsed`."""


class TypedOptions(_Options, Generic[T], total=False):
    """`RequestOptions` whose `schema` is a type: `response.parsed` is a value of it."""

    schema: type[T]


class RunOptions(RequestOptions, total=False):
    """The options of `run_tools` and `stream_tools`: those of a request, which apply to every step, and these.

    `deadline` and `max_cost` limit the whole loop. A `tool_choice` that forces a call applies to the first step only.
    """

    max_steps: int
    """Answers of the model, at most; 10 if unset."""
    max_tool_calls: int
    """Executed tool calls, at most."""
    on_limit: Literal["raise", "answer"]
    """What happens at a limit: `raise` raises `RunLimitExceeded`; with `answer` the model must answer without further
    calls, in the last of its steps."""
    approve: Approve
    """Asked before a call is executed. Without it, calls of tools that need an approval are handed back."""
    tool_errors: ToolErrors
    """Whether the model gets the `message` of an exception that a tool raised, or only its `type`, or whether it is
    raised to the caller (`raise`)."""


class TypedRunOptions(RunOptions, Generic[T], total=False):
    """`RunOptions` whose `schema` is a type: `result.parsed` is a value of it."""

    schema: type[T]


class EmbedOptions(TypedDict, total=False):
    """The options of `embed`. What is not given is not sent."""

    model: str
    """A model name; at a manager also `entry` or `entry/model`."""
    dimensions: int
    """Length of each vector, if the model supports shorter ones."""
    input_type: str
    """The purpose of the vectors, if the model distinguishes it: `document`, `query`, `classification` or
    `clustering`."""
    user: str
    labels: Mapping[str, str]
    """Written into every `AttemptRecord`, never sent; as for `generate`."""
    session: str
    """Written into every `AttemptRecord`, never sent; as for `generate`."""
    deadline: float
    """Seconds for the whole request, over all batches."""
    max_cost: float | str | Decimal
    """US dollars that the request may cost at most, over all batches; as for `generate`."""
    concurrency: int
    """Batches in flight at once, if there are more texts than one request holds; 4 if unset."""
    extra: Mapping[str, Mapping[str, Any]]
    """Values for one provider or dialect: `{"cohere": {...}}`."""


Prompt = str | Sequence[Message | Mapping[str, Any]] | GenerationRequest
"""A string, a conversation (messages, or mappings in OpenAI's form), or a whole request."""

Texts = str | Sequence[str] | EmbeddingRequest
"""A string, a sequence of strings, or a whole request."""


@runtime_checkable
class LLMProvider(Protocol):
    """One provider, or many behind the same interface. Custom providers mix with the built-in ones."""

    @property
    def provider_type(self) -> str:
        """The type, such as `openai`."""
        ...

    @property
    def name(self) -> str:
        """The entry's name."""
        ...

    @property
    def priority(self) -> int:
        """Lower is tried first."""
        ...

    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> GenerationResponse[T]: ...
    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse: ...
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse:
        """Answer a prompt. Raise `Misuse`, `Refused` or `Unavailable`.

        `parsed` has the type that is given as `schema`. An implementation need not repeat the overloads.
        """
        ...

    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> AsyncIterator[Event]:
        """Answer a prompt piece by piece."""
        ...

    async def embed(self, texts: str | Sequence[str] | Any, /, **options: Unpack[EmbedOptions]) -> EmbeddingResponse:
        """Turn texts into vectors.

        Built-in providers and managers accept `Texts`. A manager hands a custom provider a list of strings, so an
        implementation need not accept an `EmbeddingRequest`; hence `Any` in its place.
        """
        ...

    async def list_models(self, *, limit: int | None = None) -> list[ModelInfo]:
        """Return the models that the provider offers, at most `limit`."""
        ...

    async def is_model_available(self, model: str) -> bool:
        """Check whether the provider offers a model. Raise `Unsupported` if only a billed call could establish it."""
        ...

    async def health_check(self) -> HealthStatus:
        """Check, without a billed call, whether the provider could answer."""
        ...

    async def count_tokens(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> TokenCount:
        """Count the tokens of a prompt. Raise `Unsupported` if the provider cannot."""
        ...

    def stats(self) -> ProviderStats:
        """Return the statistics so far."""
        ...

    async def aclose(self) -> None:
        """Close connections. The provider may be used again afterwards."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
