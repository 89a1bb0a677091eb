"""The layers of docs/architecture.md, as a test: each imports only from those below it, and the pure ones no world."""

from __future__ import annotations

import ast

import pytest

import understudy
from tests.architecture.structure import FACES, PACKAGE
from understudy import dialects

MODULES = tuple(PACKAGE.files)

LAYERS: dict[str, set[str]] = {
    # room: the rooms of this package that it may import from, besides itself
    "domain": set(),
    "moved": set(),
    "homes": set(),
    "wire": {"domain"},
    "dialects": {"domain", "wire"},
    "providers": {"domain", "wire", "dialects"},
    "policy": {"domain"},
    "settings": {"domain", "wire", "policy"},
    "protocol": {"domain"},
    "virtual_time": set(),
    "ledger": {"domain"},
    "transport": {"domain", "wire", "settings", "moved"},
    "config": {"domain", "wire", "dialects", "providers", "policy", "settings", "transport"},
    "pricing": {"domain", "settings", "providers"},
    "engine": {
        "domain", "wire", "dialects", "providers", "policy", "settings", "protocol", "pricing", "ledger", "transport",
    },
    "planning": {"domain", "policy", "settings", "pricing", "engine"},
    "client": {
        "domain", "wire", "dialects", "providers", "policy", "settings", "protocol", "config", "pricing", "ledger",
        "transport", "engine", "planning",
    },
    "telemetry": {"domain", "policy", "settings", "ledger"},
    "fleet": {"domain", "ledger", "telemetry"},
    "reports": {"domain", "policy", "providers", "settings", "config", "ledger", "client", "telemetry", "fleet"},
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
EXCEPT = {
    # `Image.from_path` is for callers, and people look for it on the class.
    "understudy.domain.local_files": {"pathlib", "os"},
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
        allowed = when == "types" or root not in WORLD or root in EXCEPT.get(name, ())
        assert allowed, f"{name}:{line} imports {module}: {WORLD[root]}"
    text = PACKAGE.files[name].read_text(encoding="utf-8")
    for word in ("random.random(", "random.uniform(", "datetime.now(", "utcnow(", "open("):
        assert word not in text.replace("_open(", "").replace("def open(", ""), (
            f"{name} calls {word}…): pass the value in"
        )


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


def test_the_domain_names_no_dialect() -> None:
    """Nouns are the same for all wire formats. Only a method called for a form, `to_openai`, hands its name on."""
    for name in (name for name in MODULES if PACKAGE.room(name) == "domain"):
        tree = PACKAGE.trees[name]
        named = {id(node): node for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        for form in ast.walk(tree):
            if isinstance(form, ast.FunctionDef) and form.name.startswith("to_"):
                for node in ast.walk(form):
                    if isinstance(node, ast.Constant) and form.name == f"to_{node.value!s}":
                        del named[id(node)]
        for node in named.values():
            assert node.value not in dialects.names(), f"{name}:{node.lineno} names the dialect {node.value!r}"
