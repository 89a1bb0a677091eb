"""Who is asked: what `-m`, `--fallback` and `--no-fallback` make of the configuration."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from understudy.config import Config
from understudy.domain.errors import Misuse
from understudy.policy.selection import select, split_name, unknown_name
from understudy.settings import FallbackStrategy, ProviderConfig


class Choice(msgspec.Struct, frozen=True):
    """A configuration fit to the call, and the `model` option of the call."""

    config: Config
    model: str | None = None


def choose(config: Config, model: str | None, understudies: list[str] | None, *, alone: bool = False) -> Choice:
    """Fit a configuration to a call.

    `model` goes first, the other entries stay behind it. With `understudies` the call has exactly these behind the
    first, in their order; with `alone` it has none. `model` may also be a route of the configuration, which has targets
    of its own. Raises `Misuse` for what is neither.
    """
    if any(route.name == model for route in config.routes):
        if understudies is not None or alone:
            raise Misuse(f"{model} is a route, and has its own targets: leave --fallback and --no-fallback away")
        return Choice(config, model)
    first = entry_of(config, model) if model else None
    if understudies is None and alone and first is None:
        return Choice(alone_first(config))
    if understudies is None and not alone:
        return Choice(config) if first is None else _ahead(config, first)
    if understudies and alone:
        raise Misuse("--fallback and --no-fallback exclude each other")
    names = [name for given in understudies or () for each in given.split(",") if (name := each.strip())]
    if understudies and not names:
        raise Misuse("--fallback names nobody: write --fallback ENTRY or --fallback ENTRY/MODEL")
    order = [first or _primary(config), *(entry_of(config, name) for name in names)]
    return Choice(_exactly(config, order, implied=first is None))


def alone_first(config: Config) -> Config:
    """Return the configuration with its fallback switched off: only whom the strategy puts first is asked."""
    return msgspec.structs.replace(config, fallback=msgspec.structs.replace(config.fallback, enabled=False))


def entry_of(config: Config, wanted: str) -> ProviderConfig:
    """Return the entry that `entry`, `entry/model` or an entry's model names, with that model. Raises `Misuse`."""
    entries = {entry.entry: entry for entry in config.providers}
    selection = select(wanted, {name: (entry.text_model or "",) for name, entry in entries.items()})
    if selection is not None and selection.entry is not None:
        entry = entries[selection.entry]
        return _with_model(entry, selection.model) if selection.model else entry
    for disabled in config.disabled:
        if disabled.name == split_name(wanted)[0]:
            raise Misuse(f"{disabled.name!r} cannot be used: {disabled.why}")
    if len(config.providers) == 1:
        return _with_model(config.providers[0], wanted)
    raise Misuse(unknown_name(wanted, entries, [route.name for route in config.routes]))


def _with_model(entry: ProviderConfig, model: str) -> ProviderConfig:
    """Give an entry another model, of which it does not say what it holds and can."""
    if model == entry.text_model:
        return entry
    return msgspec.structs.replace(entry, text_model=model, context_window=None, capabilities={})


def _primary(config: Config) -> ProviderConfig:
    return min(config.providers, key=lambda entry: entry.priority)


def _ahead(config: Config, first: ProviderConfig) -> Choice:
    """Replace the entry by the one with the model asked for, and have the manager try it first."""
    providers = tuple(first if entry.entry == first.entry else entry for entry in config.providers)
    model = first.entry if len(providers) > 1 else None
    return Choice(msgspec.structs.replace(config, providers=providers), model)


def _exactly(config: Config, order: list[ProviderConfig], *, implied: bool) -> Config:
    """Restrict the configuration to these entries, in this order; `implied`: the call does not name the first."""
    targets = [(entry.entry, entry.text_model) for entry in order]
    if twice := next((target for target in targets if targets.count(target) > 1), None):
        named = "/".join(filter(None, twice))
        if implied and twice == targets[0]:
            raise Misuse(f"{named} goes first already: name another with --model, or leave it away from --fallback")
        raise Misuse(f"{named} is named twice")
    fallback = config.fallback
    return msgspec.structs.replace(
        config,
        providers=tuple(_numbered(order)),
        fallback=msgspec.structs.replace(fallback, enabled=None, strategy=FallbackStrategy.PRIORITY, tasks={}),
        routes=(),
    )


def _numbered(order: list[ProviderConfig]) -> Iterable[ProviderConfig]:
    """Give each its place; an entry that stands in the order with several models gets a name for each."""
    seen: dict[str, int] = {}
    for place, entry in enumerate(order, start=1):
        count = seen[entry.entry] = seen.get(entry.entry, 0) + 1
        name = entry.entry if count == 1 else f"{entry.entry}#{count}"
        yield msgspec.structs.replace(entry, name=name, priority=place)
