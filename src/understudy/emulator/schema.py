"""Makes a value valid under a JSON schema: the arguments of an emulated tool call, or an emulated structured answer.

Deterministic: the same schema and hints always give the same value. A hint proposes a value for a property by its
name (such as a city mentioned in the user's text) and is used where it is valid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from understudy.domain.content import Json, JsonObject
from understudy.emulator.pattern import sample
from understudy.emulator.validator import is_valid, resolve

Hint = Callable[[str, JsonObject], Json]
"""Proposes a value for a property of that name and schema; `None` proposes nothing."""

MAX_DEPTH = 9
_MAX_ITEMS = 64

_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "PT1H",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000001",
}


class Unfillable(ValueError):
    """No valid value was found."""


def fill(schema: JsonObject, hint: Hint = lambda _name, _schema: None) -> Json:
    """Return a value valid under the schema. Raises `Unfillable` when none was found."""
    value = _Filler(schema, hint).value(schema, "", 0)
    if not is_valid(value, schema):
        raise Unfillable("no value was found for the whole schema")
    return value


class _Filler:
    def __init__(self, root: JsonObject, hint: Hint) -> None:
        self._root = root
        self._hint = hint

    def value(self, schema: Json, name: str, depth: int) -> Json:
        """Return a value for the property `name`: the first valid candidate."""
        if schema is True or schema == {}:
            return self._propose(name, {}) or "anything"
        if schema is False or depth > MAX_DEPTH:
            raise Unfillable(f"no value is valid for {name or 'the schema'}")
        for candidate in self._candidates(schema, name, depth):
            if is_valid(candidate, schema, self._root):
                return candidate
        raise Unfillable(f"no value was found for {name or 'the schema'}")

    def _candidates(self, schema: JsonObject, name: str, depth: int) -> Iterator[Json]:
        schema = self._resolved(schema)
        if (proposed := self._propose(name, schema)) is not None:
            yield proposed
        if "const" in schema:
            yield schema["const"]
        yield from schema.get("enum", ())
        for example in (schema.get("default"), *schema.get("examples", ())):
            if example is not None:
                yield example
        yield from self._of_branches(schema, name, depth)
        for kind in _types(schema):
            yield from self._of_type(kind, schema, name, depth)

    def _resolved(self, schema: JsonObject) -> JsonObject:
        """Return a schema in which its reference is replaced by what that points at; keywords beside it win."""
        if "$ref" not in schema:
            return schema
        try:
            target = resolve(schema["$ref"], self._root)
        except (LookupError, ValueError, TypeError) as error:
            raise Unfillable(f"the reference {schema['$ref']} cannot be resolved") from error
        beside = {key: part for key, part in schema.items() if key != "$ref"}
        return {**target, **beside} if isinstance(target, dict) else beside

    def _propose(self, name: str, schema: JsonObject) -> Json:
        return self._hint(name, schema) if name else None

    def _of_branches(self, schema: JsonObject, name: str, depth: int) -> Iterator[Json]:
        """Yield a value for each alternative, merged with its sibling keywords."""
        if not any(key in schema for key in ("allOf", "anyOf", "oneOf")):
            return
        base = {key: part for key, part in schema.items() if key not in ("allOf", "anyOf", "oneOf")}
        for part in schema.get("allOf", ()):
            base = self._merge(base, part)
        branches = [*schema.get("anyOf", ()), *schema.get("oneOf", ())] or [{}]
        # Null comes last: another value is more informative.
        for branch in sorted(branches, key=lambda part: isinstance(part, dict) and part.get("type") == "null"):
            try:
                yield self.value(self._merge(base, branch), name, depth + 1)
            except Unfillable:
                continue

    def _merge(self, left: JsonObject, right: Json) -> JsonObject:
        if not isinstance(right, dict):
            return left
        right = self._resolved(right)
        merged = {**left, **right}
        if "properties" in left and "properties" in right:
            merged["properties"] = {**left["properties"], **right["properties"]}
        if "required" in left and "required" in right:
            merged["required"] = [*left["required"], *right["required"]]
        return merged

    def _of_type(self, kind: str, schema: JsonObject, name: str, depth: int) -> Iterator[Json]:
        match kind:
            case "object":
                yield from self._objects(schema, depth)
            case "array":
                yield self._array(schema, name, depth)
            case "string":
                yield from _strings(schema, name)
            case "integer" | "number":
                yield from _numbers(schema, whole=kind == "integer")
            case "boolean":
                yield True
                yield False
            case "null":
                yield None

    def _objects(self, schema: JsonObject, depth: int) -> Iterator[JsonObject]:
        """Yield an object of the required properties and those with a hint; then one of all that can be filled."""
        properties: JsonObject = schema.get("properties", {})
        required = dict.fromkeys(schema.get("required", ()))
        hinted = [name for name, part in properties.items() if self._hint(name, part if isinstance(part, dict) else {})]
        chosen = [name for name in properties if name in required or name in hinted]
        if not chosen and depth == 0:
            chosen = list(properties)
        chosen += [name for name in required if name not in properties]
        for names in (chosen, [*chosen, *(name for name in properties if name not in chosen)]):
            value: JsonObject = {}
            for name in names:
                self._put(value, name, schema, depth)
            for number in range(len(value), min(schema.get("minProperties", 0), _MAX_ITEMS)):
                self._put(value, f"key_{number + 1}", schema, depth)
            yield value

    def _put(self, value: JsonObject, name: str, schema: JsonObject, depth: int) -> None:
        part = schema.get("properties", {}).get(name, schema.get("additionalProperties", True))
        try:
            value[name] = self.value(part, name, depth + 1)
        except Unfillable:
            if name in schema.get("required", ()):
                raise

    def _array(self, schema: JsonObject, name: str, depth: int) -> list[Json]:
        items: list[Json] = []
        least = schema.get("minItems", 0)
        wanted = min(max(least, len(schema.get("prefixItems", ())), 1), schema.get("maxItems", _MAX_ITEMS), _MAX_ITEMS)
        for number in range(wanted):
            prefix = schema.get("prefixItems", ())
            part = prefix[number] if number < len(prefix) else schema.get("items", True)
            try:
                item = self.value(part, name.removesuffix("s"), depth + 1)
            except Unfillable:
                if number < least:
                    raise
                break
            if schema.get("uniqueItems") and item in items:
                item = self._another(part, item, number, items)
            items.append(item)
        return items

    def _another(self, schema: Json, like: Json, number: int, taken: list[Json]) -> Json:
        """Return a value that is not in `taken`, for arrays of unique items."""
        candidates: list[Json] = list(schema.get("enum", ())) if isinstance(schema, dict) else []
        if isinstance(like, str):
            candidates.append(f"{like} {number + 1}")
        elif isinstance(like, int | float) and not isinstance(like, bool):
            candidates.append(like + number * (schema.get("multipleOf", 1) if isinstance(schema, dict) else 1))
        candidates += [True, False]
        found = next((c for c in candidates if c not in taken and is_valid(c, schema, self._root)), None)
        if found is None:
            raise Unfillable("no further value differs from the others")
        return found


def _types(schema: JsonObject) -> list[str]:
    """Return the types that a schema allows, null last; guessed from its keywords when it names none."""
    named = schema.get("type")
    if isinstance(named, str):
        return [named]
    if isinstance(named, list):
        return sorted(named, key=lambda kind: kind == "null")
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return ["object"]
    if "items" in schema or "prefixItems" in schema:
        return ["array"]
    if any(key in schema for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")):
        return ["number"]
    return ["string"]


def _strings(schema: JsonObject, name: str) -> Iterator[str]:
    if schema.get("format") in _FORMATS:
        yield _FORMATS[schema["format"]]
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    texts = [name.replace("_", " ") or "text", "text"]
    if "pattern" in schema and (found := sample(schema["pattern"])) is not None:
        texts.insert(0, found)
        if found:
            texts += [(found * (least // len(found) + 1))[:least], found + found[-1] * max(0, least - len(found))]
    for text in texts:
        longer = text + " " + "and more " * (max(0, least - len(text)) // 9 + 1) if len(text) < least else text
        yield longer[: max(least, len(text)) if most is math.inf else int(most)]


def _numbers(schema: JsonObject, *, whole: bool) -> Iterator[float]:
    step = schema.get("multipleOf") or (1 if whole else None)
    low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    for start in (1, low, high, (low + high) / 2 if math.isfinite(low) and math.isfinite(high) else 0):
        if not math.isfinite(start):
            continue
        if step is None:
            yield from (start, start + 0.5, start - 0.5)
            continue
        nearest = round(start / step)
        for count in (nearest, nearest + 1, nearest - 1, nearest + 2):
            value = count * step
            yield int(value) if whole and float(value).is_integer() else value
