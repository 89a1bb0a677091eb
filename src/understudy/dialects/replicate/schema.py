"""The inputs of a model, which describes them as an OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.replicate.wire import ModelWire, VersionWire
from understudy.domain.content import JsonObject
from understudy.wire.json import BadJson


class InputSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The inputs of a model. `None` for `properties` means that they are unknown."""

    properties: dict[str, JsonObject] | None = None
    version: str | None = None
    """The latest version's id."""
    official: bool = False
    """Runs by its name alone, whatever its version."""
    writes_files: bool = False
    """The output is files, not text."""

    def first(self, *names: str) -> str | None:
        """Return the first of the names that is an input."""
        return next((name for name in names if name in (self.properties or {})), None)

    def kind(self, name: str) -> str | None:
        """Return the JSON type of an input."""
        kind = (self.properties or {}).get(name, {}).get("type")
        return kind if isinstance(kind, str) else None

    def bounds(self, name: str) -> tuple[float | None, float | None]:
        """Return the least and the greatest value of a numeric input, if the model has limits."""
        found = (self.properties or {}).get(name, {})
        return _number(found.get("minimum")), _number(found.get("maximum"))

    def choices(self, name: str) -> list[Any] | None:
        """Return the values that an input may have; `None` for any."""
        values = (self.properties or {}).get(name, {}).get("enum")
        return values if isinstance(values, list) else None


def schema_of(value: JsonObject, *, of_version: bool) -> InputSchema:
    """Decode the description of a model, or of one version of it. Raises `BadJson`."""
    try:
        if of_version:
            version, official = msgspec.convert(value, VersionWire), False
            if version.id is None:
                raise BadJson("the version has no id")
        else:
            model = msgspec.convert(value, ModelWire)
            version, official = model.latest_version or VersionWire(), model.is_official is True
    except msgspec.ValidationError as error:
        raise BadJson(str(error)) from error
    components = (version.openapi_schema or {}).get("components")
    found = components.get("schemas") if isinstance(components, dict) else None
    schemas: JsonObject = found if isinstance(found, dict) else {}
    return InputSchema(
        properties=_properties(schemas),
        version=version.id,
        official=official or version.id is None,
        writes_files=_is_file(schemas.get("Output")),
    )


def _properties(schemas: JsonObject) -> dict[str, JsonObject] | None:
    described = schemas.get("Input")
    properties = described.get("properties") if isinstance(described, dict) else None
    if not isinstance(properties, dict):
        return None
    return {name: _resolved(value, schemas) for name, value in properties.items() if isinstance(value, dict)}


def _resolved(value: JsonObject, schemas: JsonObject) -> JsonObject:
    """Resolve the references of an input: enumerations are defined elsewhere, behind `allOf`."""
    parts = value.get("allOf")
    for part in (*(parts if isinstance(parts, list) else ()), value):
        reference = part.get("$ref") if isinstance(part, dict) else None
        target = schemas.get(str(reference).rpartition("/")[2]) if reference else None
        if isinstance(target, dict):
            value = {**target, **value}
    return value


def _is_file(output: Any) -> bool:
    """Check for files, which are URLs."""
    if not isinstance(output, dict):
        return False
    items = output.get("items")
    return output.get("format") == "uri" or (isinstance(items, dict) and items.get("format") == "uri")


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
