"""The OpenAPI document, taken at its word by schemathesis: whatever it allows, and what it does not, gets no 5xx.

schemathesis is in a group of dependencies of its own (`openapi` in pyproject.toml), because it pins jsonschema-rs.
"""

from __future__ import annotations

import json
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlencode

import hypothesis
import pytest
from hypothesis.errors import Unsatisfiable

from tests.gateway.asgi import Answer
from tests.gateway.attack.attacking import Target, judged, target
from understudy.gateway.openapi import document
from understudy.gateway.routes import ROUTES

pytestmark = pytest.mark.skipif(
    find_spec("schemathesis") is None,
    reason="schemathesis is not installed: make .venv/.installed-openapi",
)
EXAMPLES = 8
"""For each operation, of each kind."""


async def send(attacked: Target, case: Any) -> Answer:
    """Send a case as schemathesis made it, as far as HTTP can express it."""
    given = case.body if isinstance(case.body, dict | list | str | int | float | bool | None) else None
    query = urlencode({str(name): str(value) for name, value in (case.query or {}).items()}, errors="replace")
    headers = {
        str(name): str(value).encode("latin-1", "replace").decode("latin-1")
        for name, value in (case.headers or {}).items()
        if str(name).lower() != "authorization"
    }
    path = case.formatted_path.encode("utf-8", "replace")
    body = b"" if given is None else json.dumps(given).encode()
    return await attacked.caller.send_raw(case.method, path, query.encode(), [body], headers)


def cases_of(operation: Any, mode: Any) -> list[Any]:
    """Return requests to an operation: as its document allows, or with something wrong."""
    found: list[Any] = []

    @hypothesis.settings(max_examples=EXAMPLES, database=None, derandomize=True)
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(case)

    with suppress(Unsatisfiable):  # nothing of it can be wrong
        collect()
    return found


@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
async def test_no_operation_gets_an_unexpected_5xx(mode: str, deep: bool) -> None:
    if not deep:
        pytest.skip("schemathesis takes a minute: --deep")
    schemathesis: Any = import_module("schemathesis")
    wanted = getattr(schemathesis.GenerationMode, mode)
    operations = [each.ok() for each in schemathesis.openapi.from_dict(document(ROUTES)).get_all_operations()]
    assert len(operations) == len(ROUTES)
    found: list[str] = []
    async with target() as attacked:
        for operation in operations:
            cases = cases_of(operation, wanted)
            assert cases or operation.method.upper() == "GET"
            for case in cases:
                found += (f"{operation.label}: {each}" for each in judged(await send(attacked, case)))
        found += attacked.faults.found
    assert not found, "\n".join(found[:20])
