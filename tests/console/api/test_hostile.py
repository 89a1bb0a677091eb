"""Hostile paths, parameters and bodies at every route of the API: refused or answered, never with a failure of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.console.api.conftest import Kept
from tests.console.conftest import KEYS, bearer
from understudy.console.routes import ConsoleRoute, table_of

MANAGE = bearer(KEYS["manage"])
ROUTES = [each for each in table_of("api").routes if not each.path.endswith(("/events", "/reload"))]
TEXTS = (
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "=HYPERLINK(1)",
    "\u202egnp.exe",
    "\x1b[31m",
    "a\x00b",
    "' OR 1=1 --",
    "%",
    "../../etc/passwd",
    "x" * 5_000,
    "9" * 400,
    "-1",
    "1e999",
    "NaN",
    "null",
    "😀",
)


def each(routes: Iterable[ConsoleRoute]) -> pytest.MarkDecorator:
    """Run a test with each of some routes."""
    return pytest.mark.parametrize("route", list(routes), ids=lambda route: f"{route.method} {route.path}")


def expected(status: int) -> bool:
    """Check whether a caller may be answered so: not with a failure of ours."""
    return status < 500 or status in (502, 503)


@each(route for route in ROUTES if "{" in route.path)
async def test_hostile_paths_are_refused(route: ConsoleRoute, used: Kept) -> None:
    for text in TEXTS:
        path = re.sub(r"\{\w+\}", quote(text, safe="").replace("\\", r"\\"), route.path)
        answer = await used.caller.send(route.method, path, b"{}", MANAGE)
        assert answer.status in (400, 404, 409), (text[:20], answer.text[:200])
        assert set(answer.json["error"]) == {"message", "code", "where"}
        assert len(answer.body) < 2_000, "what was sent is not repeated at length"
    for raw in (b"%ff", b"%", b"%00", b"..%2f", b"%e2%80%ae"):
        path_bytes = re.sub(rb"\{\w+\}", raw, route.path.encode())
        answer = await used.caller.send_raw(route.method, path_bytes, b"", [b"{}"], MANAGE)
        assert answer.status in (400, 404, 409)


@each(route for route in ROUTES if route.query is not None)
async def test_hostile_parameters_are_refused_or_find_nothing(route: ConsoleRoute, used: Kept) -> None:
    assert route.query is not None
    path = re.sub(r"\{\w+\}", "nothing", route.path)
    for field in msgspec.structs.fields(route.query):
        for text in TEXTS:
            answer = await used.caller.get(f"{path}?{field.encode_name}={quote(text, safe='')}", MANAGE)
            assert expected(answer.status), (field.name, text[:20], answer.text[:200])
            assert b"<script>" not in answer.body or answer.headers["content-type"].startswith("application/json")


@each(route for route in ROUTES if route.body is not None)
async def test_hostile_bodies_are_refused(route: ConsoleRoute, used: Kept) -> None:
    assert route.body is not None
    path = re.sub(r"\{\w+\}", "nothing", route.path)
    fields = [each.encode_name for each in msgspec.structs.fields(route.body)]
    values: list[Any] = [*TEXTS, None, True, -1, 10**30, 1.5, [], {}, [[]], {"a": {}}]
    for field in fields:
        for value in values:
            body = json.dumps({field: value}).encode()
            answer = await used.caller.send(route.method, path, body, MANAGE)
            assert expected(answer.status), (field, str(value)[:20], answer.text[:200])
    for data in (b"\xff\xfe", b'{"a":', b"[" * 50_000, b"\x1f\x8b", b'"\\ud800"'):
        answer = await used.caller.send(route.method, path, data, MANAGE)
        assert answer.status in (400, 404)
    compressed = await used.caller.send(route.method, path, b"no gzip", {**MANAGE, "content-encoding": "gzip"})
    assert compressed.status in (400, 404)
