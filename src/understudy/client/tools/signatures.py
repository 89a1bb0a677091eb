"""From a function's signature to a JSON Schema of its arguments, and from a model's arguments to a call of it."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from inspect import Parameter
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict, get_args, get_origin, get_type_hints

import msgspec

from understudy.client.tools.docstrings import Docstring, read_docstring
from understudy.domain.content import JsonObject
from understudy.domain.errors import Misuse

_NAME = "arguments"
"""The name of the type of all arguments, which appears in no schema."""


class Signature(NamedTuple):
    """What a function is called with."""

    description: str | None
    """What its docstring says that it does."""
    schema: JsonObject | None
    """The JSON Schema of its arguments; `None` if it has none."""
    convert: Callable[[Any], dict[str, Any]]
    """Returns the arguments by name, in the annotated types. Raises `ValueError` for invalid ones."""
    positional: tuple[Parameter, ...]
    """Parameters that cannot be passed by name."""
    defaults: Mapping[str, Any]
    """Default values that the function itself does not know, because they are declared in pydantic's `Field`."""

    def bind(self, arguments: Any) -> tuple[list[Any], dict[str, Any]]:
        """Return positional and named arguments for decoded JSON. Raise `ValueError` if it is not valid."""
        named = {**self.defaults, **self.convert(arguments)}
        return [named.pop(each.name, each.default) for each in self.positional], named


def read_signature(function: Callable[..., Any], name: str) -> Signature:
    """Read a function. Raise `Misuse` for parameters that JSON cannot pass; `name` is the tool's name for messages."""
    documented = read_docstring(inspect.getdoc(_target(function)))
    parameters = tuple(_parameters(function, name))
    hints = _hints(_target(function), parameters, name)
    fields: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for parameter in parameters:
        annotation = hints.get(parameter.name, Any)
        if _is_field(parameter.default):  # `count: int = Field(3, description="…")`, as in FastAPI
            field = parameter.default
            annotation = Annotated[annotation, field]
            required = field.is_required()
            if not required:
                defaults[parameter.name] = field.get_default(call_default_factory=True)
        else:
            required = parameter.default is Parameter.empty
        fields[parameter.name] = annotation if required else NotRequired[annotation]
    schema, decode = _form(fields, name)
    _describe(schema, parameters, hints, documented)
    convert = functools.partial(_convert, known=frozenset(fields), decode=decode)
    positional = tuple(each for each in parameters if each.kind is Parameter.POSITIONAL_ONLY)
    return Signature(documented.description, schema if fields else None, convert, positional, defaults)


def _target(function: Callable[..., Any]) -> Any:
    """Return the function that holds annotations and docstring."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.ismethod(function):
        return function.__func__
    return function if inspect.isroutine(function) else type(function).__call__


def _parameters(function: Callable[..., Any], name: str) -> Iterator[Parameter]:
    """Yield the parameters that a model passes. Raise `Misuse` for `*args` and `**kwargs`."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise Misuse(f"tool {name!r}: its signature cannot be read ({error}): wrap it in a Python function") from error
    bound = function.keywords if isinstance(function, functools.partial) else {}
    for parameter in found:
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is Parameter.VAR_POSITIONAL else "**"
            raise Misuse(
                f"tool {name!r}: {stars}{parameter.name} has no JSON Schema: declare each parameter by name, or a "
                "list or dict parameter"
            )
        if parameter.name not in bound:
            yield parameter


def _hints(target: Any, parameters: tuple[Parameter, ...], name: str) -> dict[str, Any]:
    """Return the annotations of parameters, evaluated. Raise `Misuse` for one that names something unknown."""
    wanted = {each.name for each in parameters}
    try:
        raw = {key: value for key, value in inspect.get_annotations(target).items() if key in wanted}
        holder = inspect.unwrap(target)
        local = inspect.getclosurevars(holder).nonlocals if inspect.isfunction(holder) and holder.__closure__ else None
        shim = types.SimpleNamespace(__annotations__=raw)
        return get_type_hints(shim, getattr(holder, "__globals__", {}), local, include_extras=True)
    except NameError as error:
        raise Misuse(
            f"tool {name!r}: an annotation cannot be evaluated ({error}): define or import the type at module level, "
            "not under TYPE_CHECKING or inside a function"
        ) from error


def _form(fields: dict[str, Any], name: str) -> tuple[JsonObject, Callable[[Any], Any]]:
    """Return the JSON Schema of an object with these fields, and its decoder, which raises `ValueError`."""
    if any(_is_pydantic(each) for each in fields.values()):
        return _pydantic_form(fields, name)
    try:
        return _msgspec_form(fields)
    except (TypeError, RuntimeError) as error:
        if "pydantic" in sys.modules:
            return _pydantic_form(fields, name, reason=error)
        raise _unsupported(name, error) from error


