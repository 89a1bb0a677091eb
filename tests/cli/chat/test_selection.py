"""Which targets answer, and how they are described."""

from __future__ import annotations

import msgspec
import pytest

from understudy.cli.chat.selection import TargetSelection
from understudy.config import Config
from understudy.domain.errors import Misuse
from understudy.settings import FallbackConfig, FallbackStrategy, ProviderConfig, Route

CONFIG = Config(
    providers=(
        ProviderConfig(provider="openai", name="main", priority=5, text_model="gpt"),
        ProviderConfig(provider="ollama", name="second", priority=1),
        ProviderConfig(provider="groq", name="third", priority=9, text_model="oss"),
    ),
    routes=(Route(name="cheap", targets=("third", "main/gpt-mini")),),
)


def selection(**fallback: object) -> TargetSelection:
    return TargetSelection(config=msgspec.structs.replace(CONFIG, fallback=FallbackConfig(**fallback)))  # type: ignore[arg-type]


def test_the_targets_are_described_in_order() -> None:
    assert selection().describe() == "second, then main/gpt, third/oss"
    assert selection().starting_with("third/other").describe() == "third/other, then second, main/gpt"
    assert selection(enabled=False).describe() == "second"


def test_an_order_that_changes_is_not_promised() -> None:
    turns = selection(strategy=FallbackStrategy.ROUND_ROBIN)
    assert turns.describe() == "second, main/gpt, third/oss, chosen by round_robin"
    assert turns.starting_with("main").describe() == "main/gpt, then second, third/oss"
    assert selection(strategy=lambda *_: None).describe().endswith("chosen by a custom strategy")


def test_the_options_of_the_call_stay_when_another_leads() -> None:
    chosen = msgspec.structs.replace(selection(), understudies=("third",))
    assert chosen.starting_with("main").describe() == "main/gpt, then third/oss"
    assert msgspec.structs.replace(selection(), alone=True).starting_with("main").describe() == "main/gpt"
    with pytest.raises(Misuse, match="named twice"):
        chosen.starting_with("third")


def test_a_route_leads_with_targets_of_its_own() -> None:
    led = selection().starting_with("cheap")
    assert led.choice().model == "cheap"
    assert led.describe() == "cheap: third, main/gpt-mini"
    with pytest.raises(Misuse, match="is a route"):
        msgspec.structs.replace(selection(), alone=True).starting_with("cheap")


def test_names() -> None:
    assert selection().names() == ["main", "second", "third", "main/gpt", "third/oss", "cheap"]
    with pytest.raises(Misuse, match="unknown entry or model"):
        selection().starting_with("nobody")
