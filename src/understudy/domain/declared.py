"""Checks that the fields of a struct hold what their annotations declare.

Structs that callers make check themselves when they are made, so that a mistake is reported where it was made, and by
the field's name. Those that are right, nearly all, are recognised by a few comparisons in their `__post_init__`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec

from understudy.domain.json_types import built_in
from understudy.domain.misuse import Misuse
from understudy.domain.rules import not_json
from understudy.domain.suggestions import kind_of, shown, suggestion


def check_fields(value: msgspec.Struct) -> None:
    """Raise `Misuse` for the first field whose value does not have its declared type; make strings plain ones."""
    cls = type(value)
    for name, declared, default, structs, is_text in _fields(cls):
        given = getattr(value, name)
        if given is default or (is_text and type(given) is str):
            continue
        if type(given) is not str and isinstance(given, str) and str in (declared, *get_args(declared)):
            msgspec.structs.force_setattr(value, name, built_in(given))  # decoders of JSON accept no other strings
            continue
        if structs and not all(isinstance(each, structs) for each in (given if type(given) is tuple else (given,))):
            what = " or ".join(each.__name__ for each in structs)
            raise Misuse(f"{cls.__name__}: {name} must be {what}, not {_wrong(given, structs)}")
        if name in _JSON and (found := not_json(given)):
            raise Misuse(f"{cls.__name__}: {name} contains {found}, which JSON cannot express")
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


_JSON = frozenset({"extra", "json", "raw"})
"""Fields that keep values of a wire. Their declared type says nothing about what is inside."""


@cache
def _fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, Any, Any, tuple[type, ...], bool], ...]:
    """Return the fields of a struct: name, declared type, default, which structs it may hold, and whether any string
    is right.

    msgspec would also accept what it could make such a struct of, which is not what then stands in the field.
    """
    hints = get_type_hints(cls)
    found = ((field.name, hints[field.name], field.default) for field in msgspec.structs.fields(cls))
    return tuple((*field, _structs(field[1]), _is_text(*field[:2])) for field in found)


def _is_text(name: str, declared: Any) -> bool:
    return name not in _JSON and str in (declared, *get_args(declared))


def _structs(declared: Any) -> tuple[type, ...]:
    """Return the structs in a declared type that is one, an optional one, or a tuple of them."""
    return tuple(each for each in (declared, *get_args(declared)) if isinstance(each, msgspec.StructMeta))


def _wrong(given: object, structs: tuple[type, ...]) -> str:
    """Return what a field holds in place of a struct."""
    if not isinstance(given, tuple):
        return kind_of(given)
    return f"a tuple that contains {next(kind_of(each) for each in given if not isinstance(each, structs))}"


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
