"""Draws the reference of the Python API from signatures, annotations and docstrings: Markdown, one part per group."""

from __future__ import annotations

import ast
import enum
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, is_typeddict

import msgspec

import understudy
from understudy import blocking, emulator, ledger, testing
from understudy.homes import HOME_OF

GROUPS: dict[str, str] = {
    "entry points": "from_config create_provider Provider ProviderManager LLMProvider ResponseStream",
    "options": "RequestOptions TypedOptions EmbedOptions Prompt Texts",
    "conversations": (
        "Message Role Text Image Audio File Thinking Refusal Citation ToolCall ToolResult Opaque Provenance CacheMark "
        "fetch_media"
    ),
    "tools": (
        "Tool OpaqueTool ToolChoice tool FunctionTool ToolError RunOptions TypedRunOptions RunResult RunStep "
        "ToolOutcome RunStream RunEvent StepStarted StepEnded ToolStarted ToolEnded RunLimitExceeded Conversation "
        "ToolRunner"
    ),
    "requests": "GenerationRequest EmbeddingRequest OutputFormat Reasoning WireOrigin",
    "answers": (
        "GenerationResponse EmbeddingResponse FinishReason Usage ModelUsage Cost Money Warning WarningKind "
        "AttemptRecord Outcome CostBasis Operation Explanation PlannedTarget SkippedTarget TimelineEvent ModelInfo "
        "TokenCount HealthStatus Quota ProviderStats Quantiles"
    ),
    "events": (
        "Event Started TextDelta ThinkingDelta ThinkingSigned RefusalDelta ToolCallStarted ToolCallDelta CitationAdded "
        "PartAdded PartExtra UsageReported FactReported Warned Restarted Heartbeat Finished Frame"
    ),
    "errors": (
        "LLMError Misuse ConfigError Refused AuthenticationFailed PermissionDenied ModelNotFound InvalidRequest "
        "ContextLengthExceeded RequestTooLarge ContentFiltered QuotaExhausted Unsupported Unavailable ConnectionFailed "
        "TimedOut DeadlineExceeded RateLimited Overloaded ServerFailed InvalidResponse StreamInterrupted "
        "GenerationFailed EmbeddingFailed Failure FailureKind LimitState"
    ),
    "configuration": (
        "ProviderConfig FallbackConfig FallbackStrategy Route ProviderType Secret Signer TokenSource Price Rates Tier "
        "Dollars Allowance Budget Limit Capture"
    ),
    "strategies": "Strategy Plan Step Skip Target Facts TargetFacts Limits",
    "extensions": (
        "ProviderRow QuotaHeaders Family Auth Quirks QuirksPatch ParameterLimits MetadataLimits ErrorRule Endpoint "
        "Bounds Transport Incoming TransportError "
        "HttpRequest HttpHead LedgerSink Observer RequestObserver RequestWatch EndedRequest MemoryLedger Tracing "
        "TracingConfig"
    ),
}
"""Every public name of `understudy`, under the heading beneath which it stands; a test holds the list complete."""

DUNDERS = ("__version__", "blocking")


def names() -> list[str]:
    """Return the public names that the page describes."""
    return [name for group in GROUPS.values() for name in group.split()]


def group(name: str) -> str:
    """Return the reference of a group."""
    return "\n\n".join(_described(each, getattr(understudy, each)) for each in GROUPS[name].split())


def module(space: Any) -> str:
    """Return the reference of a further module, such as `understudy.blocking`, without what it has from another."""
    elsewhere = {testing: emulator.__all__, ledger: understudy.__all__}.get(space, ())
    own = (name for name in space.__all__ if name not in elsewhere)
    return "\n\n".join(_described(name, getattr(space, name)) for name in own)


PARTS: dict[str, Callable[[], str]] = {
    **{name: partial(group, name) for name in GROUPS},
    "blocking": partial(module, blocking),
    "emulator": partial(module, emulator),
    "ledger": partial(module, ledger),
    "testing": partial(module, testing),
}


def _described(name: str, thing: Any) -> str:
    lines = [f"### `{name}`", ""]
    if inspect.isclass(thing):
        lines += _class(thing)
    elif callable(thing) and inspect.isfunction(thing):
        lines += [f"```text\n{_signature(name, thing)}\n```", "", _doc(thing)]
    else:
        lines += _alias(name)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip()


def _class(thing: type[Any]) -> list[str]:
    lines = [_doc(thing), ""]
    if issubclass(thing, BaseException):
        bases = ", ".join(f"`{base.__name__}`" for base in thing.__bases__)
        lines = [f"Subclass of {bases}. {_doc(thing)}", ""]
    if issubclass(thing, enum.Enum):
        lines += [f"- `{member.value}`{_after(_documents(thing).get(member.name))}" for member in thing]
    elif fields := list(_fields(thing)):
        lines += ["| field | type | default | |", "| --- | --- | --- | --- |", *fields]
    elif (
        "__init__" in vars(thing) and not issubclass(thing, BaseException) and not getattr(thing, "_is_protocol", False)
    ):
        lines += [f"```text\n{_signature(thing.__name__, thing.__init__)}\n```"]
    methods = [line for name, member in _members(thing) for line in _member(name, member)]
    return [*lines, "", *methods]


