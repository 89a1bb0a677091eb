"""The effect of `-m`, `--fallback` and `--no-fallback` on a configuration."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from understudy.config import Config
from understudy.domain.errors import Misuse
from understudy.policy.selection import select, split_name, unknown_name
from understudy.settings import FallbackStrategy, ProviderConfig


class Choice(msgspec.Struct, frozen=True):
    """A configuration for one command, and the `model` option of its requests."""

    config: Config
    model: str | None = None


def choose(config: Config, model: str | None, understudies: list[str] | None, *, alone: bool = False) -> Choice:
    """Return the configuration with `model` first and the other entries after it.

    With `understudies` exactly those follow the first, in their order; with `alone` none does. `model` may also be a
    route of the configuration, which has its own targets. Raise `Misuse` if it is neither.
    """
    if any(route.name == model for route in config.routes):
        if understudies is not None or alone:
            raise Misuse(f"{model} is a route and has its own targets: omit --fallback and --no-fallback")
        return Choice(config, model)
    if understudies and alone:
        raise Misuse("--fallback and --no-fallback cannot be combined")
    first = entry_of(config, model) if model is not None else None
    if understudies is None and first is None:
        return Choice(alone_first(config) if alone else config)
    if understudies is None and first is not None and not alone:
        # The entry is replaced by the one with the requested model, and the manager tries it first.
        providers = tuple(first if entry.entry == first.entry else entry for entry in config.providers)
        name = first.entry if len(providers) > 1 else None
        return Choice(msgspec.structs.replace(config, providers=providers), name)
    names = split_names(understudies)
    if understudies and not names:
        raise Misuse("--fallback is empty: write --fallback ENTRY or --fallback ENTRY/MODEL")
    primary = first or min(config.providers, key=lambda entry: entry.priority)
    order = [primary, *(entry_of(config, name) for name in names)]
    return Choice(_exactly(config, order, implied=first is None))


def split_names(written: Iterable[str] | None) -> list[str]:
    """Return the names in lists with commas."""
    return [name for given in written or () for each in given.split(",") if (name := each.strip())]


def alone_first(config: Config) -> Config:
    """Return the configuration with fallback switched off: only the target that the strategy puts first is asked."""
    return msgspec.structs.replace(config, fallback=msgspec.structs.replace(config.fallback, enabled=False))


def entry_of(config: Config, wanted: str) -> ProviderConfig:
    """Return the entry named by `entry`, `entry/model` or its model, with that model. Raise `Misuse` if unknown."""
    entries = {entry.entry: entry for entry in config.providers}
    models = {name: (entry.text_model or "",) for name, entry in entries.items()}
    if wanted.endswith("/") and wanted[:-1] in entries:
        raise Misuse(f"{wanted!r} names no model: write {wanted}MODEL, or {wanted[:-1]} for the model of the entry")
    selection = select(wanted, models) if wanted else None
    if selection is not None and selection.entry is not None:
        entry = entries[selection.entry]
        return _with_model(entry, selection.model) if selection.model else entry
    for disabled in config.disabled:
        if disabled.name == split_name(wanted)[0]:
            raise Misuse(f"{disabled.name!r} cannot be used: {disabled.why}")
    if len(config.providers) == 1:
        return _with_model(config.providers[0], wanted)
    raise Misuse(unknown_name(wanted, models, [route.name for route in config.routes]))


def _with_model(entry: ProviderConfig, model: str) -> ProviderConfig:
    """Return the entry with another model, whose window and capabilities it does not configure."""
    if model == entry.text_model:
        return entry
    return msgspec.structs.replace(entry, text_model=model, context_window=None, capabilities={})


def _exactly(config: Config, order: list[ProviderConfig], *, implied: bool) -> Config:
    """Restrict the configuration to these entries, in this order; `implied`: --model does not name the first."""
    targets = [(entry.entry, entry.text_model) for entry in order]
    if twice := next((target for target in targets if targets.count(target) > 1), None):
        named = "/".join(filter(None, twice))
        if implied and twice == targets[0]:
            raise Misuse(f"{named} is already first: name another entry with --model, or omit it from --fallback")
        raise Misuse(f"{named} is named twice")
    fallback = config.fallback
    return msgspec.structs.replace(
        config,
        providers=tuple(_numbered(order)),
        fallback=msgspec.structs.replace(fallback, enabled=None, strategy=FallbackStrategy.PRIORITY, tasks={}),
        routes=(),
    )


def _numbered(order: list[ProviderConfig]) -> Iterable[ProviderConfig]:
    """Yield the entries with their priorities; an entry listed with several models gets a name for each."""
    seen: dict[str, int] = {}
    for place, entry in enumerate(order, start=1):
        count = seen[entry.entry] = seen.get(entry.entry, 0) + 1
        name = entry.entry if count == 1 else f"{entry.entry}#{count}"
        yield msgspec.structs.replace(entry, name=name, priority=place)
