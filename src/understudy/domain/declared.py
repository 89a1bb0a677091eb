"""Checks that the fields of a struct hold what their annotations declare.

Structs that callers make check themselves when they are made, so that a mistake is reported where it was made, and by
the field's name. Those that are right, nearly all, are recognised by a few comparisons in their `__post_init__`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, get_type_hints

import msgspec

from understudy.domain.misuse import Misuse
from understudy.domain.suggestions import kind_of, shown, suggestion


def check_fields(value: msgspec.Struct) -> None:
    """Raise `Misuse` for the first field whose value does not have its declared type."""
    cls = type(value)
    for name, declared, default in _fields(cls):
        given = getattr(value, name)
        if given is default:
            continue
        try:
            # Also accepts what is already a struct of the declared type, and then does not look into it.
            msgspec.convert(given, declared)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:  # msgspec's own, and its mistakes
            hint = f"; use {cls.__name__}.from_bytes" if type(given) is bytes and hasattr(cls, "from_bytes") else ""
            message = f"{cls.__name__}: {name} {_complaint(given, declared, error)}{hint}"
        else:
            continue
        # Raised outside the handler: that error may repeat the value.
        raise Misuse(message)


@cache
def _fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, Any, Any], ...]:
    """Return the fields of a struct: name, declared type and default."""
    hints = get_type_hints(cls)
    return tuple((field.name, hints[field.name], field.default) for field in msgspec.structs.fields(cls))


def _complaint(given: object, declared: Any, error: Exception) -> str:
    choices = getattr(declared, "__args__", ()) if not isinstance(given, (dict, list, tuple)) else ()
    words = [word for choice in choices for word in getattr(choice, "__args__", (choice,)) if isinstance(word, str)]
    if words and isinstance(given, str):
        return f"is {shown(given)}: {suggestion(given, words)}"
    what = str(error)
    if not isinstance(error, msgspec.ValidationError) or "Invalid" in what:
        return f"cannot be {kind_of(given)}"
    what = what.replace("Expected", "must be", 1).replace("`", "").replace(" - at $", ", at ", 1)
    return what.replace("| null", "or unset")


def json_text(value: object, what: str) -> str:
    """Return the JSON of a value. Raise `Misuse`, which names `what`, for one that has none."""
    dump = getattr(value, "model_dump_json", None)  # pydantic's
    try:
        return str(dump()) if callable(dump) else msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        pass
    # Raised outside the handler: that error may repeat the value.
    raise Misuse(f"{what} must be a string, parts, or a value with a form in JSON, not {kind_of(value)}")
