"""The parameters of tools as each wire accepts them: always an object, and strict only where that can be kept."""

from __future__ import annotations

import re
from typing import Any

from understudy.dialects.base import WarningLog
from understudy.dialects.quirks import Quirks
from understudy.dialects.schema_rules import SUBSETS, SchemaRules
from understudy.dialects.schemas import fit, tool_root
from understudy.domain.content import JsonObject
from understudy.domain.messages import Tool
from understudy.wire.json import encode

NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}
"""What a tool without arguments takes."""

_ANY_OBJECT = frozenset({"type", "title", "description", "additionalProperties"})


def encode_parameters(tool: Tool, *, properties: bool = True) -> JsonObject:
    """Encode the parameters of a tool whose arguments the wire does not enforce. `properties` must be there, if empty,
    unless the wire accepts a plain `{"type": "object"}`."""
    if not properties and tool.parameters and tool.parameters.keys() <= _ANY_OBJECT and "type" in tool.parameters:
        return tool.parameters
    return tool_root(tool.parameters) if tool.parameters else NO_PARAMETERS


def refused_names(schema: JsonObject, accepted: re.Pattern[str]) -> list[str]:
    """Return the names of arguments that the wire refuses."""
    properties = schema.get("properties")
    return [name for name in properties if not accepted.fullmatch(name)] if isinstance(properties, dict) else []


def with_described(schema: JsonObject, names: list[str]) -> JsonObject:
    """Return the schema without these arguments, which its description states instead."""
    properties, required = schema["properties"], schema.get("required", [])
    stated = [f"{_json(name)}{' (required)' if name in required else ''}: {_json(properties[name])}" for name in names]
    description = "\n".join(filter(None, (schema.get("description"), "Further properties of this object:", *stated)))
    # They are properties that nothing declares, so the object is open.
    open_schema = {name: value for name, value in schema.items() if name not in ("additionalProperties", "required")}
    if kept := [name for name in required if name not in names]:
        open_schema["required"] = kept
    accepted = {name: value for name, value in properties.items() if name not in names}
    return {**open_schema, "properties": accepted, "description": description}


def _json(value: Any) -> str:
    return encode(value).decode()


def encode_strict_parameters(tool: Tool, rules: SchemaRules | None, notes: WarningLog) -> tuple[JsonObject, bool]:
    """Encode the parameters of a tool with `strict=True`, and whether they can be strict by the rules of the wire."""
    loose = encode_parameters(tool)
    if rules is None:
        notes.drop("strict", "the model does not support it")
        return loose, False
    # An optional argument stays optional: a function is not prepared for a null in its place.
    fitted = fit({"additionalProperties": False, **loose} if not loose["properties"] else loose, rules, nullable=False)
    if fitted.flaws:
        notes.drop("strict", f"the tool {tool.name!r} cannot be strict: {fitted.flaws[0]}")
        return loose, False
    if fitted.moved:
        notes.emulate("strict", f"the tool {tool.name!r}: only its description states {fitted.moved[0]}")
    return fitted.schema, True


def encode_tool_schema(tool: Tool, quirks: Quirks, notes: WarningLog) -> tuple[JsonObject | None, bool | None]:
    """Encode the parameters of a tool and `strict`, in the dialects of OpenAI. Unset ones stay unset."""
    if not tool.strict:
        parameters = None if tool.parameters is None else encode_parameters(tool)
        return parameters, tool.strict if quirks.strict_tools else None
    rules = SUBSETS.get(quirks.strict_schemas) if quirks.strict_tools else None
    schema, strict = encode_strict_parameters(tool, rules, notes)
    return schema, strict if quirks.strict_tools else None
