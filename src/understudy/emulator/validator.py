"""Validation of JSON schemas, and of values against them (draft 2020-12, without `format`). Nothing is fetched."""

from __future__ import annotations

import jsonschema_rs

from understudy.domain.content import Json

_ROOT = "urn:understudy:root"
"""The URI under which a part of a schema finds the whole document that its local references point into."""


def schema_error(schema: Json) -> str | None:
    """Return what is wrong with a schema, such as `null is not of type "array" at required`, or `None`."""
    try:
        jsonschema_rs.Draft202012Validator(schema, offline=True)
    except jsonschema_rs.ValidationError as error:
        where = "/".join(map(str, error.instance_path)) or "the top"
        return f"{error.message} at {where}"
    except ValueError as error:
        return str(error)
    return None


def resolve(reference: str, root: Json) -> Json:
    """Return what a local reference such as `#/$defs/City` points at. Raises `LookupError`."""
    if not reference.startswith("#"):
        raise LookupError(f"{reference!r} is not a reference within the schema")
    target = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        target = target[int(name)] if isinstance(target, list) else target[name]
    return target


def is_valid(value: Json, schema: Json, root: Json = None) -> bool:
    """Check whether the value is valid under the schema. `root` is the document that references point into."""
    try:
        if root is None:
            return jsonschema_rs.Draft202012Validator(schema, offline=True).is_valid(value)
        documents = jsonschema_rs.Registry([(_ROOT, root)])
        part = _rooted(schema)
        return jsonschema_rs.Draft202012Validator(part, registry=documents, offline=True).is_valid(value)
    except (jsonschema_rs.ValidationError, ValueError):
        return False


def _rooted(schema: Json) -> Json:
    """Return a part of a schema whose local references point into the whole."""
    match schema:
        case {"$ref": str(reference), **beside} if reference.startswith("#"):
            return {"$ref": _ROOT + reference, **_rooted(beside)}
        case dict():
            return {key: _rooted(part) for key, part in schema.items()}
        case list():
            return [_rooted(part) for part in schema]
        case _:
            return schema
