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


def test_the_message_for_an_unknown_name_shows_what_could_be_meant() -> None:
    assert unknown_name("gpt-7", ["main", "second"]) == (
        "unknown entry or model 'gpt-7': write main/gpt-7; the entries are main, second"
    )
    assert unknown_name("x", ["main"], ["cheap", "best"]).endswith("; the entries are main; the routes are cheap, best")
