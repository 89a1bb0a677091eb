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
"""Signs a request that is complete in all else, key included: returns it with what proves the caller's right."""

TokenSource = Callable[[], str | Secret | Awaitable[str | Secret]]
"""Returns a token that is valid now; where tokens live on, it keeps them itself."""


class FallbackStrategy(enum.StrEnum):
    """How targets are put in order; docs/choosing.md says more. Any callable of `Strategy`'s signature does it, too."""

    PRIORITY = "priority"
    """By their `priority`, lower first, then as written."""
    ROUND_ROBIN = "round_robin"
    """In turns, strictly even over concurrent callers."""
    COST_OPTIMIZED = "cost_optimized"
    """The one first at which this very request will probably cost least."""
    TASK_BASED = "task_based"
    """By what the request is for: the task that the caller names, or the first rule that fits."""


Whole = Literal["auto", "stream", "plain"]
"""How `generate` asks a provider: see `FallbackConfig.whole`."""


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: a provider, how to reach it, and the values that apply unless a call says otherwise."""

    provider: str
    """A `ProviderType`, one of its aliases, or the name of a type of one's own."""
    name: str = ""
    """Unique among the entries; the provider's type when empty."""
    priority: int = 10
    """Lower is tried first."""
    api_key: Secret | None = None
    """When unset, the provider's own environment variable is read at the first call."""
    token: Secret | TokenSource | None = None
    """Instead of a key: a token, where the provider takes one (Microsoft Entra at Azure OpenAI), or a function, plain
    or asynchronous, that is asked for a key or token at every request. Functions are for Python only."""
    sign: Signer | None = None
    """Signs every request, key included. With it no key is needed, nor read from the environment. Python only."""
    base_url: str | None = None
    proxy: str | Secret | None = None
    """An HTTP proxy's URL, or `none`; when unset the environment's. One with a password becomes a `Secret`."""
    ca_file: str | None = None
    """The authorities whose certificates are trusted, in a PEM file, instead of the system's."""
    client_cert: str | None = None
    """A client certificate in a PEM file, with its key unless `client_key` is set."""
    client_key: str | None = None
    text_model: str | None = None
    embedding_model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    timeout: float = 600.0
    """Seconds for one attempt at this provider, connection included."""
    connect_timeout: float = 5.0
    first_event_timeout: float | None = None
    """Seconds until the first content of a stream; the provider's own default when unset."""
    idle_timeout: float = 60.0
    """Seconds between two pieces of content of a stream; comments and pings do not count."""
    whole: Whole | None = None
    """How `generate` asks this provider; when unset, as `FallbackConfig.whole` says."""
    api_version: str | None = None
    """Anthropic's `anthropic-version`, its newest when unset; Azure's `api-version`, its v1 API when unset."""
    embedding_space: str | None = None
    """Embeddings fall back only among entries of the same space."""
    context_window: int | None = None
    """Tokens that the text model holds, where its provider does not tell or is wrong."""
    capabilities: Mapping[str, bool] = {}
    """What the text model can and cannot, over what is known otherwise: `tools vision audio_input pdf_input
    structured_output`."""
    price: Price | None = None
    """What every model of this entry costs, in place of what is published."""
    prices: Mapping[str, Price] = {}
    """The same for single models, by name."""
    price_id: str | None = None
    """Whose published prices apply, such as `openai` for a proxy of OpenAI; unset: those of the provider that the
    address belongs to."""
    headers: Mapping[str, str] = {}
    """Further fixed headers; no secrets."""
    extra: Mapping[str, Any] = {}
    """Further fields of the request body, sent as they are."""

    def __post_init__(self) -> None:
        """Keep passwords out of what is printed. Raise `ConfigError` for one in `base_url`, where none belongs."""
        if isinstance(self.proxy, str) and "@" in self.proxy:
            msgspec.structs.force_setattr(self, "proxy", Secret(self.proxy))
        _, _, address = ("://" + (self.base_url or "")).rpartition("://")
        if "@" in address.partition("/")[0]:
            raise ConfigError(f"{self.entry}: base_url {NO_USER_IN_ADDRESS}")

    def __repr__(self) -> str:
        return f"ProviderConfig({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show every field, but of a function only that it is set: its own form may show its arguments."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, "…" if callable(value) else value) for name, value in values]

    @property
    def entry(self) -> str:
        """The entry's name."""
        return self.name or self.provider

    @property
    def embeds_alone(self) -> bool:
        """Whether the entry is there for embeddings: it names an embedding model and no text model."""
        return self.text_model is None and self.embedding_model is not None


class FallbackConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What happens when a target fails."""

    enabled: bool | None = None
    """Unset: on when there is more than one target. `False`: the first target only, with its own retries."""
    max_retries: int = 3
    """Ceiling of tries on one target, the first included; the kind of failure may grant fewer."""
    retry_delay_ms: float = 1000
    """Milliseconds; the n-th back-off is drawn between 0 and `retry_delay_ms` · 2ⁿ, at most 8 seconds."""
    strategy: FallbackStrategy | Strategy = FallbackStrategy.PRIORITY
    max_attempts: int | None = None
    """Ceiling of attempts of one request; when unset the larger of 5 and the number of targets."""
    deadline: float = 600.0
    """Seconds for the whole request, over all attempts and waits."""
    max_wait: float = 20.0
    """Seconds that a provider's own hint may make a request wait; a longer one goes on to the next target."""
    whole: Whole = "auto"
    """How `generate` asks a provider. `stream`: the answer is streamed inside, so that a provider that is silent or
    stalls is noticed after its first-event or idle limit. `plain`: in one piece, which costs less CPU. `auto`: streamed
    while another target is left to fall back to, and for answers that take long; otherwise in one piece."""
    strict: bool = False
    """A target that cannot express everything that the caller asked for is skipped instead of warned about."""
    fallback_on_filter: bool = False
    """Whether a content filter's refusal may be taken to the next target."""
    tasks: Mapping[str, Sequence[str]] = {}
    """For `task_based`: the targets of each task, as `entry` or `entry/model`, in the order in which they are tried."""
    unknown_prices: Literal["last", "first"] = "last"
    """For `cost_optimized`: where targets stand whose price is unknown."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A named way to answer, with targets, a strategy and limits of its own. A call takes it by `model="NAME"`."""

    name: str
    targets: tuple[str, ...]
    """As `entry` or `entry/model`; their order here is their priority, the first highest."""
    fallback: FallbackConfig = FallbackConfig()
