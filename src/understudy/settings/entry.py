"""One configured entry: a provider, and how to reach it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.domain.prices import Price, rate_of
from understudy.domain.secret import NO_USER_IN_ADDRESS, Secret
from understudy.domain.suggestions import kind_of, shown
from understudy.settings.checking import Settings, complaints, header_complaint, name_complaint, raise_complaints
from understudy.settings.rules import PROVIDER, capability_complaint, extra_complaint
from understudy.settings.strategy import Whole
from understudy.wire.addresses import base_url_complaint, shown_address

if TYPE_CHECKING:
    from decimal import Decimal
from understudy.wire.http import HttpRequest
from understudy.wire.proxies import own_proxy

Signer = Callable[[HttpRequest], Awaitable[HttpRequest]]
"""Signs a request that is otherwise complete, key included: returns it with the signature."""

TokenSource = Callable[[], str | Secret | Awaitable[str | Secret]]
"""Returns a token that is valid now; it may cache tokens itself."""


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """One entry: a provider, how to reach it, and the values that apply unless a call sets others."""

    provider: str
    """A `ProviderType`, one of its aliases, or the name of a custom type."""
    name: str = ""
    """Unique among the entries; the provider's type if empty."""
    priority: int = 10
    """Lower values are tried first."""
    weight: float = 1.0
    """For the strategies `weighted` and `least_busy`: the share of requests relative to the other entries'. 0: only if
    no other target can answer."""
    api_key: str | Secret | Sequence[str | Secret] | None = None
    """A string becomes a `Secret`. If unset, the provider's own environment variable is read at the first call. A list
    is a pool of keys, over which the requests are spread; it becomes a tuple of `Secret`s."""
    token: str | Secret | TokenSource | None = None
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
    min_tokens_per_second: float | None = None
    """A stream that brings less over ten seconds of content counts as stalled; off if unset."""
    whole: Whole | None = None
    """How `generate` fetches answers from this provider; if unset, as in `FallbackConfig.whole`."""
    api_version: str | None = None
    """Anthropic's `anthropic-version`, its newest if unset; Azure's `api-version`, its v1 API if unset."""
    embedding_space: str | None = None
    """Embeddings fall back only among entries of the same space."""
    rate_limit_domain: str | None = None
    """Entries with the same word share one quota: a rate limit of one puts all of them in cooldown."""
    context_window: int | None = None
    """The text model's context window in tokens, if the provider does not report it, or reports a wrong one."""
    capabilities: Mapping[str, bool] = {}
    """What the text model supports, overriding what is known otherwise: `tools vision audio_input pdf_input
    structured_output`."""
    price: Price | None = None
    """What every model of this entry costs, in place of what is published."""
    prices: Mapping[str, Price] = {}
    """The same for individual models, by name."""
    fees: Mapping[str, Decimal | str | float] = {}
    """US dollars per call of hosted tools, by the names in `Usage.tools`, in place of what is published."""
    price_id: str | None = None
    """The provider whose published prices apply, such as `openai` for a proxy of OpenAI; if unset, the provider that
    the address belongs to."""
    headers: Mapping[str, str] = {}
    """Additional fixed headers; no secrets."""
    extra: Mapping[str, Any] = {}
    """Additional fields of the request body, sent unchanged."""

    def __post_init__(self) -> None:
        """Check every field by the rules of the configuration file, and keep keys out of what is printed.

        Raise `ConfigError` with everything that is wrong. What only the provider knows, such as the form of a custom
        provider's address, is checked by `create_provider`.
        """
        for name in ("api_key", "token", "proxy"):
            self._hide(name)
        for name in ("ca_file", "client_cert", "client_key"):
            if isinstance(value := getattr(self, name), os.PathLike):
                msgspec.structs.force_setattr(self, name, os.fspath(value))
        readers = {**_READERS, "base_url": _url if _needs_url(self.provider) else _address}
        if found := complaints(self, PROVIDER, readers):
            raise_complaints(self._title, found)

    def _hide(self, name: str) -> None:
        """Make a key, a token, and a proxy with a password a `Secret`."""
        value = getattr(self, name)
        if isinstance(value, str) and (name != "proxy" or "@" in value):
            msgspec.structs.force_setattr(self, name, Secret(value.strip()))
        elif isinstance(value, (list, tuple)) and name == "api_key":
            keys = tuple(Secret(each.strip()) if isinstance(each, str) else each for each in value)
            msgspec.structs.force_setattr(self, name, keys[0] if len(keys) == 1 else keys)

    @property
    def _title(self) -> str:
        name = next((each for each in (self.name, self.provider) if isinstance(each, str) and each), "ProviderConfig")
        return name if shown(name) != kind_of(name) else "ProviderConfig"  # a key may have come into the wrong place

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


