"""Arguments of calls beside `generate`: what is wrong is `Misuse`, which names the argument, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import understudy as u
from tests.door.test_calls import entry
from tests.engine.fakes import RecordingTransport
from understudy import blocking

PNG = "iVBORw0KGgo="
ASKED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda llm: llm.list_models(limit="3"), "list_models: limit must be a whole number, not a string: '3'"),
    (lambda llm: llm.list_models(limit=-1), "list_models: limit must be at least 0, got -1"),
    (lambda llm: llm.is_model_available(5), "is_model_available: the model must be a string, not a whole number"),
    (lambda llm: llm.is_model_available(""), "is_model_available: the model is empty"),
    (lambda llm: llm.generate("?", reasoning=u.Reasoning(budget=-5)), "reasoning: budget must be at least -1, got -5"),
    (lambda llm: llm.generate("?", reasoning=u.Reasoning(budget="x")), "Reasoning: budget must be int or unset"),  # type: ignore[arg-type]
    (lambda llm: llm.generate("?", reasoning=u.Reasoning(mode="x")), "Reasoning: mode is 'x': expected one of"),  # type: ignore[arg-type]
    (lambda llm: llm.generate("?", output=u.OutputFormat(kind="xml")), "OutputFormat: kind is 'xml': expected one"),  # type: ignore[arg-type]
    (lambda llm: llm.generate(["?", u.Image()]), r"content\[1\]: Image is empty: give url, data or file_id"),
    (lambda llm: llm.generate([u.Message.user(u.File(name="a.pdf"))]), r"content\[0\]: File is empty"),
]


@pytest.mark.parametrize(("ask", "words"), ASKED)
async def test_a_mistake_names_the_argument(ask: Callable[[Any], Any], words: str) -> None:
    transport = RecordingTransport()
    one = u.create_provider(entry(), transport=transport)
    for llm in (one, u.ProviderManager([one])):
        with pytest.raises(u.Misuse, match=words):
            await ask(llm)
    with pytest.raises(u.Misuse, match=words):
        ask(blocking.create_provider(entry(), transport=transport))
    assert not transport.requests


@pytest.mark.parametrize("given", [5, ["openai"], b"a.toml"])
def test_a_configuration_is_a_path_or_a_dictionary(given: Any) -> None:
    for make in (u.from_config, blocking.from_config):
        with pytest.raises(u.ConfigError, match="from_config: pass the path of a file, or a dictionary, not "):
            make(given)


async def test_media_are_fetched_for_parts_alone() -> None:
    with pytest.raises(u.Misuse, match=r"pass an Image, Audio or File, not a string; make one with Image\.from_url"):
        await u.fetch_media("https://example.org/a.png")  # type: ignore[type-var]
    part = u.Image(url="https://example.org/a.png")
    wrong: list[tuple[dict[str, Any], str]] = [({"limit": "1"}, "limit must be"), ({"timeout": 0}, "timeout must be")]
    for options, words in wrong:
        with pytest.raises(u.Misuse, match=f"fetch_media: {words}"):
            await u.fetch_media(part, **options)


async def test_an_empty_turn_is_not_sent() -> None:
    transport = RecordingTransport()
    chat = u.Conversation(u.create_provider(entry(), transport=transport))
    with pytest.raises(u.Misuse, match="a turn contains an empty string; leave it out"):
        await chat.send("")
    assert not transport.requests
    assert chat.messages == ()
