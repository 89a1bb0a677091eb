"""What a provider or manager is made of: entries, providers, observers, a ledger, a transport."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

from understudy.domain.misuse import ConfigError
from understudy.domain.suggestions import kind_of
from understudy.settings import ProviderConfig, Route
from understudy.settings.checking import fields_of

_METHODS = ("generate", "stream", "embed")


def read_entry(config: Any) -> ProviderConfig:
    """Return an entry that is given as such, as a provider's type, or as a dict of its fields. Raise `ConfigError`."""
    match config:
        case ProviderConfig():
            return config
        case str():
            return ProviderConfig(provider=config)
        case Mapping():
            return ProviderConfig(**fields_of("ProviderConfig", config))
    raise ConfigError(
        f"an entry must be a ProviderConfig, or a provider's type such as 'openai', not {kind_of(config)}"
    )


@singledispatch
def read_provider(provider: Any) -> Any:
    """Return a provider that a manager may ask, else what is to be made one: an entry. Raise `ConfigError`.

    The blocking face registers how its providers are unwrapped.
    """
    if isinstance(provider, type):
        raise ConfigError(f"a provider must be an instance, not {kind_of(provider)}")
    if not any(callable(getattr(provider, name, None)) for name in _METHODS):
        what = "pass a provider, a ProviderConfig, or a provider's type such as 'openai'"
        raise ConfigError(f"{kind_of(provider)} is not a provider: {what}")
    if not isinstance(getattr(provider, "name", None), str):
        raise ConfigError(f"{kind_of(provider)} is not a provider: its name must be a string")
    return provider


@read_provider.register
def _(provider: ProviderConfig) -> ProviderConfig:
    return provider


@read_provider.register
def _(provider: str) -> ProviderConfig:
    return read_entry(provider)


@read_provider.register
def _(provider: Mapping) -> ProviderConfig:  # type: ignore[type-arg]  # singledispatch takes plain classes
    return read_entry(provider)


def read_list(name: str, values: Any) -> Sequence[Any]:
    """Return a list that is given as any iterable. Raise `ConfigError`, which names it, for anything else."""
    if isinstance(values, (str, bytes, Mapping, type)) or not hasattr(values, "__iter__"):
        raise ConfigError(f"{name} must be a list, not {kind_of(values)}")
    return tuple(values)


def read_routes(routes: Any) -> tuple[Route, ...]:
    """Return the routes of a manager. Raise `ConfigError` for anything else."""
    found = tuple(read_list("routes", routes))
    if wrong := next((kind_of(each) for each in found if not isinstance(each, Route)), None):
        raise ConfigError(f"routes must be a list of Routes, not {wrong}")
    return found


def check_recording(sink: Any, observers: Any) -> tuple[Any, ...]:
    """Return the observers as a tuple. Raise `ConfigError` if one of them or the ledger cannot be called."""
    if sink is not None:
        record = getattr(sink, "record", None)
        if isinstance(sink, type) or not callable(record):
            raise ConfigError(f"sink must have a method record(attempt), as MemoryLedger() has; got {kind_of(sink)}")
        if inspect.iscoroutinefunction(record):
            raise ConfigError("sink: its method record is asynchronous; write def, or use an observer, which may be")
    if callable(observers):
        observers = (observers,)
    found = tuple(read_list("observers", observers))
    for number, observer in enumerate(found):
        if not callable(observer) or isinstance(observer, type):
            raise ConfigError(f"observers[{number}] must be a function of an AttemptRecord, not {kind_of(observer)}")
    return found


def check_transport(transport: Any) -> None:
    """Raise `ConfigError` for a transport without its methods."""
    if transport is None:
        return
    missing = next((name for name in ("send", "aclose") if not callable(getattr(transport, name, None))), None)
    if missing is not None or isinstance(transport, type):
        raise ConfigError(f"transport must have the methods send and aclose; got {kind_of(transport)}")
