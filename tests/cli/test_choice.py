from __future__ import annotations

import pytest

from understudy.cli.choice import Choice, choose
from understudy.config import Config, Disabled
from understudy.domain.errors import Misuse
from understudy.settings import FallbackConfig, FallbackStrategy, ProviderConfig, Route

CONFIG = Config(
    providers=(
        ProviderConfig(provider="openai", name="main", priority=5, text_model="gpt"),
        ProviderConfig(provider="anthropic", name="second", priority=1, text_model="claude"),
        ProviderConfig(provider="groq", name="third", priority=9, text_model="openai/gpt-oss"),
    ),
    fallback=FallbackConfig(enabled=False, deadline=9),
    disabled=(Disabled(name="cold", provider="openai", why="OPENAI_API_KEY is not set"),),
)
ALONE = Config(providers=CONFIG.providers[:1])


def order(config: Config) -> list[tuple[str, str | None]]:
    return [(entry.entry, entry.text_model) for entry in sorted(config.providers, key=lambda entry: entry.priority)]


def test_without_a_wish_the_configuration_stands() -> None:
    assert choose(CONFIG, None, None).config is CONFIG


@pytest.mark.parametrize(
    ("wish", "entry", "model"),
    [
        ("third", "third", "openai/gpt-oss"),
        ("third/llama", "third", "llama"),
        ("third/openai/other", "third", "openai/other"),
        ("claude", "second", "claude"),
        ("openai/gpt-oss", "third", "openai/gpt-oss"),
    ],
)
def test_a_model_goes_ahead_of_the_others(wish: str, entry: str, model: str) -> None:
    choice = choose(CONFIG, wish, None)
    assert choice.model == entry
    assert len(choice.config.providers) == 3
    assert next(each.text_model for each in choice.config.providers if each.entry == entry) == model


def test_a_single_entry_takes_any_model() -> None:
    choice = choose(ALONE, "anything/at-all", None)
    assert choice.model is None
    assert order(choice.config) == [("main", "anything/at-all")]


def test_understudies_are_exactly_those_named() -> None:
    choice = choose(CONFIG, "third/x", ["main/y, second", "third/z"])
    assert order(choice.config) == [("third", "x"), ("main", "y"), ("second", "claude"), ("third#2", "z")]
    assert choice.config.fallback == FallbackConfig(enabled=None, deadline=9)
    assert choice.model is None


def test_without_a_model_the_primary_goes_first() -> None:
    assert order(choose(CONFIG, None, ["main"]).config) == [("second", "claude"), ("main", "gpt")]


def test_alone_means_alone() -> None:
    assert order(choose(CONFIG, "main/m", None, alone=True).config) == [("main", "m")]


def test_alone_is_whoever_the_strategy_puts_first() -> None:
    choice = choose(ROUTED, None, None, alone=True)
    assert (choice.config.fallback.enabled, choice.model) == (False, None)
    assert (choice.config.providers, choice.config.fallback.strategy) == (CONFIG.providers, FallbackStrategy.TASK_BASED)


@pytest.mark.parametrize(
    ("model", "understudies", "alone", "words"),
    [
        ("gtp", None, False, "unknown entry or model 'gtp': did you mean main/gpt, or main/gtp for another model"),
        (None, ["nobody"], False, "unknown entry or model 'nobody'"),
        ("main/", None, False, "'main/' names no model: write main/MODEL, or main for the model of the entry"),
        ("cold/gpt", None, False, "'cold' cannot be used: OPENAI_API_KEY is not set"),
        ("main", ["main"], False, "main/gpt is named twice"),
        (None, ["second"], False, "second/claude is already first: name another entry with --model, or omit it"),
        ("main", [" , "], False, "--fallback is empty"),
        ("main", ["second"], True, "cannot be combined"),
    ],
)
def test_what_cannot_be_meant_is_said(
    model: str | None, understudies: list[str] | None, alone: bool, words: str
) -> None:
    with pytest.raises(Misuse, match=words):
        choose(CONFIG, model, understudies, alone=alone)


ROUTED = Config(
    providers=CONFIG.providers,
    fallback=FallbackConfig(strategy=FallbackStrategy.TASK_BASED, tasks={"code": ("second",)}),
    routes=(Route(name="cheap", targets=("third", "second")),),
)


def test_a_route_is_taken_as_it_stands() -> None:
    assert choose(ROUTED, "cheap", None) == Choice(ROUTED, "cheap")
    with pytest.raises(Misuse, match="cheap is a route"):
        choose(ROUTED, "cheap", ["main"])
    with pytest.raises(Misuse, match="cheap is a route"):
        choose(ROUTED, "cheap", None, alone=True)
    with pytest.raises(Misuse, match="The entries are main, second, third; the routes are cheap"):
        choose(ROUTED, "cheep", None)


def test_a_call_with_targets_of_its_own_has_neither_tasks_nor_routes_that_name_others() -> None:
    chosen = choose(ROUTED, "main", [], alone=True).config
    assert (chosen.routes, chosen.fallback.tasks) == ((), {})
    assert choose(ROUTED, "main", None).config.routes == ROUTED.routes


def test_what_an_entry_says_of_its_model_does_not_go_over_to_another() -> None:
    entry = ProviderConfig(provider="ollama", text_model="small", context_window=4096, capabilities={"tools": False})
    other = choose(Config(providers=(entry,)), "ollama/large", None).config.providers[0]
    assert (other.context_window, other.capabilities) == (None, {})
    assert choose(Config(providers=(entry,)), "ollama/small", None).config.providers[0] == entry
