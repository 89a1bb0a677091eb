"""What a request may not bring along to another wire is said."""

from __future__ import annotations

from understudy import providers
from understudy.dialects import load
from understudy.dialects.history import localize
from understudy.dialects.openai.server import SERVER
from understudy.domain.events import Warned
from understudy.domain.requests import GenerationRequest
from understudy.providers.base import endpoint_of
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode

BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "Hi"}],
    "n": 3,
    "store": False,
    "moderation": {"model": "x"},
}


def told(request: GenerationRequest, provider: str, dialect: str) -> list[tuple[str, str]]:
    endpoint = endpoint_of(providers.row(provider), "m")
    events = localize(request, load(dialect), endpoint).warnings
    return [(event.warning.what, event.warning.why) for event in events if isinstance(event, Warned)]


def came_in(**fields: object) -> GenerationRequest:
    inbound = SERVER.parse(HttpRequest("POST", "/v1/chat/completions", (), encode({**BODY, **fields})))
    assert isinstance(inbound.request, GenerationRequest)
    return inbound.request


def test_fields_of_the_wire_that_a_request_came_in_on_are_warned_about_on_another() -> None:
    only = "only the openai dialect supports it"
    assert told(came_in(), "anthropic", "anthropic") == [("n", only), ("moderation", only)]
    assert told(came_in(n=1), "anthropic", "anthropic") == [("moderation", only)]
    assert told(came_in(), "openai", "openai") == []


def test_what_a_caller_of_the_library_means_for_one_dialect_is_no_loss_to_the_others() -> None:
    request = GenerationRequest(messages=(), extra={"openai": {"n": 3}})
    assert told(request, "anthropic", "anthropic") == []
