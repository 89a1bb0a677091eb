"""The auth matrix: every route × every kind of key × every header for keys × every spelling of the request.

It is generated from the table of routes: a new route is in it at once, and fails it until a policy is written for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.gateway.asgi import Answer, Asgi
from tests.gateway.auth.policies import Policy, policies_of, request_of
from understudy.config import read_given
from understudy.domain.secret import Secret
from understudy.emulator import Emulator
from understudy.gateway.application import Gateway, app
from understudy.gateway.routes import ROUTES, Route
from understudy.ledger.keys import VirtualKey, make_key, token_of
from understudy.ledger.sqlite.keys import SqliteKeys

RIGHT = "right-0123456789abcdef0123456789"
ELSEWHERE = "elsewhere-0123456789abcdef012345"
REVOKED = "revoked-0123456789abcdef01234567"
KEYS: dict[str, str | None] = {
    "none": None,
    "wrong": "wrong-0123456789abcdef0123456789",
    "revoked": REVOKED,
    "for another model": ELSEWHERE,
    "right": RIGHT,
}
PEPPER = Secret("pepper-0123456789abcdef01234567")
VIRTUAL: dict[str, dict[str, Any]] = {
    "virtual": {},
    "virtual, revoked": {"revoked": 2.0},
    "virtual, expired": {"expires": 2.0},
    "virtual, replaced": {},
    "virtual, for another model": {"models": ("other", "other/*")},
    "virtual, for another route": {"routes": ("elsewhere",)},
}
"""Kinds of virtual keys, and what is particular to them."""
RIGHTS = ("right", "virtual")
LIMITED = ("for another model", "virtual, for another model", "virtual, for another route")
HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
VARIANTS = ("as documented", "malformed host", "encoded", "trailing slash", "double slash", "HEAD", "OPTIONS")
HOME = {"host": "localhost"}


def test_every_route_has_one_policy() -> None:
    """Authorization is decided by hand for each route; what is forgotten here fails, and is denied meanwhile."""
    found = {route.name: policies_of(route) for route in ROUTES}
    assert {name: policies for name, policies in found.items() if len(policies) != 1} == {}
    assert {route.name for route in ROUTES if route.admits == "everyone"} == {
        name for name, policies in found.items() if policies == ["everyone"]
    }
    assert Route(method="GET", path="/new", service="root").admits == "key"


def configuration(emulator: Emulator, *keys: dict[str, Any]) -> dict[str, Any]:
    providers = [
        {"name": name, "provider": provider, "base_url": emulator.url(provider), "api_key": emulator.key}
        for name, provider in (("main", "openai"), ("other", "groq"))
    ]
    gateway = {"keys": list(keys), "passthrough": ["main/*"], "key_pepper": PEPPER.reveal()}
    routes = [{"name": "elsewhere", "targets": ["other"]}]
    return {"llm": {"providers": providers, "routes": routes, "fallback": {"max_attempts": 1}, "gateway": gateway}}


def made(store: SqliteKeys) -> dict[str, str | None]:
    """Make a virtual key of each kind."""
    found: dict[str, str | None] = {}
    for kind, grants in VIRTUAL.items():
        value = make_key()
        token = token_of(value, PEPPER, 1.0)
        if kind == "virtual, replaced":
            token = replace(token, until=2.0)
        store.add(VirtualKey(name=kind, created=1.0, **grants), token)
        found[kind] = value.reveal()
    return found


class Matrix:
    """Sends requests, and states what is wrong with the answers."""

    def __init__(self, gateway: Gateway, emulator: Emulator) -> None:
        self.caller = Asgi(gateway)
        self.emulator = emulator
        self.number = 0

    async def send(self, route: Route, headers: Mapping[str, str], variant: str) -> tuple[Answer, int]:
        """Return the answer, and how many requests the providers got for it."""
        path, body = request_of(route)
        host = {"host": "local host"} if variant == "malformed host" else HOME
        data = b"" if body is None else json.dumps(body).encode()
        method = variant if variant in ("HEAD", "OPTIONS") else route.method
        before = self.asked()
        answer = await self.caller.send(method, self.spelled(path, variant), data, {**headers, **host})
        return answer, self.asked() - before

    def spelled(self, path: str, variant: str) -> str:
        """Return a path that a careless server takes for the same."""
        self.number += 1
        match variant:
            case "trailing slash":
                return f"{path}/"
            case "double slash":
                at = [at for at, letter in enumerate(path) if letter == "/"]
                place = at[self.number % len(at)]
                return f"{path[:place]}/{path[place:]}"
            case "encoded":
                place = self.number % (len(path) - 1) + 1 if len(path) > 1 else 0
                return f"{path[:place]}%{ord(path[place]):02X}{path[place + 1 :]}"
        return path

    def asked(self) -> int:
        return sum(len(self.emulator.requests(each)) for each in ("openai", "groq"))


def complaints(route: Route, key: str, variant: str, answer: Answer, asked: int) -> Iterator[str]:
    """Judge an answer by the policy of its route, whatever the header in which the key came."""
    (policy,) = policies_of(route)
    if answer.status >= 500:
        yield f"status {answer.status}"
    if any(name.startswith("access-control-") for name in answer.headers):
        yield "pages of other sites may read the answer"
    if variant == "HEAD" and answer.body:
        yield "the answer to HEAD has a body"
    if asked and (variant in ("malformed host", "OPTIONS") or not may_use(policy, key)):
        yield "a provider was asked"
    expected = statuses(route, policy, key, variant)
    if expected is not None and answer.status not in expected:
        yield f"status {answer.status}, expected {expected}"


def may_use(policy: Policy, key: str) -> bool:
    if policy == "everyone" or key in RIGHTS:
        return True
    return key in LIMITED and policy == "any key"


DENIED = (401, 403, 404, 405)
"""What may become of a request that is spelled in another way, or has another method: another route, or none."""


def statuses(route: Route, policy: Policy, key: str, variant: str) -> tuple[int, ...] | None:
    """Return the statuses that an answer may have; `None` if its provider decides."""
    if variant == "malformed host":
        return (400,)
    if variant == "OPTIONS":
        return (405,)
    if variant != "as documented" and (variant != "HEAD" or route.method != "GET"):
        return None if key in RIGHTS else (400, *DENIED) if key in LIMITED else DENIED
    if may_use(policy, key):
        return None if policy == "key for the entry" else (200,)
    return (403, 404) if key in LIMITED else (401,)


def rows(keys: Mapping[str, str | None], variant: str, deep: bool) -> Iterator[tuple[Route, str, str, dict[str, str]]]:
    """Yield routes with each kind of key, in each header in which it may be sent; virtual keys, and spellings that are
    refused whatever the key is, are tried with one of the headers, and with all in the broad form."""
    for number, route in enumerate(ROUTES):
        for key, value in keys.items():
            for place, header in enumerate(HEADERS):
                if value is None:
                    if place == 0:
                        yield route, key, "no header", {}
                elif deep or place == number % len(HEADERS) or not is_narrow(key, variant):
                    yield route, key, header, {header: f"Bearer {value}" if header == "authorization" else value}


def is_narrow(key: str, variant: str) -> bool:
    return key in VIRTUAL or variant in ("malformed host", "OPTIONS")


@pytest.mark.parametrize("variant", VARIANTS)
async def test_the_matrix(variant: str, deep: bool, tmp_path: Path) -> None:
    found: list[str] = []
    right, elsewhere = {"name": "right", "key": RIGHT}, {"name": "elsewhere", "key": ELSEWHERE, "models": ["other"]}
    with SqliteKeys(tmp_path / "ledger.db") as store:
        keys = {**KEYS, **made(store)}
        async with Emulator(("openai", "groq")) as emulator:
            revoked = {"name": "revoked", "key": REVOKED}
            gateway = app(configuration(emulator, right, elsewhere, revoked), file=tmp_path / "ledger.db")
            matrix = Matrix(gateway, emulator)
            assert (await matrix.caller.get("/openapi.json", {"x-api-key": REVOKED})).status == 200
            await gateway.reload(read_given(configuration(emulator, right, elsewhere)))
            for route, key, header, headers in rows(keys, variant, deep):
                answer, asked = await matrix.send(route, headers, variant)
                where = f"{route.name}, {key} key in {header}"
                found += (f"{where}: {each}" for each in complaints(route, key, variant, answer, asked))
            await gateway.aclose()
    assert not found, "\n".join(found[:40])
