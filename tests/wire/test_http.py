"""HTTP messages as data."""

from __future__ import annotations

import pytest

from understudy.wire.http import HttpHead, HttpRequest, origin_of


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, ""),
        ({"content-type": ""}, ""),
        ({"content-type": "application/json"}, "application/json"),
        ({"content-type": "Application/JSON; charset=utf-8"}, "application/json"),
        ({"content-type": " text/event-stream ;x=1"}, "text/event-stream"),
        ({"content-type": ";"}, ""),
    ],
)
def test_the_content_type_is_bare_and_lower_case(headers: dict[str, str], kind: str) -> None:
    assert HttpHead(200, headers).content_type == kind


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.example/v1", "https://api.example"),
        ("https://api.example:443/v1?x=1", "https://api.example"),
        ("http://localhost:11434", "http://localhost:11434"),
        ("http://[::1]:80/a", "http://[::1]"),
        ("https://user:password@host:8443/a", "https://host:8443"),
    ],
)
def test_an_origin_has_one_spelling_and_no_password(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_messages_are_frozen() -> None:
    request = HttpRequest("GET", "http://host/")
    with pytest.raises(AttributeError):
        request.url = "http://elsewhere/"  # type: ignore[misc]
    assert request.body is None
    assert hash(request) == hash(HttpRequest("GET", "http://host/"))
