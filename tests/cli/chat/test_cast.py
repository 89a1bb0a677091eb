"""Who answers, and how that is said."""

from __future__ import annotations

import msgspec
import pytest

from understudy.cli.chat.cast import Cast
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


def cast(**fallback: object) -> Cast:
    return Cast(config=msgspec.structs.replace(CONFIG, fallback=FallbackConfig(**fallback)))  # type: ignore[arg-type]


def test_who_is_asked_is_said_in_order() -> None:
    assert cast().described() == "second, then main/gpt, third/oss"
    assert cast().led_by("third/other").described() == "third/other, then second, main/gpt"
    assert cast(enabled=False).described() == "second"


def test_an_order_that_changes_is_not_promised() -> None:
    turns = cast(strategy=FallbackStrategy.ROUND_ROBIN)
    assert turns.described() == "second, main/gpt, third/oss, chosen by round_robin"
    assert turns.led_by("main").described() == "main/gpt, then second, third/oss"
    assert cast(strategy=lambda *_: None).described().endswith("chosen by a strategy of its own")


def test_the_options_of_the_call_stay_when_another_leads() -> None:
    chosen = msgspec.structs.replace(cast(), understudies=("third",))
    assert chosen.led_by("main").described() == "main/gpt, then third/oss"
    assert msgspec.structs.replace(cast(), alone=True).led_by("main").described() == "main/gpt"
    with pytest.raises(Misuse, match="named twice"):
        chosen.led_by("third")


def test_a_route_leads_with_targets_of_its_own() -> None:
    led = cast().led_by("cheap")
    assert led.choice().model == "cheap"
    assert led.described() == "cheap: third, main/gpt-mini"
    with pytest.raises(Misuse, match="is a route"):
        msgspec.structs.replace(cast(), alone=True).led_by("cheap")


def test_whom_to_name() -> None:
    assert cast().names() == ["main", "second", "third", "main/gpt", "third/oss", "cheap"]
    with pytest.raises(Misuse, match="unknown entry or model"):
        cast().led_by("nobody")
