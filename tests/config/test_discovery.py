from __future__ import annotations

import socket

import pytest

from understudy.config import ConfigError, NoticeKind, discover
from understudy.config.discovery import answers, local_address
from understudy.domain.secret import Secret
from understudy.providers import ProviderType, row


def test_every_key_in_the_order_of_the_types_and_ollama_last() -> None:
    config = discover({"GROQ_API_KEY": "g", "ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "o"}, ollama_answers=True)
    assert [entry.provider for entry in config.providers] == ["openai", "anthropic", "groq", "ollama"]
    assert [entry.priority for entry in config.providers] == [1, 2, 3, 4]
    assert [entry.name for entry in config.providers] == ["openai", "anthropic", "groq", "ollama"]
    assert config.providers[0].api_key == Secret("o")
    assert config.source is None
    assert not config.legacy


def test_default_models_are_dated() -> None:
    config = discover({"OPENAI_API_KEY": "o"}, ollama_answers=False)
    openai = row("openai")
    (entry,) = config.providers
    assert (entry.text_model, entry.embedding_model) == (openai.text_model, openai.embedding_model)
    (notice,) = config.notices
    assert notice.kind is NoticeKind.DEFAULTED
    assert notice.where is None
    assert openai.as_of is not None
    assert openai.as_of in notice.what


def test_ollama_only_when_it_answers() -> None:
    assert [entry.provider for entry in discover({}, ollama_answers=True).providers] == ["ollama"]
    assert len(discover({"GROQ_API_KEY": "g"}, ollama_answers=False).providers) == 1


def test_empty_key_is_none() -> None:
    with pytest.raises(ConfigError):
        discover({"OPENAI_API_KEY": " ", "GROQ_API_KEY": ""}, ollama_answers=False)


def test_addresses_from_the_environment() -> None:
    (openai,) = row("openai").base_url_variables[:1]
    (ollama,) = row("ollama").base_url_variables[:1]
    environ = {"OPENAI_API_KEY": "o", openai: "https://proxy/v1", ollama: "http://gpu:1234"}
    config = discover(environ, ollama_answers=True)
    assert [entry.base_url for entry in config.providers] == ["https://proxy/v1", "http://gpu:1234"]
    assert local_address(environ) == "http://gpu:1234"
    assert local_address({}) == "http://localhost:11434"


def test_wrong_address_in_the_environment() -> None:
    (variable, *_) = row("openai").base_url_variables
    with pytest.raises(ConfigError) as caught:
        discover({"OPENAI_API_KEY": "o", variable: "ftp://sk-canary@h"}, ollama_answers=False)
    assert caught.value.message == (
        f"the environment variable {variable} must begin with http:// or https://\n"
        f'  for example: "{row("openai").base_url}"'
    )


def test_broken_key_is_left_out_and_said() -> None:
    config = discover({"OPENAI_API_KEY": "sk canary", "GROQ_API_KEY": "g"}, ollama_answers=False)
    assert [entry.provider for entry in config.providers] == ["groq"]
    assert [entry.provider for entry in config.disabled] == ["openai"]
    assert (
        str(config.notices[-1]) == '"openai" is left out: OPENAI_API_KEY contains characters that a header cannot carry'
    )


def test_nothing_at_all_says_what_to_do() -> None:
    rows = [row(kind.value) for kind in ProviderType]
    variables = ", ".join(each.key_variables[0] for each in rows if not each.local)
    with pytest.raises(ConfigError) as caught:
        discover({"OPENAI_API_KEY": "sk canary"}, ollama_answers=False)
    assert caught.value.message == (
        "there is no configuration file, no provider's key in the environment, "
        "and no Ollama at http://localhost:11434\n"
        "  OPENAI_API_KEY contains characters that a header cannot carry\n"
        f"  set one of {variables},\n"
        "  or start Ollama,\n"
        "  or write understudy.toml, by hand or with `understudy init`:\n"
        "    [[llm.providers]]\n"
        '    provider = "openai"\n'
        '    api_key = "${OPENAI_API_KEY}"\n'
        f'    text_model = "{row("openai").text_model}"'
    )


def test_probe_tells_whether_something_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert answers(address)
    assert not answers(address)


@pytest.mark.parametrize("address", ["http://", "http://" + "a" * 70 + ".invalid", "http://[::1]:1"])
def test_probe_survives_any_address(address: str) -> None:
    assert not answers(address)