def _msgspec_form(fields: dict[str, Any]) -> tuple[JsonObject, Callable[[Any], Any]]:
    typed_dict: Any = TypedDict  # the fields are known at run time only
    kind = typed_dict(_NAME, fields)
    (root,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    schema = definitions.pop(root["$ref"].removeprefix("#/$defs/"))
    if definitions:
        schema["$defs"] = definitions

    def decode(arguments: Any) -> Any:
        try:
            return msgspec.convert(arguments, kind)
        except msgspec.ValidationError as error:
            try:
                return msgspec.convert(arguments, kind, strict=False)  # models write "5" for 5
            except msgspec.ValidationError:
                raise ValueError(str(error)) from None

    return schema, decode


def _pydantic_form(
    fields: dict[str, Any], name: str, *, reason: Exception | None = None
) -> tuple[JsonObject, Callable[[Any], Any]]:
    import pydantic
    import typing_extensions

    try:
        # Before Python 3.12, pydantic accepts only this TypedDict.
        typed_dict: Any = typing_extensions.TypedDict  # the fields are known at run time only
        kind = typed_dict(_NAME, fields)
        adapter: Any = pydantic.TypeAdapter(kind)
        schema = adapter.json_schema()
    except pydantic.errors.PydanticUserError as error:
        raise _unsupported(name, reason or error) from error

    def decode(arguments: Any) -> Any:
        try:
            return adapter.validate_json(msgspec.json.encode(arguments))
        except pydantic.ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            places = (("/".join(map(str, each["loc"])) or "arguments", each["msg"]) for each in found)
            raise ValueError("; ".join(f"{where}: {what}" for where, what in places)) from None

    return schema, decode


def _unsupported(name: str, error: Exception) -> Misuse:
    first = str(error).splitlines()[0]
    return Misuse(f"tool {name!r}: a parameter's type cannot be turned into a JSON Schema: {first}")


def _describe(
    schema: JsonObject, parameters: tuple[Parameter, ...], hints: Mapping[str, Any], documented: Docstring
) -> None:
    """Put the properties in the order of the parameters, with their descriptions and default values."""
    schema.pop("title", None)
    found = schema.get("properties", {})
    schema["properties"] = {each.name: found[each.name] for each in parameters}
    if "required" in schema:
        schema["required"] = [each.name for each in parameters if each.name in schema["required"]]
    for parameter in parameters:
        prop = schema["properties"][parameter.name]
        if prop.get("title", "").replace(" ", "").lower() == parameter.name.replace("_", "").lower():
            del prop["title"]  # pydantic's, which repeats the name
        description = _annotated_text(hints.get(parameter.name)) or documented.parameters.get(parameter.name)
        if description:
            prop.setdefault("description", description)
        if parameter.default is not Parameter.empty and not _is_field(parameter.default):
            try:
                prop.setdefault("default", msgspec.to_builtins(parameter.default))
            except TypeError:
                continue  # not a JSON value: the model need not know it


def _annotated_text(annotation: Any) -> str | None:
    """Return the description in `Annotated[str, "description"]`, or of a `Doc` there (PEP 727)."""
    for each in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        text = each if isinstance(each, str) else getattr(each, "documentation", None)
        if isinstance(text, str):
            return text
    return None


def _is_field(value: Any) -> bool:
    return type(value).__name__ == "FieldInfo" and type(value).__module__.startswith("pydantic")


def _is_pydantic(annotation: Any) -> bool:
    """Check whether an annotation needs pydantic: a model, a pydantic dataclass, `Field(…)` or a constraint."""
    if isinstance(annotation, type) and any(key.startswith("__pydantic_") for key in vars(annotation)):
        return True
    if type(annotation).__module__.partition(".")[0] in ("pydantic", "annotated_types"):
        return True
    return any(_is_pydantic(each) for each in get_args(annotation) if each is not Ellipsis)


def _convert(arguments: Any, *, known: frozenset[str], decode: Callable[[Any], Any]) -> dict[str, Any]:
    if not isinstance(arguments, dict):
        raise ValueError(f"expected an object, got {type(arguments).__name__}")
    if unknown := sorted(arguments.keys() - known):
        raise ValueError(f"unknown argument {unknown[0]!r}; the arguments are {', '.join(sorted(known)) or 'none'}")
    converted: dict[str, Any] = decode(arguments)
    return converted
