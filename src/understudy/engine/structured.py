"""Structured output: a JSON Schema or a Python type in, a value of that shape out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from understudy.domain.errors import Misuse
from understudy.domain.requests import OutputFormat
from understudy.wire import json
from understudy.wire.schema_references import outside_reference


class ResultForm(msgspec.Struct, frozen=True):
    """The form that is asked for, and how the text of an answer becomes a value of it."""

    output: OutputFormat
    parse: Callable[[str], Any]
    """Raises `ValueError` when the text does not fit."""


def form_of(schema: Any) -> ResultForm:
    """Return the form of a schema.

    `schema` is a JSON Schema (a mapping), a pydantic model, or any type that msgspec understands: dataclass,
    TypedDict, Struct, NamedTuple, or a builtin such as `list[int]`. What is not an object at its top is wrapped in
    `{"value": …}` on the wire, because providers demand an object, and unwrapped again in `parsed`.
    Raises `Misuse` for anything else.
    """
    if isinstance(schema, Mapping):
        return _of_json_schema(dict(schema))
    if isinstance(schema, type) and hasattr(schema, "model_json_schema") and hasattr(schema, "model_validate_json"):
        document = _closed(schema.model_json_schema())
        return ResultForm(_output(document, schema.__name__), lambda text: schema.model_validate_json(_bare(text)))
    return _of_type(schema)


def of_output(output: OutputFormat) -> ResultForm | None:
    """Return the form of an output format that was given in full; `None` for plain text."""
    if output.kind == "text":
        return None
    if output.json_schema is None:
        return ResultForm(output, lambda text: json.decode_object(_bare(text)))
    return ResultForm(output, _validator(output.json_schema))


def _of_json_schema(schema: dict[str, Any]) -> ResultForm:
    name = _name(str(schema.get("title") or "answer"))
    return ResultForm(OutputFormat(json_schema=schema, name=name), _validator(schema))


def _of_type(schema: Any) -> ResultForm:
    try:
        document = msgspec.json.schema(schema)
        decoder = msgspec.json.Decoder(schema)
    except (TypeError, RuntimeError) as error:
        raise Misuse(
            f"schema={schema!r} cannot be turned into a JSON Schema: {error}. Give a JSON Schema (dict), a dataclass, "
            "a TypedDict, a msgspec Struct or a pydantic model."
        ) from error
    name = _name(getattr(schema, "__name__", "answer"))
    root = _inlined(document)
    if root.get("type") == "object":
        return ResultForm(_output(_closed(root), name), lambda text: decoder.decode(_bare(text)))
    definitions = root.pop("$defs", None)
    wrapped = {"type": "object", "properties": {"value": root}, "required": ["value"]}
    if definitions:
        wrapped["$defs"] = definitions

    def parse_wrapped(text: str) -> Any:
        value = json.decode_object(_bare(text))
        if "value" not in value:
            raise ValueError('the answer has no "value"')
        return msgspec.convert(value["value"], schema)

    return ResultForm(_output(_closed(wrapped), name), parse_wrapped)


def _output(document: dict[str, Any], name: str) -> OutputFormat:
    return OutputFormat(json_schema=document, name=_name(name), strict=True if _all_required(document) else None)


def _validator(schema: dict[str, Any]) -> Callable[[str], Any]:
    """Return a parser that checks against a JSON Schema.

    Raises `Misuse` if the schema is invalid or refers to anything outside itself, which is never fetched.
    """
    import jsonschema_rs

    if found := outside_reference(schema):
        where, reference = found
        raise Misuse(
            f"the JSON Schema refers to something outside itself: {reference[:200]!r} at {where}; nothing is fetched: "
            'put that schema under "$defs" and refer to it as "#/$defs/NAME"'
        )
    try:
        validator = jsonschema_rs.validator_for(schema, offline=True)
    except jsonschema_rs.ValidationError as error:
        raise Misuse(f"the JSON Schema is not valid: {error.message}") from error
    except ValueError as error:
        raise Misuse(f"the JSON Schema is not valid: {error}") from error

    def parse(text: str) -> Any:
        value = json.decode(_bare(text))
        misfit = next(validator.iter_errors(value), None)
        if misfit is not None:
            where = "/".join(str(step) for step in misfit.instance_path) or "the top"
            raise ValueError(f"at {where}: {misfit.message}")
        return value

    return parse


def _inlined(document: dict[str, Any]) -> dict[str, Any]:
    """Put the definition that the top refers to at the top itself, where providers want the object."""
    reference = document.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return dict(document)
    definitions = dict(document.get("$defs", {}))
    name = reference.removeprefix("#/$defs/")
    root = dict(definitions[name])
    if f'"#/$defs/{name}"'.encode() not in json.encode(definitions):
        del definitions[name]
    if definitions:
        root["$defs"] = definitions
    return root


def _closed(schema: Any) -> Any:
    """Close every object to further properties, which strict modes demand and a Python type means anyway."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def _all_required(schema: Any) -> bool:
    """Check whether every object names all its properties as required: the condition of OpenAI's strict mode."""
    if isinstance(schema, list):
        return all(_all_required(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object":
        properties = schema.get("properties")
        if properties is None or set(schema.get("required", ())) != set(properties):
            return False
    return all(_all_required(value) for value in schema.values())


def _bare(text: str) -> str:
    """Return the JSON of an answer: models without a strict mode like to put it into a Markdown fence."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        return text[text.index("\n") + 1 : -3].strip()
    return text


def _name(name: str) -> str:
    """Return a name that every provider accepts: letters, digits, `_` and `-`, at most 64."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)[:64] or "answer"
