"""Functions as tools: the decorator that configures one, and the object that describes it to a model."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar, overload
from weakref import WeakKeyDictionary

from understudy.client.tools.signatures import Signature, read_signature
from understudy.domain.errors import Misuse
from understudy.domain.messages import OpaqueTool, Tool
from understudy.domain.suggestions import kind_of

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__understudy_tool__"


class _Settings(NamedTuple):
    """What `@tool` says about a function."""

    name: str | None = None
    description: str | None = None
    strict: bool | None = None
    needs_approval: bool | None = None


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
    needs_approval: bool | None = None,
) -> Callable[[F], F]: ...
def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
    needs_approval: bool | None = None,
) -> F | Callable[[F], F]:
    """Say how a function is offered to models: `@tool`, or `@tool(name=…, needs_approval=True)`.

    The function itself stays as it is. Whatever is not given is read from the function; a function without this
    decorator is a tool, too. With `needs_approval` it is executed only after `approve` of `run_tools` has agreed;
    `False` exempts it from `approve`.
    """
    settings = _Settings(name, description, strict, needs_approval)

    def mark(function: F) -> F:
        given: Any = function
        holder = given.__func__ if isinstance(given, (staticmethod, classmethod)) else given
        if not callable(holder) or isinstance(holder, type):
            raise Misuse(f"@tool must decorate a function, got {_kind(function)}")
        try:
            setattr(holder, _MARK, settings)
        except AttributeError as error:
            raise Misuse(f"@tool cannot mark {holder!r}: pass FunctionTool(function, name=…) as the tool") from error
        return function

    return mark if function is None else mark(function)


class FunctionTool(Generic[P, R_co]):
    """A function as a tool, with the description that a model gets of it. It can be called like the function.

    Functions need not be wrapped: `tools=[function]` does it. This class is for functions that cannot be decorated.
    """

    def __init__(
        self,
        function: Callable[P, R_co],
        *,
        name: str | None = None,
        description: str | None = None,
        strict: bool | None = None,
        needs_approval: bool | None = None,
    ) -> None:
        """Raise `Misuse` if the function has no name, or a parameter that JSON cannot pass."""
        if not callable(function) or isinstance(function, type):
            raise Misuse(f"a tool must be a function, got {_kind(function)}")
        marked: _Settings = getattr(_holder(function), _MARK, None) or _Settings()
        self.function = function
        self.name = name or marked.name or _name_of(function)
        self.needs_approval = marked.needs_approval if needs_approval is None else needs_approval
        self._signature = _signature(function, self.name)
        self.definition = Tool(
            name=self.name,
            description=description or marked.description or self._signature.description,
            parameters=self._signature.schema,
            strict=marked.strict if strict is None else strict,
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def bind(self, arguments: Any) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and named arguments of a call. Raise `ValueError` if they are not valid."""
        return self._signature.bind(arguments)


def is_async(function: Any) -> bool:
    """Check whether calling a function returns a coroutine."""
    while isinstance(function, functools.partial):
        function = function.func
    call = getattr(type(function), "__call__", None)  # noqa: B004 - its kind matters, not that it exists
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def is_marked(function: Any) -> bool:
    """Check whether a function is decorated with `@tool`."""
    return getattr(function, _MARK, None) is not None


def function_tools(tools: Any) -> list[Any]:
    """Return the tools, which may be a single one, with every function as a `FunctionTool`.

    Raise `Misuse` as `FunctionTool` does, and for what is not a collection of tools.
    """
    if callable(tools) or isinstance(tools, Tool | OpaqueTool | Mapping):
        tools = (tools,)
    if isinstance(tools, (str, bytes)) or not isinstance(tools, Iterable):
        raise Misuse(f"tools must be a list of functions or tools, not {kind_of(tools)}")
    return [FunctionTool(each) if _is_function(each) else each for each in tools]


def definitions(tools: Iterable[Any]) -> list[Any]:
    """Return the tools with every function, and every `FunctionTool`, as the `Tool` that describes it to a model."""
    return [each.definition if isinstance(each, FunctionTool) else each for each in function_tools(tools)]


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, Tool | OpaqueTool | FunctionTool)


_SIGNATURES: WeakKeyDictionary[Callable[..., Any], Signature] = WeakKeyDictionary()
_METHODS: WeakKeyDictionary[Callable[..., Any], Signature] = WeakKeyDictionary()
"""Signatures that were read, by function; those of bound methods lack `self`."""


def _signature(function: Callable[..., Any], name: str) -> Signature:
    """Return the signature of a function, which is read once."""
    if inspect.isfunction(function):
        known, key = _SIGNATURES, function
    elif inspect.ismethod(function) and inspect.isfunction(function.__func__):
        known, key = _METHODS, function.__func__
    else:
        return read_signature(function, name)
    if (signature := known.get(key)) is None:
        signature = known[key] = read_signature(function, name)
    return signature


def _holder(function: Any) -> Any:
    """Return what `@tool` has marked: the function itself, or the one inside a `partial`."""
    while isinstance(function, functools.partial) and not hasattr(function, _MARK):
        function = function.func
    return function


def _name_of(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None) or type(function).__name__
    if not isinstance(name, str) or name == "<lambda>":
        raise Misuse("a lambda has no name that a model could call: pass FunctionTool(function, name=…)")
    return name


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
