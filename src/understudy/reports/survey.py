"""Surveys the entries of a configuration at no cost: their settings, where their keys come from, and their health."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from understudy.client.factory import create_provider
from understudy.client.provider import Provider
from understudy.config import Config
from understudy.domain.errors import LLMError
from understudy.domain.quotas import Quota
from understudy.domain.responses import HealthStatus
from understudy.domain.secret import Secret
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.providers.base import ProviderRow
from understudy.settings import FallbackConfig, ProviderConfig

IN_FILE = "configuration file"
"""The source of a key that is written in the file."""
_OF_STATUS = ("ok", "reachable", "serving", "authenticated", "model_available", "detail", "quotas", "refused_keys")


class EntryResult(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about an entry."""

    name: str
    provider: str
    model: str | None
    """The text model; `None` where each call names its own, and for an entry with an embedding model only."""
    embedding_model: str | None
    base_url: str
    key: str | None
    """Where the key comes from, never the key; `None` without a key."""
    ok: bool | None = None
    """`None` when the provider was not asked."""
    reachable: bool | None = None
    serving: bool | None = None
    authenticated: bool | None = None
    """Whether the key is accepted; of a pool, any of its keys."""
    refused_keys: tuple[int, ...] = ()
    """Of a pool of keys, the positions of those that are refused, from 1."""
    quotas: tuple[Quota, ...] = ()
    """What is left of the key's limits, if the provider reports it."""
    model_available: bool | None = None
    latency: float | None = None
    """Seconds of one call."""
    detail: str | None = None
    warnings: tuple[Warning, ...] = ()
    """Settings of the entry that its model refuses, and that are therefore not sent."""
    wrong: bool = False
    """Whether the entry itself is wrong, rather than its provider unreachable."""


class TypeResult(msgspec.Struct, frozen=True, kw_only=True):
    """A provider type defined in the configuration."""

    name: str
    title: str
    base_url: str
    dialects: dict[str, str]
    """The wire format of each operation."""
    key_variables: tuple[str, ...]

    @classmethod
    def of(cls, row: ProviderRow) -> TypeResult:
        """Return the type of a row."""
        return cls(
            name=row.type,
            title=row.title,
            base_url=row.base_url,
            dialects={operation.value: dialect for operation, dialect in row.dialects.items()},
            key_variables=row.key_variables,
        )


@asynccontextmanager
async def open_providers(config: Config, fallback: FallbackConfig | None = None) -> AsyncIterator[list[Provider]]:
    """Create the provider of every entry, and close their connections at the end."""
    providers = [create_provider(entry, row=config.row_of(entry), fallback=fallback) for entry in config.providers]
    try:
        yield providers
    finally:
        for provider in providers:
            await provider.aclose()


async def survey(config: Config, *, offline: bool) -> tuple[EntryResult, ...]:
    """Survey all entries at once; `offline`: without any requests."""
    if offline:
        return tuple(describe_entry(create_provider(entry, row=config.row_of(entry))) for entry in config.providers)
    async with open_providers(config) as providers:
        return tuple(await asyncio.gather(*map(_check_entry, providers)))


async def _check_entry(provider: Provider) -> EntryResult:
    result = describe_entry(provider)
    if result.wrong:
        return result
    try:
        status = await provider.health_check()
    except LLMError as error:
        status = HealthStatus(provider=provider.name, reachable=False, detail=error.message)
    return msgspec.structs.replace(
        result,
        **{name: getattr(status, name) for name in _OF_STATUS},
        latency=None if status.latency is None else round(status.latency, 6),
        wrong=status.authenticated is False or status.model_available is False or bool(status.refused_keys),
    )


def describe_entry(provider: Provider) -> EntryResult:
    """Return what is known about an entry without a request."""
    config = provider.config
    result = EntryResult(
        name=provider.name,
        provider=provider.provider_type,
        model=None if config.embeds_alone else provider.text_model,
        embedding_model=config.embedding_model,
        base_url=provider.backend.endpoint(None).base_url,
        key=key_source(config, provider.row),
    )
    try:
        return msgspec.structs.replace(result, warnings=tuple(provider.configuration_warnings()))
    except LLMError as error:
        detail = error.message.removeprefix(f"{provider.name}: ")
        return msgspec.structs.replace(result, ok=False, wrong=True, detail=detail)


def key_source(config: ProviderConfig, row: ProviderRow) -> str | None:
    """Return the environment variable that holds the key or token, preferring the provider's own ones; else that it is
    written in the file. Of a pool of keys, return the source of each."""
    given = config.api_key or config.token
    keys = given if isinstance(given, tuple) else (given,)
    return ", ".join(_source_of(key, row) for key in keys if isinstance(key, Secret)) or None


def _source_of(key: Secret, row: ProviderRow) -> str:
    for name in (*row.key_variables, *row.token_variables, *os.environ):
        value = os.environ.get(name, "").strip()
        if value and Secret(value) == key:
            return f"${name}"
    return IN_FILE


def health_word(entry: EntryResult) -> str:
    """Return the health of an entry in a word or two."""
    match entry:
        case EntryResult(wrong=True, authenticated=None, model_available=None):
            return "wrong"
        case EntryResult(ok=True, refused_keys=(_, *_) as refused):
            return "key refused" if len(refused) == 1 else f"{len(refused)} keys refused"
        case EntryResult(ok=True):
            return "ok"
        case EntryResult(ok=None):
            return "?"
        case EntryResult(authenticated=False):
            return "key refused"
        case EntryResult(reachable=False):
            return "unreachable"
        case EntryResult(model_available=False):
            return "model missing"
        case _:
            return "failing"


def target_name(name: str, provider: str, model: str | None) -> str:
    """Return `entry/model`, with the provider's type where the entry has another name."""
    target = f"{name}/{model}" if model else name
    return target if name == provider else f"{target} ({provider})"


def milliseconds(latency: float | None) -> str:
    """Return a time for a table."""
    return "" if latency is None else f"{latency * 1000:.0f} ms"
