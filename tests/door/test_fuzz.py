"""Arguments of wrong types at every public entry: only the library's errors come out, nothing is sent, no key is shown.

A few thousand calls in the suite; `python -m pytest --deep tests/door/test_fuzz.py` makes 10⁵.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

import understudy as u
from understudy import blocking

CANARY = "sk-proj-canary-Zk9Qw7Ty5Rr3Pp1Mm8Nn6Bb4"
QUICK, DEEP = 1_500, 100_000


class NothingIsSent:
    """A transport that no call may reach."""

    async def send(self, request: u.HttpRequest, *, connect: float) -> NoReturn:
        raise SystemExit(f"sent: {request.method} {request.url}")

    async def aclose(self) -> None:
        """Do nothing."""


def junk(rng: random.Random, depth: int = 0) -> Any:
    """Return a value of a type that is right nearly nowhere."""
    plain: list[Callable[[], Any]] = [
        lambda: None, lambda: True, lambda: 0, lambda: -1, lambda: 10**40, lambda: 1.5, lambda: float("nan"),
        lambda: float("inf"), lambda: "", lambda: CANARY, lambda: b"\x00\xff", object, lambda: object, lambda: str,
        lambda: u.Role.USER, lambda: u.Secret(CANARY), lambda: {1, 2}, lambda: range(3), lambda: print,
        lambda: iter(()), lambda: u.Tool, lambda: complex(1, 2), lambda: NotImplemented,
        lambda: u.Text("x"), u.FallbackConfig, lambda: ValueError(CANARY),
    ]  # fmt: skip
    if depth < 3:
        plain += [
            lambda: [junk(rng, depth + 1)],
            lambda: (junk(rng, depth + 1), "x"),
            lambda: {"role": junk(rng, depth + 1), "content": junk(rng, depth + 1)},
            lambda: {"openai": junk(rng, depth + 1)},
            lambda: {"a": junk(rng, depth + 1)},
            lambda: {5: junk(rng, depth + 1)},
        ]
    return rng.choice(plain)()


def provider(module: Any) -> Any:
    config = u.ProviderConfig(provider="openai", api_key="sk-test-1234567", text_model="m", embedding_model="e")
    return module.create_provider(config, transport=NothingIsSent())


OPTIONS = tuple(u.RequestOptions.__annotations__)
EMBED = tuple(u.EmbedOptions.__annotations__)


def fields_of(kind: Any) -> tuple[str, ...]:
    return tuple(kind.__struct_fields__)


def made(kind: Any, **required: Any) -> Callable[[random.Random], Any]:
    """Return a maker of a struct one or two of whose fields are junk."""

    def make(rng: random.Random) -> Any:
        names = rng.sample(fields_of(kind), min(2, len(fields_of(kind))))
        return kind(**{**required, **{name: junk(rng) for name in names}})

    return make


MAKERS: tuple[Callable[[random.Random], Any], ...] = (
    made(u.ProviderConfig, provider="openai"),
    made(u.FallbackConfig),
    made(u.Route, name="r", targets=("a",)),
    made(u.Message, role=u.Role.USER),
    made(u.ToolResult, call_id="c"),
    made(u.ToolCall, id="c", name="f"),
    made(u.Tool, name="f"),
    made(u.ToolChoice),
    made(u.Text, text="x"),
    made(u.Image),
    lambda rng: u.create_provider(junk(rng)),
    lambda rng: u.create_provider("openai", **{rng.choice(("fallback", "observers", "sink", "row")): junk(rng)}),
    lambda rng: u.ProviderManager(junk(rng)),
    lambda rng: u.ProviderManager(["openai"], **{rng.choice(("fallback", "routes", "observers", "sink")): junk(rng)}),
    lambda rng: u.from_config({"llm": {"providers": [junk(rng)]}}),
    lambda rng: blocking.create_provider(junk(rng)),
    lambda rng: blocking.ProviderManager(junk(rng)),
)


def called(llm: Any, rng: random.Random) -> Any:
    """Make one call of which a prompt or an option is junk; return what it returns, an awaitable or not."""
    prompt: Any = junk(rng) if rng.random() < 0.4 else "Hi"
    if rng.random() < 0.2:
        request = {"messages": (u.Message.user("Hi"),), rng.choice(fields_of(u.GenerationRequest)): junk(rng)}
        prompt = u.GenerationRequest(**request)
    options = {rng.choice(OPTIONS): junk(rng)}
    match rng.randrange(4):
        case 0:
            return llm.embed(prompt if rng.random() < 0.5 else "x", **{rng.choice(EMBED): junk(rng)})
        case 1:
            return llm.count_tokens(prompt, **options)
        case 2:
            stream = llm.stream(prompt, **options)
            return stream.collect()
        case _:
            return llm.generate(prompt, **options)


def checked(error: BaseException) -> None:
    seen: BaseException | None = error
    while seen is not None and isinstance(seen, u.LLMError):
        assert CANARY not in str(seen)
        seen = seen.__cause__


async def test_only_the_librarys_errors_come_out(deep: bool) -> None:
    rng = random.Random(20261128)
    asynchronous, synchronous = provider(u), provider(blocking)
    for number in range(DEEP if deep else QUICK):
        try:
            if number % 2:
                made_one = rng.choice(MAKERS)(rng)
                if not isinstance(made_one, u.Message | u.ToolResult | u.Text | u.ToolCall | u.Tool):
                    assert CANARY not in repr(getattr(made_one, "api_key", None))
                continue
            llm = synchronous if number % 20 == 0 else asynchronous
            result = called(llm, rng)
            if inspect.isawaitable(result):
                await result
        except u.LLMError as error:
            checked(error)
        except SystemExit:
            continue  # such a call was right after all
        except Exception as error:  # noqa: BLE001 - that is what the test is about
            pytest.fail(f"call {number}: {type(error).__name__}: {error}")
