"""The OpenAPI document, taken at its word by schemathesis: what it allows and what it does not gets no failure of ours,
and each answer is what it says."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

import jsonschema_rs
import pytest

from tests.console.api.conftest import Kept
from tests.console.conftest import KEYS, bearer
from tests.gateway.attack.attacking import Target
from tests.gateway.attack.test_openapi import cases_of, send
from understudy.console.api.openapi import document
from understudy.console.api.table import TABLE

pytestmark = pytest.mark.skipif(
    find_spec("schemathesis") is None,
    reason="schemathesis is not installed: make .venv/.installed-openapi",
)
ROUTES = [each for each in TABLE.routes if not each.path.endswith("/events")]
"""Those whose answers end."""


class Signed:
    """Sends requests with the key that may do everything, as `send` expects."""

    def __init__(self, kept: Kept) -> None:
        self.caller = self
        self._kept = kept

    async def send_raw(
        self, method: str, path: bytes, query: bytes, bodies: list[bytes], headers: dict[str, str]
    ) -> Any:
        """Send a request."""
        return await self._kept.caller.send_raw(method, path, query, bodies, {**headers, **bearer(KEYS["manage"])})


def faults(answer: Any, operation: Any, whole: dict[str, Any]) -> list[str]:
    """Return what is wrong with an answer."""
    found = []
    if answer.status >= 500 and answer.status not in (502, 503):
        found.append(f"{answer.status}: {answer.text[:200]}")
    described = operation.definition.raw["responses"].get(str(answer.status))
    if described is None:
        return [*found, f"{answer.status} is not documented: {answer.text[:200]}"]
    content = described["content"].get("application/json")
    if content is not None:
        schema = {**content["schema"], "components": whole["components"]}
        found += [f"{answer.status}: {each.message[:200]}" for each in jsonschema_rs.iter_errors(schema, answer.json)]
    return found


@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
async def test_every_operation_answers_as_documented(mode: str, used: Kept, deep: bool) -> None:
    if not deep:
        pytest.skip("schemathesis takes long: --deep")
    schemathesis: Any = import_module("schemathesis")
    wanted = getattr(schemathesis.GenerationMode, mode)
    whole, signed = json.loads(json.dumps(document(ROUTES))), cast("Target", Signed(used))
    operations = [each.ok() for each in schemathesis.openapi.from_dict(whole).get_all_operations()]
    assert len(operations) == len(ROUTES)
    found: list[str] = []
    for operation in operations:
        for case in cases_of(operation, wanted):
            answer = await send(signed, case)
            found += (f"{operation.label}: {each}" for each in faults(answer, operation, whole))
    assert not found, "\n".join(dict.fromkeys(found))
