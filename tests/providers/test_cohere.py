"""Cohere's row: where it is, and what each model family wants."""

from __future__ import annotations

import pytest

from understudy.providers import row
from understudy.providers.base import endpoint_of, quirks_of
from understudy.providers.cohere import ROW


def test_the_row() -> None:
    assert row("cohere") is ROW
    assert (ROW.auth.header, ROW.auth.prefix) == ("authorization", "Bearer ")
    assert ROW.key_variables[0] == "CO_API_KEY"
    assert set(ROW.dialects.values()) == {"cohere"}


@pytest.mark.parametrize(
    "written", [None, "https://api.cohere.com/", "https://api.cohere.com/v2", "https://api.cohere.com/v1/"]
)
def test_the_base_url_has_no_version(written: str | None) -> None:
    assert endpoint_of(ROW, "command-a-03-2025", base_url=written).base_url == "https://api.cohere.com"


def letters(model: str) -> str:
    """The traits of a model: Thinking, Images, being Told to call a tool; small where it has them not."""
    quirks = quirks_of(ROW, model)
    traits = {
        "t": "reasoning" not in quirks.refused,
        "i": "image" in quirks.inputs,
        "c": {"required", "tool", "none"} <= quirks.tool_choice,
    }
    return "".join(letter.upper() if has else letter for letter, has in traits.items())


@pytest.mark.parametrize(
    ("model", "traits"),
    [
        ("command-a-plus-05-2026", "TIC"),
        ("command-a-reasoning-08-2025", "TiC"),
        ("command-a-vision-07-2025", "tIC"),
        ("command-a-translate-08-2025", "tiC"),
        ("command-a-03-2025", "tiC"),
        ("command-r7b-12-2024", "tiC"),
        ("command-r-plus-08-2024", "tic"),
        ("command-r-08-2024", "tic"),
        ("command-r", "tic"),
        ("command", "tic"),
        ("c4ai-aya-expanse-32b", "tic"),
        ("c4ai-aya-vision-32b", "tIc"),
        # What nobody has told of is taken to be able.
        ("command-b-01-2027", "TIC"),
        ("my-finetune-ft", "TIC"),
    ],
)
def test_families(model: str, traits: str) -> None:
    assert letters(model) == traits
    assert quirks_of(ROW, model).max_stop == 5
