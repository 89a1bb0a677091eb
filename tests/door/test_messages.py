"""Messages, parts and tools as callers write them: what is plainly meant is read, anything else is named."""

from __future__ import annotations

from typing import Any

import pytest

import understudy as u

PNG = u.Image(data="iVBORw0KGgo=", media_type="image/png")


def message(**fields: Any) -> u.Message:
    return u.Message(**fields)


@pytest.mark.parametrize(
    "made",
    [
        lambda: u.Message.user("What is this?", PNG),
        lambda: u.Message.user(("What is this?", PNG)),
        lambda: u.Message.user(["What is this?", PNG]),
        lambda: message(role="user", content=["What is this?", PNG]),
        lambda: message(role="USER", content=[u.Text("What is this?"), PNG]),
    ],
)
def test_strings_among_parts_become_text(made: Any) -> None:
    assert made() == u.Message(u.Role.USER, (u.Text("What is this?"), PNG))


def test_a_role_may_be_a_string_and_a_part_stand_alone() -> None:
    assert message(role="user", content="hi") == u.Message.user("hi")
    assert message(role="user", content=PNG).parts == (PNG,)
    assert u.Message.tool(u.ToolResult(call_id="1", content="x")).role is u.Role.TOOL


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"temp": 22}, '{"temp":22}'),
        (["sunny"], '["sunny"]'),
        ([], "[]"),
        (22, "22"),
        (1.5, "1.5"),
        (None, "null"),
        (True, "true"),
        ("städte", "städte"),
    ],
)
def test_a_tools_result_is_its_json(content: Any, text: str) -> None:
    assert u.ToolResult(call_id="c", content=content).content == text


def test_a_tools_result_may_be_parts() -> None:
    assert u.ToolResult(call_id="c", content=["look", PNG]).content == (u.Text("look"), PNG)  # type: ignore[arg-type]
    assert u.ToolCall(id="c", name="f", arguments={"x": 1}).arguments == '{"x":1}'  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: message(role="usr", content="x"), "unknown role 'usr'; did you mean 'user'?"),
        (lambda: message(role="human", content="x"), "did you mean 'user'?"),
        (lambda: message(role=5, content="x"), "unknown role 5; expected one of system"),
        (lambda: message(role="user", content=5), "Message: content must be a string or parts, not a whole number"),
        (lambda: message(role="user", content=[5]), r"content\[0\] must be a string or a part, not a whole number"),
        (lambda: message(role="user", content="x", name=3), "Message: name must be str or unset, got int"),
        (u.Message.user, "the content is missing"),
        (lambda: u.Text(5), "Text: text must be str, got int"),  # type: ignore[arg-type]
        (lambda: u.Image(data=b"\x89PNG"), "Image: data is base64, got bytes; use Image.from_bytes"),  # type: ignore[arg-type]
        (lambda: u.ToolResult(call_id=5), "ToolResult: call_id must be str"),  # type: ignore[arg-type]
        (lambda: u.ToolResult(call_id="c", content=object()), "ToolResult: content must be a string, parts, or a"),  # type: ignore[arg-type]
        (lambda: u.Text("x", cache={"ttl": "5m"}), "Text: cache must be CacheMark, not a dict"),  # type: ignore[arg-type]
        (lambda: u.Text("x", citations=[{}]), "Text: citations must be Citation, not a tuple that contains a dict"),  # type: ignore[arg-type]
        (lambda: u.Text("x", provenance=5), "Text: provenance must be Provenance, not a whole number"),  # type: ignore[arg-type]
        (lambda: u.Text("x", extra={"openai": {"x": {1}}}), "Text: extra contains a set, which JSON cannot express"),
        (lambda: u.Reasoning(budget="x"), "Reasoning: budget must be int or unset, got str"),  # type: ignore[arg-type]
        (lambda: u.Reasoning(mode="enbled"), "Reasoning: mode is 'enbled': did you mean 'enabled'"),  # type: ignore[arg-type]
        (lambda: u.OutputFormat(json_schema=[]), "OutputFormat: json_schema must be object or unset"),  # type: ignore[arg-type]
        (lambda: u.Tool(name=""), "Tool: the name is empty"),
        (lambda: u.Tool(name="f", parameters=[]), "Tool: parameters must be object or unset"),  # type: ignore[arg-type]
        (lambda: u.ToolChoice("requird"), "ToolChoice: mode is 'requird': did you mean 'required'?"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_mistake_is_named(make: Any, words: str) -> None:
    with pytest.raises(u.Misuse, match=words):
        make()
