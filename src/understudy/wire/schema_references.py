"""Find references of a JSON Schema that leave its document.

A validator that follows them fetches what they name: a web address, or a file of this machine, whose content it may
repeat in its error. So a schema must be self-contained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urljoin

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DATA = frozenset({"const", "enum", "default", "examples"})
"""Keywords whose values are data: a `$ref` in them is a property like any other."""
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose values map names to schemas: their keys are not keywords."""
_DRAFTS = frozenset(
    {
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema",
        "http://json-schema.org/draft-06/schema",
        "http://json-schema.org/draft-04/schema",
        "http://json-schema.org/schema",
    }
)
"""What `$schema` may name: the published drafts, which no validator needs to fetch."""


_Path = tuple["_Path", str] | None
"""A step and the path before it, so that a deep document costs no more than a flat one."""


class _Part(NamedTuple):
    """An object of the document that may be a schema."""

    path: _Path
    base: str
    """The URI against which its references are resolved."""
    schema: Mapping[str, Any]


def outside_reference(schema: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the place of the first reference that leaves the document, and the reference; `None` if all stay inside.

    A reference stays inside if it is a fragment such as `#/$defs/City`, or if it resolves to an `$id` of the document.
    """
    parts = list(_parts(schema))
    identities = {part.base for part in parts if isinstance(part.schema.get("$id"), str)}
    for part in parts:
        draft = part.schema.get("$schema")
        if isinstance(draft, str) and draft.rstrip("#") not in _DRAFTS:
            return _written((part.path, "$schema")), draft
        for keyword in _REFERENCES:
            reference = part.schema.get(keyword)
            if not isinstance(reference, str) or reference.startswith("#"):
                continue
            if _resolved(part.base, reference) not in identities:
                return _written((part.path, keyword)), reference
    return None


def _parts(schema: Mapping[str, Any]) -> Iterator[_Part]:
    """Walk the document without recursion, so that no depth fails."""
    waiting: list[tuple[_Path, str, Any, bool]] = [(None, "", schema, True)]
    while waiting:
        path, base, value, is_schema = waiting.pop()
        if isinstance(value, list | tuple):
            waiting.extend(((path, str(index)), base, item, True) for index, item in enumerate(value))
        elif isinstance(value, Mapping):
            if is_schema:
                identity = value.get("$id")
                base = _resolved(base, identity) if isinstance(identity, str) else base
                yield _Part(path, base, value)
            waiting.extend(
                ((path, str(key)), base, item, not (is_schema and key in _NAMED))
                for key, item in value.items()
                if not (is_schema and key in _DATA)
            )


def _written(path: _Path) -> str:
    """Return a path as a JSON pointer into the document."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(step)
    return "/".join(("#", *reversed(steps)))


def _resolved(base: str, reference: str) -> str:
    """Resolve a reference against a base URI, without its fragment; return one that is not a valid URI as it is."""
    try:
        return urldefrag(urljoin(base, reference)).url
    except ValueError:
        return reference
