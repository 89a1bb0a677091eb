"""A configuration as a dictionary: the same tables, keys, rules and messages as in TOML, without lines."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path, PurePath
from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.model import Config
from understudy.config.reading import load, read
from understudy.config.report import Source
from understudy.config.schema import KNOWN, LLM
from understudy.domain.errors import ConfigError, Misuse
from understudy.domain.secret import Secret
from understudy.domain.suggestions import kind_of, shown


class MappingSource(Source):
    """The dictionary in place of a text: places are paths of keys, and no value is ever shown."""

    def __init__(self) -> None:
        super().__init__(None, "", KNOWN)

    def where(self, path: KeyPath = ()) -> str:
        """Return the path, such as `llm.providers[0].api_key`."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        return "".join(steps).removeprefix(".") or "the configuration"


def read_given(given: str | Path | Mapping[str, Any] | None) -> Config:
    """Read what a caller passes as the configuration: a file's path, a dictionary, or nothing. Raise `ConfigError`."""
    if isinstance(given, Mapping):
        return read_mapping(given)
    if given is not None and not isinstance(given, (str, PathLike)):
        raise ConfigError(f"from_config: pass the path of a file, or a dictionary, not {kind_of(given)}")
    return load(given)


def read_mapping(values: Mapping[str, Any], *, environ: Mapping[str, str] | None = None) -> Config:
    """Read a configuration from a dictionary with an `llm` table, or from that table alone.

    Values may also be a `Secret`, an enum (`FallbackStrategy`), a path or a tuple; `${NAME}` stands for an environment
    variable, as in TOML. Raise `ConfigError` with everything that is wrong and its place.
    """
    if "llm" not in values:
        if not set(values) & set(LLM):
            raise ConfigError('from_config: the dictionary has no "llm" table: pass {"llm": {"providers": [...]}}')
        values = {"llm": values}
    document: dict[str, Any] = _plain(values, ())
    return read(document, MappingSource(), environ=os.environ if environ is None else environ)


def _plain(value: Any, path: KeyPath) -> Any:
    """Return a value in the types that TOML has. Raise `Misuse` for any other, naming its place."""
    match value:
        case Mapping():
            if wrong := next((key for key in value if not isinstance(key, str)), None):
                raise Misuse(f"from_config: {MappingSource().where(path)}: keys must be strings, got {shown(wrong)}")
            return {key: _plain(part, (*path, key)) for key, part in value.items() if part is not None}
        case Secret():
            return value.reveal()
        case enum.Enum():
            return value.value
        case PurePath():
            return str(value)
        case str() | bool() | int() | float():
            return value
        case Sequence() if not isinstance(value, bytes | bytearray):
            return [_plain(part, (*path, number)) for number, part in enumerate(value)]
    kind = type(value).__name__
    raise Misuse(f"from_config: {MappingSource().where(path)} is {kind}: pass what a configuration file could hold")
