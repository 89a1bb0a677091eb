"""`${NAME}` and `${NAME:-default}` in values."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{")
_FOREIGN = re.compile(r"(?:\$|os\.environ/|env:|env\.)(?P<name>[A-Za-z_][A-Za-z0-9_]*)|%(?P<windows>[A-Za-z_]\w*)%")


class BadReference(ValueError):
    """A `${` that is no reference. The message says why and never repeats the value."""


class Expanded(msgspec.Struct, frozen=True):
    """A value with its references replaced; a missing variable without default leaves nothing."""

    text: str
    missing: tuple[str, ...] = ()


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """Replace the references in `text`; `$${` stands for a plain `${`, any other `$` for itself.

    As in a shell's `:-`, an empty variable counts as missing, so that the default applies to it too. Defaults are
    plain text, and what a variable holds is not expanded again. Raises `BadReference` for any other `${`.
    """
    if "${" not in text:
        return Expanded(text)
    missing: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match["name"], match["default"]
        if name is None:
            raise BadReference("a ${ must go on as ${NAME} or ${NAME:-default}")
        if default is not None and "${" in default:
            raise BadReference(f"the default of ${{{name}}} cannot hold another reference")
        if value := environ.get(name) or default:
            return value
        if default is None:
            missing.append(name)
        return ""

    return Expanded(_REFERENCE.sub(replace, text), tuple(dict.fromkeys(missing)))


def foreign_reference(text: str) -> str | None:
    """Return the variable that `text` names in the way of a shell or another tool, such as `$NAME`; else `None`."""
    match = _FOREIGN.fullmatch(text.strip())
    return (match["name"] or match["windows"]) if match else None
