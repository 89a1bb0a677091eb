"""The layers of docs/architecture.md, as a test: each imports only from those below it, and the pure ones no world."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import understudy

ROOT = Path(understudy.__file__).parent

LAYERS: dict[str, set[str]] = {
    # room: the rooms of this package that it may import from, besides itself
    "domain": set(),
    "wire": {"domain"},
    "dialects": {"domain", "wire"},
    "providers": {"domain", "wire", "dialects"},
    "policy": {"domain"},
    "settings": {"domain", "wire", "policy"},
    "protocol": {"domain"},
    "ledger": {"domain"},
    "transport": {"domain", "wire", "settings"},
    "config": {"domain", "wire", "dialects", "providers", "settings", "transport"},
    "pricing": {"domain", "settings", "providers"},
    "engine": {
        "domain", "wire", "dialects", "providers", "policy", "settings", "protocol", "config", "pricing", "ledger",
        "transport",
    },
    "planning": {"domain", "policy", "settings", "pricing", "engine"},
    "client": {
        "domain", "wire", "dialects", "providers", "policy", "settings", "protocol", "config", "pricing", "ledger",
        "transport", "engine", "planning",
    },
}  # fmt: skip

FACES = {"cli", "emulator", "testing", "gateway", "blocking", "__main__", "__init__"}
"""Faces may import anything below; nothing below may import a face."""

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


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield str(path.relative_to(ROOT)), path


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, at the top or inside, except for type checking only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}:{node.lineno}: import by the full name"
            if node.module == "understudy":
                yield from ((node.lineno, f"understudy.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def room(name: str) -> str:
    return name.removesuffix(".py").split("/")[0].split(".")[0]


@pytest.mark.parametrize("name", [name for name, _ in modules()])
def test_each_layer_imports_only_from_those_below_it(name: str) -> None:
    own = room(name)
    if own in FACES:
        return
    assert own in LAYERS, f"{name} is in no layer: give it one in this test, and say why in docs/architecture.md"
    for line, module in imports(ROOT / name):
        if not module.startswith("understudy."):
            continue
        other = module.split(".")[1]
        assert other == own or other in LAYERS[own], f"{name}:{line} imports {module}: {own} stands below {other}"


@pytest.mark.parametrize("name", [name for name, _ in modules() if room(name) in PURE])
def test_pure_layers_do_not_touch_the_world(name: str) -> None:
    for line, module in imports(ROOT / name):
        root = module.split(".")[0]
        assert root not in WORLD, f"{name}:{line} imports {module}: {WORLD[root]}"
    text = (ROOT / name).read_text(encoding="utf-8")
    for word in ("random.random(", "random.uniform(", "datetime.now(", "utcnow(", "open("):
        assert word not in text.replace("_open(", ""), f"{name} calls {word}…): pass the value in"


def test_policy_and_dialects_never_import_each_other() -> None:
    for name, path in modules():
        other = {"policy": "dialects", "dialects": "policy"}.get(room(name))
        for line, module in imports(path):
            assert other is None or not module.startswith(f"understudy.{other}"), f"{name}:{line}"


def test_nothing_below_imports_a_face() -> None:
    for name, path in modules():
        if room(name) in FACES:
            continue
        for line, module in imports(path):
            parts = module.split(".")
            assert parts[0] != "understudy" or len(parts) < 2 or parts[1] not in FACES, (
                f"{name}:{line} imports {module}"
            )


def test_no_code_path_asks_for_a_providers_name() -> None:
    """A provider is a row; behaviour means a dialect. `if provider == …` has no place in shared code."""
    types = {member.value for member in understudy.ProviderType}
    for name, path in modules():
        if room(name) in {"emulator", "cli"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare):
                continue
            subject = ast.unparse(node.left)
            constants = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)}
            if "provider" in subject.lower():
                assert not constants & types, f"{name}:{node.lineno} compares {subject} with a provider's name"
