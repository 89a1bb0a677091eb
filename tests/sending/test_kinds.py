"""Requests that vendors were found to refuse, each a single case of its kind, at every provider and model family.

What is sent keeps the vendor's rules and its client's types, and nothing is lost without a word: what the case marks as
`told` is in the body, or a warning says what became of it.
"""

from __future__ import annotations

import base64
import datetime
import decimal
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
import pydantic
import pytest
from pydantic import BaseModel, Field

import understudy as u
from tests.sending.conversations import PDF, PNG
from tests.sending.targets import FAMILIES, Family, Sender, refused
from understudy.client.prompt import read_prompt
from understudy.domain.content import CacheMark, Provenance
from understudy.emulator import Emulator
from understudy.wire.json import encode

ASK = u.Message.user("What is the weather?")
TOOL = u.Tool(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})


class Inner(BaseModel):
    """A part."""

    size: int = Field(ge=0, le=9)


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    age: int | None = None


class Constrained(BaseModel):
    count: int = Field(ge=0)
    names: list[str] = Field(min_length=2)
    tags: set[str]
    pair: tuple[int, str]
    inner: Inner = Field(description="beside a reference")
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Odd(BaseModel, extra="allow"):
    url: pydantic.HttpUrl
    anything: Any
    data: bytes
    price: decimal.Decimal
    day: datetime.date


def call(name: str = "weather", identifier: str = "call_1", arguments: str = '{"city": "Paris"}') -> u.ToolCall:
    return u.ToolCall(id=identifier, name=name, arguments=arguments)


def result(identifier: str = "call_1", content: Any = "TOLD-1", name: str = "weather") -> u.ToolResult:
    return u.ToolResult(call_id=identifier, content=content, name=name)


class Case(msgspec.Struct, frozen=True):
    """A request, and words of it that must arrive."""

    messages: tuple[u.Message, ...] = (ASK,)
    options: dict[str, Any] = {}
    told: tuple[str, ...] = ()


