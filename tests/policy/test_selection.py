"""What a name selects among entries and routes."""

from __future__ import annotations

import pytest

from understudy.policy.selection import Selection, select, split_name, unknown_name

ENTRIES = {"main": ("gpt-6", "embed-3"), "second": (), "vendor": ("vendor/model",)}


@pytest.mark.parametrize(
    ("name", "selected"),
    [
        ("cheap", Selection(route="cheap")),
        ("main", Selection(entry="main")),
        ("main/", Selection(entry="main")),
        ("main/gpt-7", Selection(entry="main", model="gpt-7")),
        ("second/meta/llama", Selection(entry="second", model="meta/llama")),
        ("embed-3", Selection(entry="main", model="embed-3")),
        ("vendor/model", Selection(entry="vendor", model="model")),
        ("gpt-7", None),
        ("other/gpt-7", None),
        ("", None),
    ],
)
def test_a_name_selects_a_route_an_entry_or_a_model_of_one(name: str, selected: Selection | None) -> None:
    assert select(name, ENTRIES, ("cheap", "best")) == selected


def test_only_the_first_slash_divides() -> None:
    assert split_name("a/b/c") == ("a", "b/c")
    assert split_name("a/") == split_name("a") == ("a", None)


NAMED = {
    "openai": ("gpt-6-luna",),
    "work": ("claude-sonnet-5-5", "claude-haiku-5"),
    "ollama": ("llama3.2",),
    "groq": ("openai/gpt-oss-120b",),
}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("claude-sonet", "did you mean work/claude-sonnet-5-5, or work/claude-sonet for another model?"),
        ("claude-haiku", "did you mean work/claude-haiku-5, or work/claude-haiku for another model?"),
        ("claude-opus-9", "did you mean work/claude-haiku-5, or work/claude-opus-9 for another model?"),
        ("sonnet", "did you mean work/claude-sonnet-5-5, or work/sonnet for another model?"),
        ("llama4", "did you mean ollama/llama3.2, or ollama/llama4 for another model?"),
        ("gpt-oss-120b", "did you mean groq/openai/gpt-oss-120b, or groq/gpt-oss-120b for another model?"),
        ("opnai", "did you mean openai?"),
        (" openai", "did you mean openai?"),
        ("OpenAI", "did you mean openai?"),
        ("opnai/gpt-7", "did you mean openai/gpt-7?"),
        ("cheep", "did you mean cheap?"),
    ],
)
def test_an_unknown_name_is_compared_with_the_models_of_all_entries(name: str, hint: str) -> None:
    assert unknown_name(name, NAMED, ("cheap",)) == (
        f"unknown entry or model {name!r}: {hint} The entries are openai, work, ollama, groq; the routes are cheap"
    )


@pytest.mark.parametrize("name", ["mistral", "nobody", "x", "/", "", "(", "7"])
def test_nothing_is_guessed_where_nothing_is_similar(name: str) -> None:
    assert unknown_name(name, NAMED) == (
        f"unknown entry or model {name!r}: write ENTRY/{name} for a model that no entry names; "
        "the entries are openai, work, ollama, groq"
    )


def test_the_only_entry_is_named() -> None:
    assert "write main/gpt-7 for a model that no entry names" in unknown_name("gpt-7", {"main": ("llama3.2",)})