def repeated_key(keys: Mapping[int, Secret]) -> str | None:
    """Return which key of a pool is in it twice, by their numbers; `None` if all differ."""
    numbers: dict[Secret, int] = {}
    for number, key in keys.items():
        if (first := numbers.setdefault(key, number)) != number:
            return f"contains the same key twice: numbers {first} and {number}"
    return None


def _empty(secret: Secret) -> str | None:
    return None if secret.reveal().strip() else "must not be empty"


def _key(value: object) -> str | None:
    if isinstance(value, Secret):
        return _empty(value)
    if not isinstance(value, tuple):
        return f"must be a string, a Secret or a list of them, not {kind_of(value)}"
    if not value:
        return "must contain at least one key"
    for number, each in enumerate(value, start=1):
        if not isinstance(each, Secret):
            return f"must contain strings or Secrets, not {kind_of(each)}"
        if complaint := _empty(each):
            return f"number {number} {complaint}"
    return repeated_key(dict(enumerate(value, start=1)))


def _token(value: object) -> str | None:
    if isinstance(value, Secret):
        return _empty(value)
    if callable(value) and not isinstance(value, type):
        return None
    return f"must be a string, a Secret or a function that returns one, not {kind_of(value)}"


def _sign(value: object) -> str | None:
    if callable(value) and not isinstance(value, type):
        return None
    return f"must be a function that returns the signed request, not {kind_of(value)}"


def _proxy(value: object) -> str | None:
    if not isinstance(value, (str, Secret)):
        return PROVIDER["proxy"].complaint(value)
    try:
        own_proxy(value)
    except ValueError as error:
        return str(error)  # it never repeats the URL
    return None


_NEEDS_URL = frozenset(
    ("openai", "anthropic", "google", "azure-openai", "groq", "together", "replicate", "huggingface", "cohere")
)
"""The providers whose address must be a URL. Ollama's may be a host alone; of others, `create_provider` knows."""


def _needs_url(provider: object) -> bool:
    return isinstance(provider, str) and provider in _NEEDS_URL


def _address(value: object) -> str | None:
    if complaint := PROVIDER["base_url"].complaint(value):
        return complaint
    if not str(value).strip():
        return "must not be empty"
    _, _, address = ("://" + str(value)).rpartition("://")
    return NO_USER_IN_ADDRESS if "@" in address.partition("/")[0] else None


def _url(value: object) -> str | None:
    if complaint := _address(value):
        return complaint
    found = base_url_complaint(str(value))
    return f'{found}{shown_address(str(value))}; write one such as "https://HOST/v1"' if found else None


def _price(value: object) -> str | None:
    if isinstance(value, Price):
        return None
    return f"must be a Price, such as Price.per_million(input=0.15), not {kind_of(value)}"


def _prices(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return f"must be a dict of Prices by model, not {kind_of(value)}"
    return next((f"of {shown(model)} {found}" for model, each in value.items() if (found := _price(each))), None)


def _fees(value: object) -> str | None:
    if not isinstance(value, Mapping) or not all(isinstance(tool, str) for tool in value):
        return f"must be a dict of dollars by tool, not {kind_of(value)}"
    try:
        for fee in value.values():
            rate_of(fee)
    except ValueError as error:
        return f"contains an invalid fee: {error}"
    return None


_READERS: Mapping[str, Callable[[Any], str | None]] = {
    "name": name_complaint,
    "api_key": _key,
    "token": _token,
    "sign": _sign,
    "proxy": _proxy,
    "headers": header_complaint,
    "capabilities": capability_complaint,
    "extra": extra_complaint,
    "price": _price,
    "prices": _prices,
    "fees": _fees,
}
"""What is wrong with a value, for fields that take more than their rule in the file states."""
