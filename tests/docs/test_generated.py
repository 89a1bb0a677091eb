"""The generated parts of the documentation are fresh."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import understudy
from understudy import providers
from understudy.cli.app import COMMANDS

_spec = importlib.util.spec_from_file_location("generated", Path(__file__).with_name("generated.py"))
assert _spec is not None
assert _spec.loader is not None
generated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generated)


@pytest.mark.parametrize(("page", "name"), list(generated.PARTS))
def test_the_generated_part_is_fresh(page: str, name: str) -> None:
    text = (generated.DOCS / page).read_text(encoding="utf-8")
    fresh = generated.refreshed(text, name, generated.PARTS[page, name]())
    assert text == fresh, "run `python tests/docs/generated.py`"


@pytest.mark.parametrize("provider", providers.types())
def test_the_guide_has_a_section_on_every_provider(provider: str) -> None:
    text = (generated.DOCS / "providers.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {providers.row(provider).title}\n")[2].partition("\n## ")[0]
    for topic in ("Setup.", "Models.", "Quirks.", "Not supported."):
        assert f"**{topic}**" in section


def test_the_manual_of_the_command_line_has_every_command_in_the_order_of_the_help() -> None:
    text = (generated.DOCS / "cli.md").read_text(encoding="utf-8")
    assert [title for title in re.findall(r"^## (\w+)$", text, re.MULTILINE) if title in COMMANDS] == list(COMMANDS)


def test_the_reference_of_the_python_api_has_every_public_name() -> None:
    reference = generated.reference
    assert sorted(reference.names()) == sorted(set(understudy.__all__) - set(reference.DUNDERS))
