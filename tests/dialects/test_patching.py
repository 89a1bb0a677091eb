"""Bodies that go out as they came in: only what they lack is added, and the model is the target's."""

from __future__ import annotations

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.patching import fill, patched, received
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest, WireOrigin

HERE = Endpoint(provider="p", base_url="https://p.test")


def test_only_a_body_of_the_same_wire_format_is_received() -> None:
    request = GenerationRequest(messages=(Message.user("hi"),), origin=WireOrigin("openai", b'{"a": 1}'))
    assert dict(received(request, "openai") or {}) == {"a": 1}
    assert received(request, "gemini") is None
    assert received(msgspec.structs.replace(request, origin=None), "openai") is None


def test_a_body_is_filled_from_the_first_layer_that_has_a_value() -> None:
    body = {"kept": 0, "null": None}
    assert fill(body, {"kept": 1, "null": 2, "a": None}, {"null": 3, "a": 4, "b": False}) is body
    assert body == {"kept": 0, "null": 2, "a": 4, "b": False}


def test_a_field_under_its_second_name_is_not_filled() -> None:
    layer = {"max_completion_tokens": 5, "top_p": 1}
    aliases = {"max_completion_tokens": "max_tokens"}
    assert fill({"max_tokens": 3}, layer, aliases=aliases) == {"max_tokens": 3, "top_p": 1}
    assert fill({"max_tokens": None}, layer, aliases=aliases)["max_completion_tokens"] == 5


def test_the_model_is_the_targets_where_it_has_one() -> None:
    assert patched({"model": "asked"}, HERE) == {"model": "asked"}
    there = msgspec.structs.replace(HERE, model="m")
    assert patched({"model": "asked"}, there, {"model": "x", "a": 1}) == {"model": "m", "a": 1}
