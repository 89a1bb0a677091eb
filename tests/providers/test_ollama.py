"""Ollama's row, and the forms of its address."""

from __future__ import annotations

import httpx
import ollama
import pytest

from understudy import dialects, providers
from understudy.domain.operation import SPOKEN
from understudy.providers.base import endpoint_of, quirks_of
from understudy.providers.ollama import ROW, normalize_base_url

# What the official client (0.6.3) takes apart in the same way.
SHARED = [
    ("", "http://127.0.0.1:11434"),
    ("localhost", "http://localhost:11434"),
    ("1.2.3.4", "http://1.2.3.4:11434"),
    (":56789", "http://127.0.0.1:56789"),
    ("1.2.3.4:56789", "http://1.2.3.4:56789"),
    ("http://1.2.3.4", "http://1.2.3.4"),
    ("https://1.2.3.4", "https://1.2.3.4"),
    ("https://1.2.3.4:56789", "https://1.2.3.4:56789"),
    ("http://host:80", "http://host:80"),
    ("example.com/", "http://example.com:11434"),
    ("example.com:56789/", "http://example.com:56789"),
    ("example.com/path", "http://example.com:11434/path"),
    ("https://example.com:56789/path/", "https://example.com:56789/path"),
    ("http://example.com/a/b", "http://example.com/a/b"),
    ("[0001:002:003:0004::1]", "http://[0001:002:003:0004::1]:11434"),
    ("[::1]:56789", "http://[::1]:56789"),
    ("http://[::1]", "http://[::1]"),
    ("https://[::1]:56789/path", "https://[::1]:56789/path"),
    ("https://ollama.com", "https://ollama.com"),
]
OURS = [
    ("  http://host:1/  ", "http://host:1"),
    ('"localhost:1"', "http://localhost:1"),
    ("HTTP://Host:1", "http://host:1"),
    ("::1", "http://[::1]:11434"),
    ("0.0.0.0", "http://127.0.0.1:11434"),
    ("0.0.0.0:80", "http://127.0.0.1:80"),
    ("http://0.0.0.0:11434/", "http://127.0.0.1:11434"),
    ("[::]:11434", "http://[::1]:11434"),
    ("::", "http://[::1]:11434"),
    ("http://", "http://127.0.0.1"),
    ("http://user:pa%3Ass@host:1/x", "http://user:pa%3Ass@host:1/x"),
]


@pytest.mark.parametrize(("value", "url"), [*SHARED, *OURS])
def test_every_form_of_the_address(value: str, url: str) -> None:
    assert normalize_base_url(value) == url
    assert normalize_base_url(url) == url


@pytest.mark.parametrize("value", [value for value, _ in SHARED])
def test_the_official_client_understands_the_same(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json={"models": []})

    with ollama.Client(host=value, transport=httpx.MockTransport(answer)) as client:
        client.list()
    assert asked == [httpx.URL(normalize_base_url(value) + "/api/tags")]


@pytest.mark.parametrize("value", ["ftp://host", "host:port", "host:99999", "http://host:x", "[::1", "unix:///run/o"])
def test_what_is_no_address_is_refused_by_name(value: str) -> None:
    with pytest.raises(ValueError, match="is not a valid address of Ollama") as caught:
        normalize_base_url(value)
    assert value in str(caught.value)


def test_the_row() -> None:
    assert providers.row("ollama") is ROW
    assert (ROW.local, ROW.key_required, ROW.first_event_timeout) == (True, False, 300.0)
    assert (ROW.key_variables, ROW.base_url_variables) == (("OLLAMA_API_KEY",), ("OLLAMA_HOST",))
    assert (ROW.text_model, ROW.embedding_model) == ("llama3.2", "nomic-embed-text")
    assert endpoint_of(ROW, "llama3.2").base_url == "http://localhost:11434"
    assert endpoint_of(ROW, "llama3.2", base_url="gpu-box/").base_url == "http://gpu-box:11434"


def test_every_operation_of_the_row_is_one_of_its_dialect_and_the_missing_one_has_advice() -> None:
    for operation, name in ROW.dialects.items():
        assert operation in dialects.load(name).operations
    assert set(SPOKEN) == set(ROW.dialects) | set(ROW.instead)


@pytest.mark.parametrize("model", ["gpt-oss", "gpt-oss:20b", "gpt-oss:120b-cloud", "gpt-oss-safeguard", "me/gpt-oss:1"])
def test_a_family_that_always_thinks(model: str) -> None:
    assert quirks_of(ROW, model).efforts == frozenset({"low", "medium", "high"})


@pytest.mark.parametrize("model", ["qwen3", "not-gpt-oss", None])
def test_others_can_be_told_not_to(model: str | None) -> None:
    efforts = quirks_of(ROW, model).efforts
    assert efforts is not None
    assert "none" in efforts
