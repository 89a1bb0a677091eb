"""Arguments of wrong types at every public entry: only the library's errors come out, nothing is sent, no key is shown.

A few thousand calls in the suite; `python -m pytest --deep tests/door/test_fuzz.py` makes 10⁵. What may be sent is
stated here by hand, in `RIGHT`.
"""

from __future__ import annotations

import collections
import dataclasses
import inspect
import math
import random
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import pytest

import understudy as u
from understudy import blocking

CANARY = "sk-proj-canary-Zk9Qw7Ty5Rr3Pp1Mm8Nn6Bb4"
QUICK, DEEP = 1_500, 100_000


class Sent(BaseException):
    """A request that reached the network."""


class NothingIsSent:
    """A transport that no call with a mistake may reach."""

    async def send(self, request: u.HttpRequest, *, connect: float) -> NoReturn:
        raise Sent(f"{request.method} {request.url}")

    async def aclose(self) -> None:
        """Do nothing."""


# ---- wrong values ----


class Shown:
    """Shows a key in whatever prints it."""

    def __repr__(self) -> str:
        return f"<Shown {CANARY}>"


class Array:
    """Compares as an array does: item by item, and the result is neither true nor false."""

    def __eq__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")

    __hash__ = None  # type: ignore[assignment]


class Str(str):
    """As numpy's strings are."""

    __slots__ = ()


class Whole(int):
    """An integer of another type."""


class Real(float):
    """As numpy's numbers are."""

    __slots__ = ()


def junk(rng: random.Random, depth: int = 0) -> Any:
    """Return a value of a type that is right nearly nowhere."""
    plain: list[Callable[[], Any]] = [
        lambda: None, lambda: True, lambda: 0, lambda: -1, lambda: 10**40, lambda: 1.5, lambda: float("nan"),
        lambda: float("inf"), lambda: "", lambda: CANARY, lambda: b"\x00\xff", object, lambda: object, lambda: str,
        lambda: u.Role.USER, lambda: u.Secret(CANARY), lambda: {1, 2}, lambda: range(3), lambda: print,
        lambda: iter(()), lambda: u.Tool, lambda: complex(1, 2), lambda: NotImplemented,
        lambda: u.Text("x"), u.FallbackConfig, lambda: ValueError(CANARY), Shown, Array, lambda: Str("x"),
        lambda: Whole(5), lambda: Real(0.5), lambda: types.MappingProxyType({"a": "b"}),
        lambda: collections.UserDict(a=1), lambda: collections.deque(["x"]), lambda: "\ud800",
    ]  # fmt: skip
    if depth < 3:
        plain += [
            lambda: [junk(rng, depth + 1)],
            lambda: (junk(rng, depth + 1), "x"),
            lambda: {"role": junk(rng, depth + 1), "content": junk(rng, depth + 1)},
            lambda: {"role": "user", "content": "x", "name": junk(rng, depth + 1), "other": junk(rng, depth + 1)},
            lambda: {"openai": {"x": junk(rng, depth + 1)}},
            lambda: {"openai": junk(rng, depth + 1)},
            lambda: {"a": junk(rng, depth + 1)},
            lambda: {5: junk(rng, depth + 1)},
            lambda: {Shown(): junk(rng, depth + 1)} if depth else {"a": {CANARY: 1}},
        ]
    return rng.choice(plain)()


# ---- what is right ----


def is_string(value: object) -> bool:
    return isinstance(value, str)


def is_integer(least: float = -math.inf) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(least: float = -math.inf, most: float = math.inf) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and least <= value <= most
    )


def is_amount(value: object) -> bool:
    """Check whether a value may be an amount of dollars: above 0, at most a billion, and exact to a billionth."""
    return is_number(1e-9, 1e9)(value) and round(float(value) * 1e9) == float(value) * 1e9  # type: ignore[arg-type]


def is_flag(value: object) -> bool:
    return value is True or value is False


def is_strings(value: object) -> bool:
    return isinstance(value, Mapping) and all(is_string(key) and is_string(item) for key, item in value.items())


def is_json(value: object) -> bool:
    match value:
        case Mapping():
            return all(is_string(key) and is_json(item) for key, item in value.items())
        case list() | tuple():
            return all(map(is_json, value))
        case None | bool() | int():
            return True
        case float():
            return math.isfinite(value)
    return is_string(value)