def _fields(thing: type[Any]) -> Iterator[str]:
    documents = _documents(thing)
    if issubclass(thing, msgspec.Struct):
        names, defaults = thing.__struct_fields__, thing.__struct_defaults__
        missing = [msgspec.NODEFAULT] * (len(names) - len(defaults))
        for name, default in zip(names, [*missing, *defaults], strict=True):
            yield _row(name, _annotations(thing).get(name, ""), _default(default), documents.get(name))
    elif is_typeddict(thing):
        for name in thing.__annotations__:
            yield _row(name, _annotations(thing).get(name, ""), "", documents.get(name))


def _default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return "required"
    if factory := getattr(value, "default_factory", None):
        value = factory()
    if isinstance(value, frozenset):
        return f"`{{{', '.join(sorted(map(repr, value)))}}}`" if value else "`frozenset()`"
    if isinstance(value, enum.Enum):
        return f"`{value.value!r}`"
    if isinstance(value, msgspec.Struct):  # what is not at its own default
        return f"`{type(value).__name__}({'' if value == type(value)() else '…'})`" if _is_optional(value) else "…"
    return "a function" if inspect.isfunction(value) else f"`{value!r}`"


def _is_optional(value: msgspec.Struct) -> bool:
    return msgspec.NODEFAULT not in value.__struct_defaults__ and len(value.__struct_defaults__) == len(
        value.__struct_fields__
    )


def _row(name: str, kind: str, default: str, words: str | None) -> str:
    cells = (f"`{name}`", f"`{kind}`" if kind else "", default, words or "")
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _members(thing: type[Any]) -> Iterator[tuple[str, Any]]:
    """Return the public methods and properties that a class or its bases in this project define, in their order."""
    seen: set[str] = set()
    for base in thing.__mro__:
        if not base.__module__.startswith("understudy"):
            continue
        for name, member in vars(base).items():
            if not name.startswith("_") and name not in seen and _is_described(member):
                seen.add(name)
                yield name, member


def _is_described(member: Any) -> bool:
    member = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    return (inspect.isfunction(member) or isinstance(member, property)) and bool(member.__doc__)


def _member(name: str, member: Any) -> Iterator[str]:
    if isinstance(member, property):
        yield f"- `{name}`: {_flat(_doc(member))}"
        return
    function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    yield f"- `{_signature(name, function)}`: {_flat(_doc(function))}"


def _signature(name: str, function: Any) -> str:
    found = inspect.signature(function)
    parameters = [one for one in found.parameters.values() if one.name not in ("self", "cls")]
    text = str(found.replace(parameters=parameters)).replace("'", "").removesuffix(" -> None")
    return f"{'await ' if inspect.iscoroutinefunction(function) else ''}{name}{text}"


def _doc(thing: Any) -> str:
    return re.sub(r"\n{3,}", "\n\n", inspect.getdoc(thing) or "").strip()


def _flat(text: str) -> str:
    return " ".join(text.split())


def _after(words: str | None) -> str:
    return f": {_flat(words)}" if words else ""


@cache
def _tree(module_name: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module_name]))


def words_of(thing: type[Any]) -> dict[str, str]:
    """Return what is written about each field of a struct, in one line."""
    return {name: _flat(_documents(thing)[name]) for name in thing.__struct_fields__}


def _documents(thing: type[Any]) -> Mapping[str, str]:
    """Return the strings beneath the fields of a class and its bases."""
    return {
        name: words for base in reversed(_lineage(thing)) for name, (_, words) in _statements(base).items() if words
    }


def _annotations(thing: type[Any]) -> Mapping[str, str]:
    return {name: kind for base in reversed(_lineage(thing)) for name, (kind, _) in _statements(base).items()}


def _lineage(thing: type[Any]) -> list[type[Any]]:
    """Return a class and its bases; those of a TypedDict are in its declaration only."""
    if not is_typeddict(thing):
        return list(thing.__mro__)
    body = _tree(thing.__module__).body
    declared = next(node for node in body if isinstance(node, ast.ClassDef) and node.name == thing.__name__)
    names = [ast.unparse(base).partition("[")[0] for base in declared.bases]
    bases = [getattr(sys.modules[thing.__module__], name) for name in names]
    return [thing, *(found for base in bases if is_typeddict(base) for found in _lineage(base))]


def _statements(thing: type[Any]) -> Mapping[str, tuple[str, str]]:
    """Return annotation and document of each field that the body of a class declares."""
    if not thing.__module__.startswith("understudy"):
        return {}
    declared = [node for node in _tree(thing.__module__).body if isinstance(node, ast.ClassDef)]
    body = next((node.body for node in declared if node.name == thing.__name__), [])
    found: dict[str, tuple[str, str]] = {}
    for node, following in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind):
                found[name] = (ast.unparse(kind), _string(following))
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = ("", _string(following))
    return found


def _string(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(words))):
            return " ".join(words.split())
    return ""


def _alias(name: str) -> list[str]:
    """Return the definition of a name that stands for a type."""
    homes = {**testing._HOME_OF, **HOME_OF}  # pyright: ignore[reportPrivateUsage]
    home = homes.get(name, "understudy.emulator.emulator")
    body = _tree(home).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return [f"`{' '.join(ast.unparse(value).split())}`", "", _string(following)]
    return []
