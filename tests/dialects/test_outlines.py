"""What of a long conversation is searched for parts that must be read, and what its head is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects import load_server
from understudy.dialects.outlines import LongMembers, head_of, outline_of
from understudy.dialects.server import ServerHalf
from understudy.domain.requests import GenerationRequest, WireOrigin
from understudy.wire.http import Headers, HttpRequest

IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": "https://one.test/a.png"}}


def rules(half: ServerHalf) -> LongMembers:
    assert half.long_members is not None
    return half.long_members


def body(*messages: Any, field: str = "messages") -> bytes:
    return json.dumps({"model": "m", field: list(messages)}).encode()


OPENAI = rules(load_server("openai"))


def test_a_text_that_speaks_of_images_has_none() -> None:
    text = {"role": "tool", "tool_call_id": "a", "content": 'It sends {"image_url": 1} and \\u0041. ' * 20}
    outline = outline_of(
        body({"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}, text), OPENAI
    )
    assert outline is not None
    assert [each["role"] for each in json.loads(outline.body)["messages"]] == ["tool"]


@pytest.mark.parametrize("place", ["first", "last"])
def test_an_image_is_found_wherever_it_is(place: str) -> None:
    image = {"role": "user", "content": [{"type": "text", "text": "x" * 100}, IMAGE]}
    words = [{"role": "user", "content": "y" * 1_000}, {"role": "assistant", "content": "So."}]
    assert outline_of(body(*([image, *words] if place == "first" else [*words, image])), OPENAI) is None


@pytest.mark.parametrize(
    ("dialect", "entry"),
    [
        ("responses", {"type": "input_image", "image_url": "https://one.test/" + "a" * 100}),
        ("responses", {"type": "compaction", "encrypted_content": "x" * 1_000}),
        ("ollama", {"role": "user", "content": "x" * 1_000, "images": ["aGk="]}),
    ],
)
def test_a_kind_or_a_member_of_the_entry_itself_is_found(dialect: str, entry: Any) -> None:
    found = rules(load_server(dialect))
    assert outline_of(body(entry, field=found.messages), found) is None


def test_the_head_ends_with_the_first_question() -> None:
    question = {"role": "user", "content": "Why?"}
    begun = body({"role": "system", "content": "Be brief."}, question)
    later = body(
        {"role": "system", "content": "Be brief."}, question, {"role": "assistant", "content": "So."}, question
    )
    other = body({"role": "system", "content": "Be brief."}, {"role": "user", "content": "How?"})
    assert head_of(begun, OPENAI) == head_of(later, OPENAI) != head_of(other, OPENAI)


def test_an_answer_at_the_end_is_read() -> None:
    outline = outline_of(body({"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So"}), OPENAI)
    assert outline is not None
    assert [each["role"] for each in json.loads(outline.body)["messages"]] == ["assistant"]


@pytest.mark.parametrize(("letter", "is_hidden"), [("\\u0061", True), ("\\u005f", True), ("\\u003c", False)])
def test_only_letters_hide_words(letter: str, is_hidden: bool) -> None:
    """Encoders of Go write `<`, `>` and `&` as escapes."""
    part = json.dumps({"role": "user", "content": [{"type": "text", "text": "x" * 100 + "?"}]}).replace("?", letter)
    found = outline_of(b'{"model":"m","messages":[%b]}' % part.encode(), OPENAI)
    assert (found is None) is is_hidden


def tools(kind: str, size: int) -> list[Any]:
    """Tools that take the same number of bytes, and end with the same, whatever their kind is."""
    first = {"type": kind, "pad": "x" * (20 - len(kind))}
    return [first, {"type": "function", "function": {"name": "f", "description": "y" * size}}]


@pytest.mark.parametrize("size", [10, 2_000])
def test_tools_of_the_same_length_are_told_apart(size: int) -> None:
    question = [{"role": "user", "content": "Why?"}]
    kinds, heads = [], set()
    for kind in ("function", "web_search", "function", "custom"):
        asked = json.dumps({"tools": tools(kind, size), "messages": question}).encode()
        outline = outline_of(asked, OPENAI)
        assert outline is not None
        kinds.append({each["type"] for each in json.loads(outline.body)["tools"]})
        heads.add(head_of(asked, OPENAI))
    assert kinds == [{"function"}, {"web_search", "function"}, {"function"}, {"custom", "function"}]
    assert len(heads) == 3


@pytest.mark.parametrize("word", ["Why?", "How?"])
@pytest.mark.parametrize("headers", [(), (("openai-beta", "one"),), (("openai-beta", "two"),)])
def test_what_is_kept_of_an_outline_is_nobodys_own(word: str, headers: Headers) -> None:
    """Requests that differ only in what is said share the reading of their outline, and nothing else."""
    asked = body({"role": "user", "content": word})
    inbound = load_server("openai").outline(HttpRequest("POST", "/v1/chat/completions", headers, asked))
    assert inbound is not None
    assert inbound.whole is not None
    request, whole = inbound.request, inbound.whole().request
    assert isinstance(request, GenerationRequest)
    assert isinstance(whole, GenerationRequest)
    assert request.origin == WireOrigin("openai", asked, headers) == whole.origin
    assert whole.messages[0].content == word
    assert "seen" not in inbound.options
    inbound.options["seen"] = True
