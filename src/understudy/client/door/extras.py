"""Values for one provider or dialect: whether there is one of that name, and whether JSON can express them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from understudy import dialects
from understudy.domain.misuse import Misuse
from understudy.domain.rules import not_json
from understudy.domain.suggestions import kind_of, shown, suggestion
from understudy.providers import ProviderType, types

NAMES = frozenset({*dialects.names(), *types()})
"""The names that `extra` may have everywhere; those of custom types are added by who knows them."""


def read_extra(value: Any) -> dict[str, dict[str, Any]]:
    """Return the values by the name of their provider or dialect. Raise `Misuse` for any other form."""
    if not isinstance(value, Mapping):
        raise Misuse(f"extra must be a dict of dicts, such as {_EXAMPLE}, not {kind_of(value)}")
    for name, values in value.items():
        if not isinstance(name, str):
            raise Misuse(f"extra: the name of a provider or dialect must be a string, not {kind_of(name)}")
        if not isinstance(values, Mapping):
            raise Misuse(f"extra[{shown(name)}] must be a dict of values, as in {_EXAMPLE}, not {kind_of(values)}")
        if found := not_json(values):
            raise Misuse(f"extra[{shown(name)}] contains {found}, which JSON cannot express")
    return {name: dict(values) for name, values in value.items()}


def check_extra_names(names: Iterable[str], further: Iterable[str]) -> None:
    """Raise `Misuse` for a name that is neither a provider's nor a dialect's. `further` are those of custom types."""
    for name in names:
        if name in NAMES or name in further:
            continue
        try:
            hint = f"did you mean {ProviderType(name).value!r}?"
        except ValueError:
            hint = suggestion(name, sorted({*NAMES, *further}))
        raise Misuse(f"extra: {shown(name)} is not a provider or dialect; {hint}")


_EXAMPLE = "{'openai': {'store': True}}"
