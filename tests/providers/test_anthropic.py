"""Anthropic's row: what each model family wants, as one table."""

from __future__ import annotations

import pytest

from understudy import ProviderConfig, create_provider
from understudy.config.discovery import discover
from understudy.domain.operation import Operation
from understudy.providers import row
from understudy.providers.anthropic import ROW
from understudy.providers.base import endpoint_of, quirks_of
from understudy.wire.http import HttpRequest


def test_the_row() -> None:
    assert row("anthropic") is ROW
    assert (ROW.auth.header, ROW.auth.prefix) == ("x-api-key", "")
    assert Operation.EMBED not in ROW.dialects
    assert Operation.EMBED in ROW.instead


@pytest.mark.parametrize(
    ("environ", "sent"),
    [
        ({"ANTHROPIC_API_KEY": "k"}, {"x-api-key": "k"}),
        ({"ANTHROPIC_AUTH_TOKEN": "t"}, {"authorization": "Bearer t"}),
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_AUTH_TOKEN": "t"}, {"x-api-key": "k"}),
    ],
)
def test_a_key_or_else_a_token_is_taken_from_the_environment(
    environ: dict[str, str], sent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    request = HttpRequest("GET", "https://api.anthropic.com/v1/models")
    for config in (ProviderConfig(provider="anthropic"), discover(environ, ollama_answers=False).providers[0]):
        headers = dict(create_provider(config).backend.credential.attach(request, "id").headers)
        assert {name: headers[name] for name in ("x-api-key", "authorization") if name in headers} == sent


@pytest.mark.parametrize("written", [None, "https://api.anthropic.com/", "https://api.anthropic.com/v1/"])
def test_the_base_url_has_no_version(written: str | None) -> None:
    endpoint = endpoint_of(ROW, "claude-opus-5", base_url=written)
    assert endpoint.base_url == "https://api.anthropic.com"
    assert endpoint.headers == (("anthropic-version", "2026-10-21"),)


def letters(model: str) -> str:
    """The traits of a model: Sampling, Prefill, Mid-conversation system text, Forced tools, thinking Bound to the
    model, Off by default; small where it has them not."""
    quirks = quirks_of(ROW, model)
    traits = {
        "s": not quirks.refused,
        "p": quirks.prefill,
        "m": quirks.mid_system,
        "f": {"required", "tool"} <= quirks.tool_choice,
        "b": quirks.thinking_bound_to_model,
        "o": quirks.default_effort_none,
    }
    return "".join(letter.upper() if has else letter for letter, has in traits.items())


ALL = "high low max medium xhigh"


@pytest.mark.parametrize(
    ("model", "traits", "thinking", "efforts", "ceiling"),
    [
        ("claude-3-haiku-20240307", "SPmFbO", "", "", 4096),
        ("claude-3-5-sonnet-20241022", "SPmFbO", "", "", 8192),
        ("claude-3-7-sonnet-latest", "SPmFbO", "disabled enabled", "", 64_000),
        ("claude-sonnet-4-20250514", "SPmFbO", "disabled enabled", "", 64_000),
        ("claude-opus-4-1-20250805", "SPmFbO", "disabled enabled", "", 32_000),
        ("claude-haiku-4-5", "SPmFbO", "disabled enabled", "", 64_000),
        ("claude-sonnet-4-5-20250929", "SPmFbO", "disabled enabled", "", 64_000),
        ("claude-opus-4-5", "SPmFbO", "disabled enabled", "high low medium", 64_000),
        ("claude-sonnet-4-6", "SpmFbO", "adaptive disabled enabled", "high low max medium", 128_000),
        ("claude-opus-4-6", "SpmFbO", "adaptive disabled enabled", "high low max medium", 128_000),
        ("claude-opus-4-7", "spmFbO", "adaptive", ALL, 128_000),
        ("claude-opus-4-8", "spMFbO", "adaptive", ALL, 128_000),
        ("claude-sonnet-5", "spMFbo", "adaptive disabled", ALL, 128_000),
        ("claude-opus-5", "spMFbo", "adaptive disabled", ALL, 128_000),
        ("claude-haiku-5-5", "spMFBo", "adaptive disabled", ALL, 128_000),
        ("claude-sonnet-5-5", "spMfBo", "adaptive between_tools", ALL, 128_000),
        ("claude-opus-5-5-20260901", "spMfBo", "adaptive", ALL, 128_000),
        ("claude-fable-5", "spMFbo", "adaptive", ALL, 128_000),
        ("claude-fable-5-1", "spMfBo", "adaptive", ALL, 128_000),
        ("claude-mythos-5-2", "spMfBo", "adaptive", ALL, 128_000),
        ("claude-opus-9", "spMFbo", "adaptive disabled", None, None),
        ("somebodys-own-model", "SPmFbo", "adaptive disabled enabled", None, None),
    ],
)
def test_families(model: str, traits: str, thinking: str, efforts: str | None, ceiling: int | None) -> None:
    quirks = quirks_of(ROW, model)
    assert letters(model) == traits
    assert " ".join(sorted(quirks.thinking_modes)) == thinking
    assert (None if quirks.efforts is None else " ".join(sorted(quirks.efforts))) == efforts
    assert quirks.max_output_tokens == ceiling


def test_every_claude_model_refuses_sampling_from_the_current_version_on() -> None:
    sampling = frozenset({"temperature", "top_p", "top_k"})
    for model in ("claude-3-haiku-20240307", "claude-sonnet-4-6", "claude-opus-5-5"):
        assert quirks_of(ROW, model).refused_since == (("2026-10-21", sampling),)
