"""What is configured: providers, what happens when one fails, and routes."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from understudy.domain.errors import ConfigError
from understudy.domain.prices import Price
from understudy.domain.secret import NO_USER_IN_ADDRESS, Secret
from understudy.wire.http import HttpRequest

if TYPE_CHECKING:
    from understudy.policy.strategies import Strategy


Signer = Callable[[HttpRequest], Awaitable[HttpRequest]]
"""Signs a request that is otherwise complete, key included: returns it with the signature."""

TokenSource = Callable[[], str | Secret | Awaitable[str | Secret]]
"""Returns a token that is valid now; it may cache tokens itself."""


class FallbackStrategy(enum.StrEnum):
    """How targets are ordered: see docs/choosing.md. Any callable with `Strategy`'s signature is a strategy, too."""

    PRIORITY = "priority"
    """By `priority`, lower values first, then as written."""
    ROUND_ROBIN = "round_robin"
    """In turns, strictly even over concurrent callers."""
    COST_OPTIMIZED = "cost_optimized"
    """By the expected cost of this request, the lowest first."""
    TASK_BASED = "task_based"
    """By the task of the request: the one that the caller names, or that of the first matching rule."""


Whole = Literal["auto", "stream", "plain"]
"""How `generate` fetches its answers: see `FallbackConfig.whole`."""


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: a provider, how to reach it, and the values that apply unless a call sets others."""

    provider: str
    """A `ProviderType`, one of its aliases, or the name of a custom type."""
    name: str = ""
    """Unique among the entries; the provider's type if empty."""
    priority: int = 10
    """Lower values are tried first."""
    api_key: Secret | None = None
    """If unset, the provider's own environment variable is read at the first call."""
    token: Secret | TokenSource | None = None
    """Instead of a key: a token, if the provider accepts one (Microsoft Entra at Azure OpenAI), or a function, plain or
    asynchronous, that returns a key or token at every request. Functions are for Python only."""
    sign: Signer | None = None
    """Signs every request, key included. Then no key is needed, nor read from the environment. Python only."""
    base_url: str | None = None
    proxy: str | Secret | None = None
    """An HTTP proxy's URL, or `none`; if unset, the environment's. One with a password becomes a `Secret`."""
    ca_file: str | None = None
    """A PEM file with the certificate authorities to trust, instead of the system's."""
    client_cert: str | None = None
    """A PEM file with a client certificate, and with its key unless `client_key` is set."""
    client_key: str | None = None
    text_model: str | None = None
    embedding_model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    timeout: float = 600.0
    """Seconds for one attempt at this provider, connecting included."""
    connect_timeout: float = 5.0
    first_event_timeout: float | None = None
    """Seconds until the first content of a stream; the provider's default if unset."""
    idle_timeout: float = 60.0
    """Seconds between two pieces of content of a stream; comments and pings do not count."""
    whole: Whole | None = None
    """How `generate` fetches answers from this provider; if unset, as in `FallbackConfig.whole`."""
    api_version: str | None = None
    """Anthropic's `anthropic-version`, its newest if unset; Azure's `api-version`, its v1 API if unset."""
    embedding_space: str | None = None
    """Embeddings fall back only among entries of the same space."""
    context_window: int | None = None
    """The text model's context window in tokens, if the provider does not report it, or reports a wrong one."""
    capabilities: Mapping[str, bool] = {}
    """What the text model supports, overriding what is known otherwise: `tools vision audio_input pdf_input
    structured_output`."""
    price: Price | None = None
    """What every model of this entry costs, in place of what is published."""
    prices: Mapping[str, Price] = {}
    """The same for individual models, by name."""
    price_id: str | None = None
    """The provider whose published prices apply, such as `openai` for a proxy of OpenAI; if unset, the provider that
    the address belongs to."""
    headers: Mapping[str, str] = {}
    """Additional fixed headers; no secrets."""
    extra: Mapping[str, Any] = {}
    """Additional fields of the request body, sent unchanged."""

    def __post_init__(self) -> None:
        """Keep passwords out of what is printed. Raise `ConfigError` if `base_url` contains one."""
        if isinstance(self.proxy, str) and "@" in self.proxy:
            msgspec.structs.force_setattr(self, "proxy", Secret(self.proxy))
        _, _, address = ("://" + (self.base_url or "")).rpartition("://")
        if "@" in address.partition("/")[0]:
            raise ConfigError(f"{self.entry}: base_url {NO_USER_IN_ADDRESS}")

    def __repr__(self) -> str:
        return f"ProviderConfig({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show every field, but functions only as `…`: their `repr` may show their arguments."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, "…" if callable(value) else value) for name, value in values]

    @property
    def entry(self) -> str:
        """The entry's name."""
        return self.name or self.provider

    @property
    def embeds_alone(self) -> bool:
        """Whether the entry is only for embeddings: it names an embedding model and no text model."""
        return self.text_model is None and self.embedding_model is not None


class FallbackConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What happens if a target fails."""

    enabled: bool | None = None
    """If unset, on with more than one target. `False`: only the first target, with its retries."""
    max_retries: int = 3
    """Maximum attempts at one target, the first included; some kinds of failure get fewer."""
    retry_delay_ms: float = 1000
    """Milliseconds; the n-th wait is random between 0 and `retry_delay_ms` · 2ⁿ, at most 8 seconds."""
    strategy: FallbackStrategy | Strategy = FallbackStrategy.PRIORITY
    max_attempts: int | None = None
    """Maximum attempts of one request; if unset, the larger of 5 and the number of targets."""
    deadline: float = 600.0
    """Seconds for the whole request, over all attempts and waits."""
    max_wait: float = 20.0
    """The longest wait in seconds that a provider may ask for; if it asks for more, the next target is tried."""
    whole: Whole = "auto"
    """How `generate` fetches its answers. `stream`: streamed internally, so that a provider that is silent or stalls is
    noticed after its first-event or idle limit. `plain`: in one piece, which takes less CPU time. `auto`: streamed
    while another target is left to fall back to, and for long answers; otherwise in one piece."""
    strict: bool = False
    """Skip a target that cannot express the whole request, instead of warning."""
    fallback_on_filter: bool = False
    """Whether a request that a content filter refused may go to the next target."""
    tasks: Mapping[str, Sequence[str]] = {}
    """For `task_based`: the targets of each task, as `entry` or `entry/model`, in the order in which they are tried."""
    unknown_prices: Literal["last", "first"] = "last"
    """For `cost_optimized`: where targets with unknown prices are placed."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A named list of targets with its own strategy and limits. A call selects it with `model="NAME"`."""

    name: str
    targets: tuple[str, ...]
    """As `entry` or `entry/model`; their order here is their priority, the first highest."""
    fallback: FallbackConfig = FallbackConfig()
