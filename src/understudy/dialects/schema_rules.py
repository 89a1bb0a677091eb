"""Which JSON Schemas each wire accepts for constrained answers and strict tools, as data.

No wire takes all of JSON Schema, no two take the same part, and one keyword too many is a 400. `schemas.fit` rewrites a
schema by these rules; what a wire cannot express goes into the description, and the answer is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

_RANGES = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_ITEMS = frozenset({"minItems", "maxItems"})
_LENGTHS = frozenset({"minLength", "maxLength"})
_NAMED_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"},
)


class SchemaRules(msgspec.Struct, frozen=True, kw_only=True):
    """The part of JSON Schema that one wire accepts. The defaults accept as little as any of them does."""

    name: str
    """Unique: transformed schemas are cached by it."""
    source: str
    """Where the vendor states the rules."""
    keywords: frozenset[str] = frozenset()
    """Accepted assertions beside `type`, `enum`, `properties`, `required` and `items`."""
    annotations: frozenset[str] = frozenset({"title", "description"})
    """Accepted annotations."""
    formats: frozenset[str] | None = frozenset()
    """Accepted values of `format`; `None` for any."""
    patterns: Literal["none", "unanchored", "plain", "groups"] = "none"
    """Accepted `pattern`: without anchors and look-around; without look-around; also without back references and word
    boundaries."""
    min_items: frozenset[int] | None = None
    """Accepted values of `minItems`, if only some are; `None` for any."""
    consts: bool = True
    """`const` is accepted; otherwise it is an `enum` of one value."""
    enum_kinds: frozenset[str] = frozenset({"string", "integer", "number", "boolean", "null"})
    """The types of values that an `enum` may have."""
    objects: Literal["open", "closed", "silent"] = "closed"
    """What `additionalProperties` may be: anything; false, and that everywhere; false or missing."""
    required: Literal["any", "one", "all"] = "any"
    """How many properties of an object must be required: any number, at least one, or all of them."""
    unions: bool = True
    """`anyOf` is accepted."""
    type_lists: bool = True
    """`type` may be a list."""
    references: Literal["any", "alone", "none"] = "alone"
    """`$ref` may have siblings; it must stand alone; it is refused, so definitions are written where they are used."""
    recursion: Literal["any", "optional", "none"] = "any"
    """Definitions may refer to themselves: anywhere; only below properties that are not required; not at all."""
    tuples: bool = False
    """`prefixItems` is accepted."""
    untyped: Literal["empty", "listed", "refused"] = "refused"
    """How a schema that accepts anything is written: as `{}`, as a list of all types, or not at all."""
    max_depth: int | None = None
    """Levels of nested objects and arrays."""
    max_properties: int | None = None
    max_enum_values: int | None = None
    max_name_characters: int | None = None
    """Characters of all names of properties and definitions, and of all values of enumerations."""
    max_optional: int | None = None
    """Properties that are not required."""
    max_unions: int | None = None
    """Properties whose schema is a union."""


OPENAI = SchemaRules(
    name="openai",
    source="platform.openai.com/docs/guides/structured-outputs, supported schemas; openai-python 2.54, "
    "lib/_pydantic.py",
    keywords=_RANGES | _ITEMS,
    formats=_NAMED_FORMATS,
    patterns="plain",
    required="all",
    max_depth=10,
    max_properties=5000,
    max_enum_values=1000,
    max_name_characters=120_000,
)

OPENAI_TUNED = msgspec.structs.replace(
    OPENAI,
    name="openai-tuned",
    source="platform.openai.com/docs/guides/structured-outputs, additional limits of fine-tuned models",
    keywords=frozenset(),
    formats=frozenset(),
    patterns="none",
)

AZURE = msgspec.structs.replace(
    OPENAI_TUNED,
    name="azure",
    source="learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs, unsupported type-specific keywords",
    max_depth=5,
    max_properties=100,
)

GROQ = msgspec.structs.replace(
    OPENAI_TUNED,
    name="groq",
    source="console.groq.com/docs/structured-outputs, schema requirements",
)

ANTHROPIC = SchemaRules(
    name="anthropic",
    source="platform.claude.com/docs, structured outputs, JSON Schema limitations; anthropic-python 2.12, "
    "lib/_parse/_transform.py",
    keywords=frozenset({"minItems"}),
    annotations=frozenset({"title", "description", "default"}),
    formats=_NAMED_FORMATS | {"uri"},
    patterns="groups",
    min_items=frozenset({0, 1}),
    type_lists=False,
    recursion="none",
    max_optional=24,
    max_unions=16,
)

GEMINI = SchemaRules(
    name="gemini",
    source="ai.google.dev/api/generate-content, GenerationConfig.responseJsonSchema",
    # `maxItems` is on the list, but a few bounds of ordinary size use up a budget that is documented nowhere, and the
    # refusal names no field: github.com/vercel/ai/issues/21192, github.com/googleapis/python-genai/issues/2170.
    keywords=frozenset({"minimum", "maximum", "minItems"}),
    formats=None,
    consts=False,
    enum_kinds=frozenset({"string", "integer", "number"}),
    objects="open",
    recursion="optional",
    tuples=True,
    untyped="empty",
)

COHERE = SchemaRules(
    name="cohere",
    source="docs.cohere.com/docs/structured-outputs, schema constraints and unsupported schema features",
    formats=frozenset({"date-time", "uuid", "date", "time"}),
    patterns="unanchored",
    consts=False,
    # The page lists additionalProperties as unsupported, but false is accepted.
    objects="silent",
    required="one",
    unions=False,
    references="none",
    recursion="none",
)

OLLAMA = SchemaRules(
    name="ollama",
    source="llama.cpp, common/json-schema-to-grammar.cpp; patterns: github.com/ollama/ollama/issues/8185 and 18226",
    keywords=_ITEMS | _LENGTHS | _RANGES,
    annotations=frozenset({"title", "description", "default"}),
    formats=frozenset({"date-time", "date", "time", "uuid"}),
    enum_kinds=frozenset({"string", "integer", "number", "boolean", "null", "object", "array"}),
    objects="open",
    type_lists=False,
    tuples=True,
    untyped="listed",
)

SUBSETS: Mapping[str, SchemaRules] = {rules.name: rules for rules in (OPENAI, OPENAI_TUNED, AZURE, GROQ)}
"""The rules of strict mode in the openai and responses dialects, by the name that a provider's row states."""
