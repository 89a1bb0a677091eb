"""Regular expressions that are compiled late do what those of `re` do, and each of them can be compiled."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import understudy
from understudy.domain import regexes
from understudy.domain.regexes import regex

ROOT = Path(understudy.__file__).parent
USERS = [path for path in ROOT.rglob("*.py") if " regex(" in path.read_text() and path.stem != "regexes"]


@pytest.mark.parametrize("path", USERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_can_be_compiled(path: Path) -> None:
    name = ".".join(("understudy", *path.relative_to(ROOT).with_suffix("").parts))
    late = [value for value in vars(importlib.import_module(name)).values() if isinstance(value, regexes.LateRegex)]
    assert late
    for each in late:
        assert isinstance(each.pattern, str | bytes)


@pytest.mark.parametrize(("given", "text"), [("[a-z]+", "one TWO three"), (b"[a-z]+", b"one TWO three")])
def test_all_methods(given: Any, text: Any) -> None:
    late, early = regex(given, re.IGNORECASE), re.compile(given, re.IGNORECASE)
    assert late.findall(text) == early.findall(text)
    assert [found.span() for found in late.finditer(text, 2)] == [(2, 3), (4, 7), (8, 13)]
    assert late.fullmatch(text) is None
    assert late.match(text, 4) is not None
    assert late.search(text, 3) is not None
    assert late.split(text) == early.split(text)
    assert late.sub(text[:1], text) == early.sub(text[:1], text)
    assert (late.pattern, late.flags, late.groups) == (given, early.flags, 0)
    assert not hasattr(late, "unknown")


def test_a_start_compiles_none_that_it_does_not_use() -> None:
    """They would be a fifteenth of the start."""
    code = (
        "import msgspec, re, sys\n"
        "compile, said = re._compiler.compile, []\n"
        "def noted(pattern, flags=0):\n"
        "    said.append(sys._getframe(3).f_globals['__name__'])\n"
        "    return compile(pattern, flags)\n"
        "re._compiler.compile = noted\n"
        "import understudy\n"
        "understudy.ProviderManager([{'provider': 'openai', 'api_key': 'sk-test', 'text_model': 'm'}])\n"
        "print(sorted(name for name in said if name.startswith('understudy')))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == "[]\n", found