def is_extra(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        key == "openai" and isinstance(item, Mapping) and is_json(item) for key, item in value.items()
    )


def is_content(value: object) -> bool:
    """Check whether a message may have this content: strings and parts, written in ours or OpenAI's form."""
    match value:
        case u.Text():
            return True
        case list() | tuple():
            return all(is_string(each) or isinstance(each, (u.Text, Mapping)) for each in value)
    return is_string(value)


def is_prompt(value: object) -> bool:
    """Check whether a value may be a prompt, looking into messages only as far as junk goes."""
    match value:
        case str():
            return is_string(value) and value != ""
        case u.Text():
            return True
        case Mapping():
            role, content = value.get("role"), value.get("content")
            return role == "user" and is_content(content) and is_json({**value, "content": None})
        case list() | tuple() | collections.deque():
            return bool(value) and (all(map(is_content, value)) or all(map(is_prompt, value)))
    return False


RIGHT: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("model", "service_tier", "user", "cache_key", "task", "session"), is_string),
    **dict.fromkeys(("parallel_tool_calls", "logprobs", "single"), is_flag),
    **dict.fromkeys(("metadata", "labels"), is_strings),
    **dict.fromkeys(("presence_penalty", "frequency_penalty"), is_number()),
    **dict.fromkeys(("max_tokens", "dimensions", "concurrency"), is_integer(1)),
    **dict.fromkeys(("top_p", "min_p"), is_number(0, 1)),
    "schema": lambda value: isinstance(value, (Mapping, type)),
    "temperature": is_number(0),
    "top_k": is_integer(-1),
    "top_logprobs": is_integer(0),
    "seed": is_integer(),
    "deadline": is_number(1e-9),
    "max_cost": is_amount,
    "hold_chars": is_integer(1),
    "on_midstream_error": lambda value: value in ("surface", "hold", "restart", "continue"),
    "verbosity": lambda value: value in ("low", "medium", "high"),
    "input_type": lambda value: value in ("document", "query", "classification", "clustering"),
    "stop": lambda value: is_string(value) or (isinstance(value, (list, tuple)) and all(map(is_string, value))),
    "extra": is_extra,
    "system": is_content,
    "logit_bias": lambda value: isinstance(value, Mapping) and all(map(is_number(), value.values())),
    "messages": is_prompt,
    "texts": lambda value: is_string(value) or (bool(value) and all(map(is_string, value))),
    "configured": lambda value: False,
    "origin": lambda value: False,
    "tools": lambda value: isinstance(value, Iterable) and not [*value],
    **dict.fromkeys(("tool_choice", "output", "reasoning", "cache"), lambda value: False),
    **dict.fromkeys(("max_steps", "max_tool_calls"), is_integer(1)),
    "approve": callable,
    **dict.fromkeys(("on_limit", "tool_errors"), lambda value: False),
}
"""What each argument may be: nothing else is ever sent. No junk is a tool, a reasoning, an output format or a mark."""


# ---- entries ----


def provider(module: Any) -> Any:
    free = u.Price.per_million(input=0, output=0)  # whatever max_cost is, it is enough
    config = u.ProviderConfig(
        provider="openai", api_key="sk-test-1234567", text_model="m", embedding_model="e", price=free
    )
    return module.create_provider(config, transport=NothingIsSent())


OPTIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("generate", "stream", "count_tokens"), tuple(u.RequestOptions.__annotations__)),
    **dict.fromkeys(("run_tools", "stream_tools"), tuple(u.RunOptions.__annotations__)),
    "embed": tuple(u.EmbedOptions.__annotations__),
}


def fields_of(kind: Any) -> tuple[str, ...]:
    return tuple(kind.__struct_fields__)


def made(kind: Any, **required: Any) -> Callable[[random.Random], Any]:
    """Return a maker of a struct one or two of whose fields are junk."""

    def make(rng: random.Random) -> Any:
        names = rng.sample(fields_of(kind), min(2, len(fields_of(kind))))
        return kind(**{**required, **{name: junk(rng) for name in names}})

    return make


