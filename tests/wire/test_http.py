"""HTTP messages as data."""

from __future__ import annotations

import pytest

from understudy.wire.http import HttpHead, HttpRequest


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


def test_messages_are_frozen() -> None:
    request = HttpRequest("GET", "http://host/")
    with pytest.raises(AttributeError):
        request.url = "http://elsewhere/"  # type: ignore[misc]
    assert request.body is None
    assert hash(request) == hash(HttpRequest("GET", "http://host/"))