LOOP = (ASK, u.Message.assistant((call(),)), u.Message.tool(result()))
CASES: dict[str, Case] = {
    "an object schema": Case(options={"schema": Inner}, told=("size",)),
    "a schema with ranges, sets, tuples, references and a discriminated union": Case(
        options={"schema": Constrained}, told=("names", "tags", "pair", "inner", "pet")
    ),
    "a schema with formats, anything, bytes, decimals and further properties": Case(
        options={"schema": Odd}, told=("url", "anything", "price", "day")
    ),
    "a list of models": Case(options={"schema": list[Inner]}, told=("size",)),
    "an empty tool": Case(options={"tools": [u.Tool(name="now", parameters={})]}),
    "a tool without properties": Case(options={"tools": [u.Tool(name="now", parameters={"type": "object"})]}),
    "a strict tool that cannot be strict": Case(
        options={"tools": [msgspec.structs.replace(TOOL, strict=True)]}, told=("city",)
    ),
    "tools with names that vendors refuse": Case(
        options={
            "tools": [
                msgspec.structs.replace(TOOL, name=name) for name in ("fs.read/file", "städte", "a" * 70, "9 lives")
            ]
        },
        told=("city",),
    ),
    "calls with names that vendors refuse": Case(
        (ASK, u.Message.assistant((call("fs.read/file"),)), u.Message.tool(result(name="fs.read/file"))),
        {"tools": [msgspec.structs.replace(TOOL, name="fs.read/file")]},
        ("TOLD-1",),
    ),
    "text beside calls": Case(
        (ASK, u.Message.assistant((u.Text("TOLD-2"), call())), u.Message.tool(result())),
        {"tools": [TOOL]},
        ("TOLD-1", "TOLD-2"),
    ),
    "an answer, then calls": Case(
        (ASK, u.Message.assistant("TOLD-2"), u.Message.assistant((call(),)), u.Message.tool(result())),
        {"tools": [TOOL]},
        ("TOLD-1", "TOLD-2"),
    ),
    "parallel calls answered apart": Case(
        (
            ASK,
            u.Message.assistant((call(), call(identifier="call_2"))),
            u.Message.tool(result()),
            u.Message.user("TOLD-3"),
            u.Message.tool(result("call_2", "TOLD-2")),
        ),
        {"tools": [TOOL]},
        ("TOLD-1", "TOLD-2", "TOLD-3"),
    ),
    "a system message between a call and its result": Case(
        (ASK, u.Message.assistant((call(),)), u.Message.system("TOLD-2"), u.Message.tool(result())),
        {"tools": [TOOL]},
        ("TOLD-1", "TOLD-2"),
    ),
    "a call without its result": Case(
        (ASK, u.Message.assistant((call(),)), u.Message.user("TOLD-1")), {"tools": [TOOL]}, ("TOLD-1",)
    ),
    "a result without its call": Case((ASK, u.Message.tool(result("nobody"))), {"tools": [TOOL]}, ("TOLD-1",)),
    "an image in a result": Case(
        (
            ASK,
            u.Message.assistant((call(),)),
            u.Message.tool(result(content=(u.Text("TOLD-1"), u.Image(data=PNG, media_type="image/png")))),
        ),
        {"tools": [TOOL]},
        ("TOLD-1", PNG[:40]),
    ),
    "white space for a system message": Case((u.Message.system(" \n"), ASK)),
    "white space for the user's words": Case((u.Message.user("  "),)),
    "white space for a result": Case((*LOOP[:2], u.Message.tool(result(content="\n"))), {"tools": [TOOL]}),
    "a beginning that ends in a blank": Case((ASK, u.Message.assistant("TOLD-1 "))),
    "six cache marks": Case(
        (u.Message.user(tuple(u.Text(f"TOLD-{n}", cache=CacheMark()) for n in range(6))),),
        told=tuple(f"TOLD-{n}" for n in range(6)),
    ),
    "arguments that are not JSON": Case(
        (
            ASK,
            u.Message.assistant((call(arguments=""), call(identifier="call_2", arguments='{"city": "Par'))),
            u.Message.tool(result(), result("call_2")),
        ),
        {"tools": [TOOL]},
        ("Par",),
    ),
    "an id that vendors refuse": Case(
        (ASK, u.Message.assistant((call(identifier="a b|" * 20),)), u.Message.tool(result("a b|" * 20))),
        {"tools": [TOOL]},
        ("TOLD-1",),
    ),
    "thinking of another provider": Case(
        (
            ASK,
            u.Message.assistant(
                (u.Thinking("hm", signature="c2ln", provenance=Provenance("other", "m", "p", "https://a.b")), call())
            ),
            u.Message.tool(result()),
        ),
        {"tools": [TOOL], "reasoning": "low"},
        ("TOLD-1",),
    ),
    "image/jpg, and a label that the bytes belie": Case(
        (u.Message.user((u.Text("TOLD-1"), u.Image(data=PNG, media_type="image/jpg"))),), told=("TOLD-1", PNG[:40])
    ),
    "a data URL without base64": Case(
        (u.Message.user((u.Text("TOLD-1"), u.Image(url="data:image/png," + quote(base64.b64decode(PNG))))),),
        told=("TOLD-1", PNG[:40]),
    ),
    "a PDF without a name": Case(
        (u.Message.user((u.Text("TOLD-1"), u.File(data=PDF, media_type="application/pdf"))),), told=("TOLD-1", PDF[:40])
    ),
    "sampling": Case(options={"temperature": 0.7, "top_p": 0.9, "stop": ["END"]}, told=("0.7", "0.9", "END")),
}


@cache
def sender_of(family: Family) -> Sender:
    return Sender(family)


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    for family in FAMILIES:
        sender_of(family).close()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.label)
def test_a_kind_of_request_that_was_refused(family: Family, name: str) -> None:
    case = CASES[name]
    request = read_prompt(case.messages, case.options).request  # type: ignore[arg-type]
    sent, answer = sender_of(family).generate(request)
    assert refused(sent, lambda each: each.complaint) == []
    assert refused(sent, lambda each: each.objection) == []
    if not sent:
        assert isinstance(answer, u.Unsupported), repr(answer)
        return
    if isinstance(answer, u.LLMError):
        # The emulated model does not heed a rule that stands in a description; the answer is checked here nevertheless.
        assert isinstance(answer, u.InvalidResponse), repr(answer)
        assert "schema" in case.options
        return
    body = encode(sent[-1].body).decode()
    missing = [words for words in case.told if words not in body]
    assert not missing or answer.warnings, f"{missing} left out silently: {body}"


@pytest.mark.parametrize("count", [5, 6])
async def test_more_images_than_a_target_takes_go_to_the_next(count: int) -> None:
    """Groq: "Too many images provided. This model supports up to 5 images"."""
    picture = u.Image(url="https://example.com/a.png")
    async with Emulator(("groq", "openai")) as emulator:
        entries = [
            u.ProviderConfig(provider=name, base_url=emulator.url(name), api_key=emulator.key, text_model=model)
            for name, model in (("groq", "qwen/qwen3.8-27b"), ("openai", "gpt-4o"))
        ]
        async with u.ProviderManager(entries) as llm:
            answer = await llm.generate([u.Message.user("What is this?", *[picture] * count)])
    assert answer.provider == ("groq" if count == 5 else "openai")
