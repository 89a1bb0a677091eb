"""The layers of docs/architecture.md, as a test: each imports only from those below it, and the pure ones no world."""

from __future__ import annotations

import ast

import pytest

import understudy
from tests.architecture.structure import FACES, Package

PACKAGE = Package()
MODULES = tuple(PACKAGE.files)

LAYERS: dict[str, set[str]] = {
    # room: the rooms of this package that it may import from, besides itself
    "domain": set(),
    "wire": {"domain"},
    "dialects": {"domain", "wire"},
    "providers": {"domain", "wire", "dialects"},
    "policy": {"domain"},
    "ledger": {"domain", "provider"},
    "provider": {"domain", "policy"},
    "structured": {"domain", "wire"},
    "prompt": {"domain", "wire", "dialects", "provider", "structured"},
    "transport": {"domain", "wire"},
    "name_lookup": set(),
    "network": {"domain", "wire", "provider", "transport"},
    "proxy_failures": {"domain"},
    "connections": {"name_lookup", "proxy_failures"},
    "connection_failures": {"domain", "connections", "proxy_failures"},
    "aio_transport": {
        "domain", "wire", "transport", "connection_failures", "connections", "name_lookup", "network", "proxy_failures",
    },
    "bodies": {"domain", "wire", "transport"},
    "signing": {"domain", "wire", "providers"},
    "background": set(),
    "watch": {"domain", "policy", "transport"},
    "flight": {"domain"},
    "exchange_flight": {
        "flight", "background", "bodies", "watch", "domain", "wire", "dialects", "policy", "transport", "signing",
    },
    "attempt": {"domain", "wire", "dialects", "policy", "flight", "structured"},
    "engine": {"domain", "dialects", "policy", "flight", "attempt", "ledger"},
    "stream": {"domain", "dialects", "engine"},
    "embedding": {"domain", "policy", "attempt", "engine"},
    "adapter": {"domain", "dialects", "policy", "flight", "attempt", "provider", "ledger"},
    "health": {"domain", "dialects", "providers", "policy", "provider", "signing", "flight", "attempt"},
    "routing": {
        "domain", "dialects", "policy", "attempt", "engine", "stream", "embedding", "prompt", "provider", "ledger",
    },
    "config": {"domain", "wire", "dialects", "providers", "provider", "network"},
    "access": {"domain", "wire", "dialects", "providers", "provider", "config"},
    "pricing": {"domain", "provider", "providers"},
    "catalogue": {"domain"},
    "exchanges": {"domain", "wire", "dialects", "providers"},
    "inner_streams": {"domain", "dialects", "exchanges"},
    "dialect_provider": {
        "access", "background", "catalogue", "pricing", "exchanges", "inner_streams", "exchange_flight", "signing",
        "domain", "dialects", "providers", "policy", "provider", "flight", "routing", "health", "ledger", "transport",
        "aio_transport", "network", "config",
    },
    "factory": {"access", "dialect_provider", "domain", "provider", "providers"},
    "roster": {"domain", "dialects", "policy", "pricing", "provider", "dialect_provider"},
    "planning": {"domain", "policy", "pricing", "provider", "engine", "routing", "roster"},
    "manager": {
        "domain", "provider", "routing", "planning", "roster", "adapter", "factory", "dialect_provider",
        "transport", "config",
    },
}  # fmt: skip

PURE = ("domain", "wire", "dialects", "providers", "policy")
WORLD = {
    "asyncio": "waiting belongs to the shell",
    "time": "time is an argument",
    "os": "the environment is read by the shell",
    "socket": "only the transport opens connections",
    "sqlite3": "only the ledger stores",
    "logging": "only the shell logs",
    "aiohttp": "only the transport speaks HTTP",
    "httpx": "only the transport speaks HTTP",
    "threading": "pure code has no threads",
    "subprocess": "pure code runs nothing",
    "pathlib": "pure code reads no files",
}


@pytest.mark.parametrize("name", MODULES)
def test_each_layer_imports_only_from_those_below_it(name: str) -> None:
    own = PACKAGE.room(name)
    if own in FACES:
        return
    assert own in LAYERS, f"{name} is in no layer: give it one in this test, and say why in docs/architecture.md"
    for line, module, when in PACKAGE.imports[name]:
        if when == "types" or module.split(".")[0] != "understudy":
            continue
        other = PACKAGE.room(module)
        assert other == own or other in LAYERS[own], f"{name}:{line} imports {module}: {own} stands below {other}"


@pytest.mark.parametrize("name", [name for name in MODULES if PACKAGE.room(name) in PURE])
def test_pure_layers_do_not_touch_the_world(name: str) -> None:
    for line, module, when in PACKAGE.imports[name]:
        root = module.split(".")[0]
        assert when == "types" or root not in WORLD, f"{name}:{line} imports {module}: {WORLD[root]}"
    text = PACKAGE.files[name].read_text(encoding="utf-8")
    for word in ("random.random(", "random.uniform(", "datetime.now(", "utcnow(", "open("):
        assert word not in text.replace("_open(", ""), f"{name} calls {word}…): pass the value in"


@pytest.mark.parametrize(("own", "other"), [("policy", "dialects"), ("dialects", "policy")])
def test_policy_and_dialects_never_import_each_other(own: str, other: str) -> None:
    for name in MODULES:
        for line, module, when in PACKAGE.imports[name] if PACKAGE.room(name) == own else ():
            assert when == "types" or PACKAGE.room(module) != other, f"{name}:{line}"


def test_nothing_below_imports_a_face() -> None:
    for name in MODULES:
        for line, module, when in PACKAGE.imports[name] if PACKAGE.room(name) not in FACES else ():
            is_face = module.split(".")[0] == "understudy" and PACKAGE.room(module) in FACES
            assert when == "types" or not is_face, f"{name}:{line} imports {module}"


def test_no_code_path_asks_for_a_providers_name() -> None:
    """A provider is a row; behaviour means a dialect. `if provider == …` has no place in shared code."""
    types = {member.value for member in understudy.ProviderType}
    for name in MODULES:
        if PACKAGE.room(name) in {"emulator", "cli"}:
            continue
        for node in ast.walk(PACKAGE.trees[name]):
            if not isinstance(node, ast.Compare):
                continue
            subject = ast.unparse(node.left)
            constants = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)}
            if "provider" in subject.lower():
                assert not constants & types, f"{name}:{node.lineno} compares {subject} with a provider's name"
