"""Structured output: a JSON Schema or a Python type in, a value of that shape out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, get_origin

import msgspec

from understudy.dialects.schemas import WRAPPER, rooted
from understudy.domain.bounded import BoundedDict
from understudy.domain.content import JsonObject
from understudy.domain.errors import Misuse
from understudy.domain.messages import AnyTool, CheckedTools, Tool
from understudy.domain.requests import OutputFormat
from understudy.domain.suggestions import kind_of, shown
from understudy.engine.structured_nulls import without_nulls
from understudy.engine.structured_text import json_in
from understudy.wire import json
from understudy.wire.schema_references import outside_reference


class ResultForm(msgspec.Struct, frozen=True):
    """The form that is asked for, and how the text of an answer becomes a value of it."""

    output: OutputFormat
    parse: Callable[[str], Any]
    """Raises `ValueError` when the text does not fit."""


_BY_TYPE: BoundedDict[Any, ResultForm] = BoundedDict(256)
_VALIDATORS: BoundedDict[bytes, Callable[[Any], Any]] = BoundedDict(256)
_TOOLS: BoundedDict[bytes, None] = BoundedDict(1024)
CHECKED_TOGETHER: BoundedDict[bytes, None] = BoundedDict(16)
"""The tools of whole calls, as JSON."""
_LONGEST = 128 << 10
"""Bytes of tools that are remembered together."""


def form_of(schema: Any) -> ResultForm:
    """Return the form of a schema.

    `schema` is a JSON Schema (a mapping), a pydantic model, or any type that msgspec or pydantic understands:
    dataclass, TypedDict, Struct, NamedTuple, `list[Model]`, `A | B`, or a builtin such as `list[int]`. What is not an
    object at its top is wrapped in `{"value": …}` on the wire, because providers demand an object, and unwrapped again
    in `parsed`. Raises `Misuse` for anything else.
    """
    if isinstance(schema, Mapping):
        return _of_json_schema(dict(schema))
    try:
        found = _BY_TYPE.get(schema)
    except TypeError:  # not hashable, so not remembered
        return _of_type(schema)
    if found is None:
        found = _BY_TYPE[schema] = _of_type(schema)
    return found


def of_output(output: OutputFormat) -> ResultForm | None:
    """Return the form of an output format that was given in full; `None` for plain text."""
    if output.kind == "text":
        return None
    if output.json_schema is None:
        return ResultForm(output, _parser(json.decode_object, None))
    return ResultForm(output, _validator(output.json_schema))


def check_tools(tools: tuple[AnyTool, ...]) -> tuple[AnyTool, ...]:
    """Return tools as checked ones. Raise `Misuse` if the parameters of one are not a JSON Schema of an object.

    Agents pass the same tools with each call, so those that were checked together are known together, by what they
    hold: a caller may change a schema in place.
    """
    try:
        together = json.encode(tools)
    except (TypeError, ValueError, RecursionError):  # which of them cannot be encoded is found below, if it matters
        _check_each(tools)
        return tuple(tools)
    if together not in CHECKED_TOGETHER:
        _check_each(tools)
        if len(together) > _LONGEST:
            return tuple(tools)
        CHECKED_TOGETHER[together] = None
    return CheckedTools(tools, together)


def _check_each(tools: tuple[AnyTool, ...]) -> None:
    for tool in tools:
        if isinstance(tool, Tool) and tool.parameters:
            key = _key(tool.parameters)
            if key not in _TOOLS:
                try:
                    _compiled(tool.parameters)
                except Misuse as error:
                    raise Misuse(f"the parameters of the tool {shown(tool.name)} are invalid: {error}") from error
                _TOOLS[key] = None


def _of_json_schema(schema: JsonObject) -> ResultForm:
    parse = _validator(schema)
    name = _name(str(schema.get("title") or "answer"))
    root, wrapped = rooted(schema)
    return ResultForm(OutputFormat(json_schema=root if wrapped else schema, name=name), parse)


def _of_type(schema: Any) -> ResultForm:
    name = getattr(schema, "__name__", "answer")
    if hasattr(schema, "__pydantic_validator__"):
        return _of_adapter(schema, name)
    try:
        document = msgspec.json.schema(schema)
        decoder = msgspec.json.Decoder(schema)
    except (TypeError, RuntimeError) as error:
        if "pydantic" in sys.modules and (found := _adapted(schema, name)) is not None:
            return found
        reason = str(error).rpartition("\n\n")[2]  # in front of it stands what to do with msgspec
    else:
        return _form(document, name, decoder.decode, lambda value: msgspec.convert(value, schema))
    # Raised outside the handler: that error repeats the value, which may hold a key if it is no type.
    if isinstance(schema, type):
        what = f"{kind_of(schema)} cannot be turned into a JSON Schema: {reason}"
    elif get_origin(schema) is not None:
        what = f"{schema!r} cannot be turned into a JSON Schema: {reason}"
    else:
        what = f"{kind_of(schema)} cannot be turned into a JSON Schema"
    raise Misuse(
        f"schema: {what}; pass a JSON Schema (dict), a dataclass, a TypedDict, a msgspec Struct, a pydantic model, "
        "or a list or union of these"
    )


def _adapted(schema: Any, name: str) -> ResultForm | None:
    """Return the form of a type that pydantic understands, such as a list of models; `None` for any other."""
    import pydantic

    if isinstance(schema, FunctionType | BuiltinFunctionType | MethodType):
        return None  # pydantic would validate its arguments
    try:
        return _of_adapter(schema, name)
    except (pydantic.errors.PydanticUserError, TypeError):
        return None


def _of_adapter(schema: Any, name: str) -> ResultForm:
    import pydantic

    adapter = pydantic.TypeAdapter(schema)
    return _form(
        adapter.json_schema(), name, adapter.validate_json, lambda value: adapter.validate_json(json.encode(value))
    )


def _form(document: JsonObject, name: str, decode: Callable[[str], Any], convert: Callable[[Any], Any]) -> ResultForm:
    """Return the form of a type with this schema. `decode` reads its JSON, `convert` a decoded value."""
    root, wrapped = rooted(document)
    closed = _closed(root)

    def unwrap(text: str) -> Any:
        value = json.decode_object(text)
        if WRAPPER not in value:
            raise ValueError('the answer has no "value"')
        return convert(value[WRAPPER])

    # A target that cannot be strict with this schema reports it. Optional properties are null in strict mode, and left
    # out again before the type reads the answer.
    output = OutputFormat(json_schema=closed, name=_name(name), strict=True)
    return ResultForm(output, _parser(unwrap if wrapped else decode, closed))


def _parser(decode: Callable[[str], Any], schema: JsonObject | None) -> Callable[[str], Any]:
    """Return a parser of answers: of the JSON in them, first as it is, then without nulls for missing properties."""

    def parse(text: str) -> Any:
        text = text.strip()
        try:
            return decode(text)
        except ValueError:
            found = json_in(text)
            if found != text:
                try:
                    return decode(found)
                except ValueError:
                    pass
            if schema is None or "null" not in found:
                return decode(found)
        try:
            value = json.decode(found)
        except ValueError:
            return decode(found)
        return decode(json.encode(without_nulls(value, schema)).decode())

    return parse


def _validator(schema: JsonObject) -> Callable[[str], Any]:
    """Return a parser that checks against a JSON Schema. Raises `Misuse` as `_compiled` does."""
    key = _key(schema)
    check = _VALIDATORS.get(key)
    if check is None:
        check = _VALIDATORS[key] = _checked(schema)
    return _parser(lambda text: check(json.decode(text)), schema)


def _checked(schema: JsonObject) -> Callable[[Any], Any]:
    validator = _compiled(schema)
    _, wrapped = rooted(schema)

    def check(value: Any) -> Any:
        if wrapped and isinstance(value, dict) and value.keys() == {WRAPPER} and validator.is_valid(value[WRAPPER]):
            return value[WRAPPER]
        misfit = next(validator.iter_errors(value), None)
        if misfit is not None:
            where = "/".join(str(step) for step in misfit.instance_path) or "the top"
            raise ValueError(f"at {where}: {misfit.message}")
        return value

    return check


def _key(schema: JsonObject) -> bytes:
    try:
        return json.encode(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise Misuse(f"the JSON Schema is not valid: {error}") from error


def _compiled(schema: JsonObject) -> Any:
    """Return a validator. Raises `Misuse` if the schema is invalid or refers to anything outside itself, which is never
    fetched."""
    import jsonschema_rs

    if found := outside_reference(schema):
        where, reference = found
        raise Misuse(
            f"the JSON Schema refers to something outside itself: {reference[:200]!r} at {where}; nothing is fetched: "
            'put that schema under "$defs" and refer to it as "#/$defs/NAME"'
        )
    try:
        return jsonschema_rs.validator_for(schema, offline=True)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(str(step) for step in error.instance_path)
        at = f" at #/{place}" if place else ""
        raise Misuse(f"the JSON Schema is not valid: {error.message}{at}") from error
    except ValueError as error:
        raise Misuse(f"the JSON Schema is not valid: {error}") from error


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


def _name(name: str) -> str:
    """Return a name that every provider accepts: letters, digits, `_` and `-`, at most 64."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)[:64] or "answer"
