"""Rewrites a JSON Schema by the rules of one wire.

The result accepts at least what the wire can be told of the original: unions of one form become those of another,
definitions are written out where a wire wants that, and what it cannot express goes into the description. What has no
form at all is a `Flaw`. An answer is checked against the original all the same.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from understudy.dialects.schema_forms import (
    about,
    accepts_null,
    annotations_of,
    is_plain,
    joined,
    or_null,
    pointed,
    text,
    word,
)
from understudy.dialects.schema_parts import (
    ANNOTATIONS,
    KIND_OF,
    KINDS,
    NOISE,
    Unmergeable,
    cyclic_references,
    dereferenced,
    is_of_kind,
    kind_of_value,
    kinds_of,
    merge,
    references,
    resolve,
    takes_null,
)
from understudy.dialects.schema_rules import SchemaRules
from understudy.domain.content import JsonObject

_STRUCTURE = frozenset(
    {"type", "properties", "required", "additionalProperties", "patternProperties", "items", "prefixItems"}
)
_GENERAL = frozenset({"not", "if", "then", "else", "oneOf"})
_NAME = re.compile(r"[^A-Za-z0-9_.-]")
_TOO_DEEP = 64
_TOO_LARGE = 20_000
"""Schemas that one may become: definitions that are written out may double at each level."""


class Flaw(msgspec.Struct, frozen=True):
    """A part of a schema that has no form on the wire."""

    path: str
    """A JSON pointer, such as `#/properties/scores`."""
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


class Fitter:
    """Rewrites one document. `nullable` lets properties that are not required be null, where all must be required."""

    def __init__(self, document: JsonObject, rules: SchemaRules, *, nullable: bool) -> None:
        self._document = document
        self._rules = rules
        self._nullable = nullable
        self._cyclic = cyclic_references(document)
        self._names: dict[str, str] = {}
        self._schemas = 0
        self.definitions: dict[str, JsonObject] = {}
        self.flaws: list[Flaw] = []
        self.moved: list[str] = []
        """Pointers to the keywords that went into a description."""

    def fit(self, schema: Any, path: str = "#", depth: int = 0) -> JsonObject:
        """Return the schema as the wire accepts it."""
        self._schemas += 1
        if depth > _TOO_DEEP or self._schemas > _TOO_LARGE:
            return self._flawed(path, "the schema is too large")
        if schema is True:
            schema = {}
        if not isinstance(schema, dict):
            return self._flawed(path, "nothing is valid here" if schema is False else "this is not a schema")
        if "$ref" in schema:
            return self._reference(schema, path, depth)
        schema = self._composed(schema, path)
        if "anyOf" in schema:
            return self._union(schema, path, depth)
        if "const" in schema or "enum" in schema:
            return self._values(schema, path)
        kinds = kinds_of(schema)
        if not kinds:
            return self._anything(schema, path)
        if len(kinds) > 1 and not self._rules.type_lists:
            branches = [{**about(schema, kind), "type": kind} for kind in kinds]
            return self._union({**annotations_of(schema), "anyOf": branches}, path, depth)
        return self._typed(schema, kinds, path, depth)

    def _flawed(self, path: str, why: str) -> JsonObject:
        self.flaws.append(Flaw(path, why))
        return {}

    # References

    def _reference(self, schema: JsonObject, path: str, depth: int) -> JsonObject:
        reference = schema["$ref"]
        beside = {key: value for key, value in schema.items() if key != "$ref" and key not in NOISE}
        try:
            target = resolve(self._document, reference)
        except LookupError:
            return self._flawed(path, f"the reference {str(reference)[:100]!r} points at nothing")
        cyclic = reference in self._cyclic
        if cyclic and self._rules.recursion == "none":
            return self._flawed(path, f"the definition {reference!r} contains itself")
        written_out = self._rules.references == "none" or (beside and self._rules.references == "alone")
        if not cyclic and (written_out or beside.keys() - ANNOTATIONS):
            try:
                return self.fit(merge(beside, target), path, depth + 1)
            except Unmergeable:
                return self._flawed(path, "what stands beside the reference contradicts it")
        if beside.keys() - ANNOTATIONS:
            return self._flawed(path, f"the definition {reference!r} contains itself and has keywords beside it")
        found: JsonObject = {"$ref": self._defined(reference, target, depth)}
        if not beside:
            return found
        return self._described(found if self._rules.references == "any" else {"anyOf": [found]}, beside, {}, path)

    def _defined(self, reference: str, target: Any, depth: int) -> str:
        """Return the new reference to a definition, which is rewritten when it is first needed."""
        if (name := self._names.get(reference)) is None:
            wanted = _NAME.sub("_", reference.rsplit("/", 1)[-1].lstrip("#")) or "root"
            name, number = wanted, 1
            while name in self.definitions:
                number += 1
                name = f"{wanted}_{number}"
            self._names[reference] = name
            self.definitions[name] = {}
            self.definitions[name] = self.fit(target, reference, depth + 1)
        return f"#/$defs/{name}"

    # Composition

    def _composed(self, schema: JsonObject, path: str) -> JsonObject:
        """Return the schema with at most one `anyOf`, beside which only annotations stand, and no other composition."""
        if "allOf" in schema:
            rest = {key: value for key, value in schema.items() if key != "allOf"}
            try:
                for part in schema["allOf"] if isinstance(schema["allOf"], list) else ():
                    rest = merge(rest, dereferenced(part, self._document))
            except Unmergeable:
                self._flawed(path, "the parts of allOf cannot be written as one schema")
            schema = self._composed(rest, path) if "allOf" in rest else rest
        if "oneOf" in schema and "anyOf" not in schema:
            schema = {("anyOf" if key == "oneOf" else key): value for key, value in schema.items()}
        beside = {key: value for key, value in schema.items() if key not in NOISE | ANNOTATIONS | {"anyOf"}}
        if "anyOf" not in schema or not beside or not isinstance(schema["anyOf"], list):
            return schema
        branches = []
        for branch in schema["anyOf"]:
            try:
                branches.append(merge(dereferenced(branch, self._document), beside))
            except Unmergeable:
                continue  # a branch that contradicts what stands beside the union is never valid
        return {**annotations_of(schema), "anyOf": branches}

    def _union(self, schema: JsonObject, path: str, depth: int) -> JsonObject:
        given = schema["anyOf"] if isinstance(schema["anyOf"], list) else []
        given = [branch for branch in given if branch is not False]
        fitted = [self.fit(branch, f"{path}/anyOf/{index}", depth + 1) for index, branch in enumerate(given)]
        branches: list[JsonObject] = []
        for branch in fitted:
            nested = branch["anyOf"] if branch.keys() == {"anyOf"} else [branch]
            branches += [one for one in nested if one not in branches]
        if not branches:
            return self._flawed(path, "no branch of the union is valid")
        if len(branches) > 1 and not self._rules.unions:
            if (one := joined(branches)) is None:
                return self._flawed(path, "unions are not supported")
            branches = [one]
        if len(branches) > 1:
            return self._described({"anyOf": branches}, schema, {}, path)
        alone = branches[0]
        if "$ref" in alone and self._rules.references != "any" and annotations_of(schema):
            alone = {"anyOf": [alone]}
        return {**alone, **self._described({}, {**annotations_of(alone), **annotations_of(schema)}, {}, path)}

    # Values

    def _values(self, schema: JsonObject, path: str) -> JsonObject:
        """Write an enumeration: its values by type, because wires differ in which types one may have."""
        given = [schema["const"]] if "const" in schema else schema["enum"]
        named = kinds_of({"type": schema["type"]}) if "type" in schema else []
        values = [v for v in given if not named or any(is_of_kind(v, k) for k in named)] if given else []
        if not values:
            return self._flawed(path, "the enumeration has no value of its type")
        groups: dict[str, list[Any]] = {}
        for value in values:
            kind = kind_of_value(value)
            kind = next((n for n in named if n == "number" and kind == "integer"), kind)
            groups.setdefault(kind, []).append(value)
        allowed = self._rules.enum_kinds
        if groups.keys() <= allowed and (len(groups) == 1 or self._rules.type_lists):
            kinds = list(groups)
            out: JsonObject = {"type": kinds[0] if len(kinds) == 1 else kinds}
            if "const" in schema and self._rules.consts:
                out["const"] = schema["const"]
            else:
                out["enum"] = values
            return self._described(out, schema, {}, path)
        branches = [branch for kind, some in groups.items() if (branch := self._group(kind, some, path)) is not None]
        if len(branches) != len(groups):
            return {}
        if len(branches) > 1 and not self._rules.unions:
            return self._flawed(path, "an enumeration of values of several types is not supported")
        body = branches[0] if len(branches) == 1 else {"anyOf": branches}
        return self._described(dict(body), schema, {}, path)

    def _group(self, kind: str, values: list[Any], path: str) -> JsonObject | None:
        if kind == "null":
            return {"type": kind}
        if kind in self._rules.enum_kinds:
            return {"type": kind, "enum": values}
        if kind == "boolean" and len(set(values)) == 2:
            return {"type": kind}
        if kind == "boolean":
            self.moved.append(f"{path}/enum")
            return {"type": kind, "description": f"Always {str(values[0]).lower()}."}
        self._flawed(path, f"an enumeration of {kind}s is not supported")
        return None

    def _anything(self, schema: JsonObject, path: str) -> JsonObject:
        rest = {key: value for key, value in schema.items() if key not in NOISE | ANNOTATIONS}
        match self._rules.untyped:
            case "empty":
                return self._described({}, schema, rest, path)
            case "listed":
                return self._described({"anyOf": [{"type": kind} for kind in KINDS]}, schema, rest, path)
            case "refused":
                return self._flawed(path, "a value of any type is not supported")

    def _typed(self, schema: JsonObject, kinds: list[str], path: str, depth: int) -> JsonObject:
        out: JsonObject = {"type": kinds[0] if len(kinds) == 1 else kinds}
        unsaid: JsonObject = {}
        for key, value in schema.items():
            if key in _STRUCTURE or key in NOISE or key in ANNOTATIONS:
                continue
            kind = KIND_OF.get(key, kinds[0] if key in _GENERAL else None)
            if kind not in kinds and not (kind == "number" and "integer" in kinds):
                continue  # says nothing about values of these types
            if self._accepts(key, value):
                out[key] = value
            else:
                unsaid[key] = value
        if "object" in kinds:
            self._object(schema, out, unsaid, path, depth)
        if "array" in kinds:
            self._array(schema, out, unsaid, path, depth)
        return self._described(out, schema, unsaid, path)

    def _accepts(self, key: str, value: Any) -> bool:
        rules = self._rules
        match key:
            case "format":
                return rules.formats is None or value in rules.formats
            case "pattern":
                return isinstance(value, str) and is_plain(value, rules.patterns)
            case "minItems":
                return key in rules.keywords and (rules.min_items is None or value in rules.min_items)
            case _:
                return key in rules.keywords

    # Objects and arrays

    def _object(self, schema: JsonObject, out: JsonObject, unsaid: JsonObject, path: str, depth: int) -> None:
        given = schema.get("properties")
        properties: JsonObject = given if isinstance(given, dict) else {}
        required = [name for name in schema.get("required") or () if isinstance(name, str)]
        beyond = schema.get("additionalProperties")
        self._keys(schema, out, unsaid, path, depth)
        if self._rules.objects != "open" and not properties and beyond is not False and given is None:
            self._flawed(path, "an object with any properties is not supported")
        if self._rules.objects != "open" and (missing := [name for name in required if name not in properties]):
            self._flawed(path, f"the required property {missing[0]!r} is not described")
        written = {}
        for name, value in properties.items():
            if value is not False:
                written[name] = self.fit(value, f"{path}/properties/{pointed(name)}", depth + 1)
        required = self._required(properties, written, required, path)
        if written or given is not None or self._rules.objects != "open":
            out["properties"] = written
        if required or self._rules.required == "all":
            out["required"] = required

    def _keys(self, schema: JsonObject, out: JsonObject, unsaid: JsonObject, path: str, depth: int) -> None:
        """Write which further properties an object may have."""
        beyond, by_pattern = schema.get("additionalProperties"), schema.get("patternProperties")
        match self._rules.objects:
            case "open":
                if isinstance(beyond, dict) and beyond:
                    out["additionalProperties"] = self.fit(beyond, f"{path}/additionalProperties", depth + 1)
                elif beyond is not None:
                    out["additionalProperties"] = beyond is not False
                if by_pattern:
                    out["additionalProperties"] = True
                    unsaid["patternProperties"] = by_pattern
            case kind:
                if by_pattern or (beyond is not None and beyond is not False):
                    self._flawed(path, "an object with properties beyond those named is not supported")
                if kind == "closed" or beyond is False:
                    out["additionalProperties"] = False

    def _required(self, given: JsonObject, written: JsonObject, required: list[str], path: str) -> list[str]:
        """Return the properties that are required on the wire; where all must be, the others become nullable."""
        rules = self._rules
        required = [name for name in required if name in written or rules.objects == "open"]
        if rules.recursion == "optional" and (cyclic := [name for name in required if self._recurs(written.get(name))]):
            self.moved.append(f"{path}/required")
            required = [name for name in required if name not in cyclic]
        if rules.required == "one" and not required:
            if not written:
                self._flawed(path, "an object without properties is not supported")
            return (
                [next((name for name in written if accepts_null(written[name])), *list(written)[:1])] if written else []
            )
        if rules.required != "all":
            return required
        for name in written.keys() - set(required):
            if not takes_null(given[name], self._document):
                if not self._nullable:
                    self._flawed(f"{path}/properties/{pointed(name)}", "every property must be required")
                written[name] = or_null(written[name])
        return list(written)

    def _recurs(self, schema: Any) -> bool:
        """Check whether a rewritten schema leads to a definition that contains itself."""
        names = {f"#/$defs/{self._names[reference]}" for reference in self._cyclic if reference in self._names}
        return not names.isdisjoint(references(schema))

    def _array(self, schema: JsonObject, out: JsonObject, unsaid: JsonObject, path: str, depth: int) -> None:
        items, first = schema.get("items"), schema.get("prefixItems")
        if isinstance(items, list):  # a tuple, as written before 2020
            items, first = schema.get("additionalItems", False), items
        if not isinstance(first, list) or not first:
            out["items"] = self.fit(True if items is None else items, f"{path}/items", depth + 1)
            return
        fitted = [self.fit(item, f"{path}/prefixItems/{at}", depth + 1) for at, item in enumerate(first)]
        rest = self.fit(items, f"{path}/items", depth + 1) if isinstance(items, dict) and items else None
        if self._rules.tuples:
            out["prefixItems"] = fitted
            if rest is not None:
                out["items"] = rest
            return
        unsaid["items in this order"] = [word(item) for item in fitted]
        kinds: list[JsonObject] = []
        for item in (*fitted, *([rest] if rest is not None else ())):
            if item not in kinds:
                kinds.append(item)
        one = kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if self._rules.unions else joined(kinds)
        if one is None:
            self._flawed(path, "items of different types are not supported")
        out["items"] = one or {}

    # Descriptions

    def _described(self, out: JsonObject, schema: JsonObject, unsaid: JsonObject, path: str) -> JsonObject:
        """Add the annotations, and to the description what the wire cannot express."""
        accepted = self._rules.annotations
        words = [text for text in (out.get("description"), schema.get("description")) if isinstance(text, str) and text]
        if isinstance(title := schema.get("title"), str) and "title" in accepted:
            out["title"] = title
        if schema.get("default") is not None:
            if "default" in accepted:
                out["default"] = schema["default"]
            else:
                words.append(f"Default: {text(schema['default'])}.")
        if schema.get("examples"):
            words.append(f"Examples: {text(schema['examples'])}.")
        if unsaid:
            self.moved += [f"{path}/{key}" for key in unsaid]
            words.append(f"Constraints: {', '.join(f'{key} {text(value)}' for key, value in unsaid.items())}.")
        if words or "description" in schema:
            out["description"] = "\n\n".join(words)
        return out