PARTS = (
    made(u.ToolResult, call_id="c"),
    made(u.ToolCall, id="c", name="f"),
    made(u.Text, text="x"),
    made(u.Thinking),
    made(u.Image, url="https://example.test/a.png"),
    made(u.File, text="x"),
    made(u.Opaque, dialect="openai", json={}),
)
CHOSEN: Mapping[str, Callable[[random.Random], Any]] = {
    "tools": made(u.Tool, name="f"),
    "tool_choice": made(u.ToolChoice),
    "reasoning": made(u.Reasoning, effort="low"),
    "output": made(u.OutputFormat, json_schema={"type": "object"}),
    "cache": made(u.CacheMark),
}
"""Options that are structs."""

MAKERS: tuple[Callable[[random.Random], Any], ...] = (
    made(u.ProviderConfig, provider="openai"),
    made(u.FallbackConfig),
    made(u.Route, name="r", targets=("a",)),
    lambda rng: u.create_provider(junk(rng)),
    lambda rng: u.create_provider("openai", **{rng.choice(("fallback", "observers", "sink", "row")): junk(rng)}),
    lambda rng: u.ProviderManager(junk(rng)),
    lambda rng: u.ProviderManager(["openai"], **{rng.choice(("fallback", "routes", "observers", "sink")): junk(rng)}),
    lambda rng: u.from_config({"llm": {"providers": [junk(rng)]}}),
    lambda rng: blocking.create_provider(junk(rng)),
    lambda rng: blocking.ProviderManager(junk(rng)),
)


@dataclasses.dataclass
class Call:
    """One call: the operation, what comes first, and the options. `given` are the arguments that hold junk."""

    operation: str
    first: Any
    options: dict[str, Any]
    given: dict[str, Any]

    async def make(self, llm: Any) -> None:
        result = getattr(llm, self.operation)(self.first, **self.options)
        if self.operation in ("stream", "stream_tools"):
            result = result.collect()
        if inspect.isawaitable(result):
            await result


def call(rng: random.Random) -> Call:
    """Return a call of which some argument is junk, or a struct with a junk field. Raise `Misuse` as structs do."""
    operation = rng.choice((*OPTIONS, "generate"))
    embeds = operation == "embed"
    option = rng.choice(OPTIONS[operation])
    given = {option: junk(rng)} if rng.random() < 0.7 else {}
    options = dict(given)
    first, kind = ("texts", u.EmbeddingRequest) if embeds else ("messages", u.GenerationRequest)
    prompt: Any = "Hi"
    match rng.randrange(5):
        case 0:
            field = rng.choice(fields_of(kind))
            value = given[field] = junk(rng)
            prompt = kind(**{first: ("Hi",), field: value})
        case 1:
            prompt = given[first] = junk(rng)
        case 2 if not embeds:
            name = rng.choice((*CHOSEN, ""))
            if name:
                given.pop(name, None)
                options[name] = CHOSEN[name](rng)
        case 3 if not embeds:
            part = rng.choice(PARTS)(rng)
            field = rng.choice(("content", "name", "extra"))
            value = junk(rng) if rng.random() < 0.2 else None
            prompt = u.Message(
                **{"role": rng.choice(list(u.Role)), "content": part, **({} if value is None else {field: value})}
            )
    return Call(operation, prompt, options, given)


def check(error: u.LLMError) -> None:
    """Check that a mistake is reported as the caller's, and that no key shows in it or in what led to it."""
    assert isinstance(error, u.Misuse), f"{type(error).__name__}: {error}"
    seen: BaseException | None = error
    while seen is not None:
        assert CANARY not in f"{seen} {seen!r}"
        seen = seen.__cause__


async def test_only_the_librarys_errors_come_out(deep: bool) -> None:
    rng = random.Random(20261128)
    asynchronous, synchronous = provider(u), provider(blocking)
    for number in range(DEEP if deep else QUICK):
        one: Any = None
        try:
            if number % 2:
                one = rng.choice(MAKERS)(rng)
                assert CANARY not in repr(getattr(one, "api_key", None))
            else:
                one = call(rng)
                await one.make(synchronous if number % 20 == 0 else asynchronous)
        except u.LLMError as error:
            check(error)
        except Sent:
            assert all(value is None or RIGHT[name](value) for name, value in one.given.items()), one
        except Exception as error:  # noqa: BLE001 - that is what the test is about
            pytest.fail(f"call {number}: {type(error).__name__}: {error}; {one}")
