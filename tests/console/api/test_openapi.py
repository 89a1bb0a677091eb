"""The OpenAPI document: whole, and true of what is answered, by an independent validator of JSON Schema."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest

from tests.console.api.conftest import Kept
from tests.console.conftest import KEYS, bearer
from understudy.console.routes import table_of

MANAGE = bearer(KEYS["manage"])
ROUTES = table_of("api").routes


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of the document with all the others beside it."""
    return {**schema, "components": document["components"]}


async def documented(used: Kept) -> dict[str, Any]:
    """Return the document."""
    found: dict[str, Any] = (await used.caller.get("/admin/v1/openapi.json", bearer(KEYS["read"]))).json
    return found


async def test_every_route_is_in_it(used: Kept) -> None:
    document = await documented(used)
    named = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert named == {(route.method, route.path) for route in ROUTES}
    ids = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    assert len(ids) == len(set(ids))
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert route.says, route.path
        parameters = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"]
        assert parameters == re.findall(r"\{(\w+)\}", route.path)


async def test_its_schemas_are_valid(used: Kept) -> None:
    document = await documented(used)
    for name, schema in document["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema), name


GETS = [route.path for route in ROUTES if route.method == "GET" and route.answer is not None]


@pytest.mark.parametrize("path", GETS)
async def test_answers_are_what_it_says(path: str, used: Kept) -> None:
    document = await documented(used)
    request = (await used.caller.get("/admin/v1/requests?outcome=recovered", MANAGE)).json["requests"][0]
    await used.caller.post("/admin/v1/keys", {"name": "alice", "budgets": [{"max_usd": "1"}]}, MANAGE)
    names = {"id": request["id"], "session": request["session"], "name": "alice"}
    answer = await used.caller.get(re.sub(r"\{(\w+)\}", lambda found: quote(names[found[1]], safe=""), path), MANAGE)
    assert answer.status == 200, answer.text
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema_rs.validate(resolved(document, schema), answer.json)


CHANGES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/admin/v1/keys", {"name": "alice", "models": ["main"], "expires": "90d"}),
    ("PUT", "/admin/v1/keys/{name}", {"requests_per_minute": 5}),
    ("POST", "/admin/v1/keys/{name}/rotate", {"overlap": "1h"}),
    ("POST", "/admin/v1/keys/{name}/revoke", {}),
    ("DELETE", "/admin/v1/keys/{name}", {}),
    ("POST", "/admin/v1/orders", {"kind": "probe", "entry": "openai"}),
    ("POST", "/admin/v1/explain", {"prompt": "hi", "model": "main"}),
    ("POST", "/admin/v1/check", {}),
]


async def test_answers_to_changes_are_what_it_says(used: Kept) -> None:
    document = await documented(used)
    for method, path, body in CHANGES:
        operation = document["paths"][path][method.lower()]
        if (described := operation.get("requestBody")) is not None:
            jsonschema_rs.validate(resolved(document, described["content"]["application/json"]["schema"]), body)
        data = json.dumps(body).encode()
        answer = await used.caller.send(method, path.replace("{name}", "alice"), data, MANAGE)
        described = operation["responses"][str(answer.status)]
        assert answer.status < 300, answer.text
        jsonschema_rs.validate(resolved(document, described["content"]["application/json"]["schema"]), answer.json)


async def test_errors_are_what_it_says(used: Kept) -> None:
    document = await documented(used)
    schema = document["components"]["schemas"]["ErrorReport"]
    for path, key in (("self", "wrong"), ("keys/nothing", KEYS["manage"]), ("usage?by=x", KEYS["read"]), ("x", "")):
        answer = await used.caller.get(f"/admin/v1/{path}", bearer(key) if key else {})
        assert answer.status >= 400
        jsonschema_rs.validate(resolved(document, schema), answer.json)
