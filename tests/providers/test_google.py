"""Google's row: what each model family wants, as one table."""

from __future__ import annotations

import pytest

from understudy.domain.operation import SPOKEN
from understudy.providers import row
from understudy.providers.base import endpoint_of, quirks_of
from understudy.providers.google import ROW


def test_the_row() -> None:
    assert row("google") is ROW
    assert (ROW.auth.header, ROW.auth.prefix) == ("x-goog-api-key", "")
    assert set(ROW.dialects) == set(SPOKEN)
    assert ROW.key_variables == ("GOOGLE_API_KEY", "GEMINI_API_KEY")


@pytest.mark.parametrize("version", ["", "/", "/v1", "/v1beta", "/v1beta/", "/v1alpha"])
def test_the_base_url_has_no_version(version: str) -> None:
    host = "https://generativelanguage.googleapis.com"
    assert endpoint_of(ROW, "m", base_url=host + version).base_url == host


FOUR, THREE = "high low medium", "high low medium minimal"


@pytest.mark.parametrize(
    ("model", "traits", "budget", "efforts"),
    [
        # Traits: takes Sampling, can Reason, can be switched Off, needs Call signatures, form of the answer with Tools,
        # Prefill; small where it has them not.
        ("gemini-1.5-flash-002", "SroctP", (1, 24_576), None),
        ("gemini-2.0-flash", "SroctP", (1, 24_576), None),
        ("gemini-2.5-flash", "SROctP", (1, 24_576), None),
        ("gemini-2.5-flash-lite", "SROctP", (512, 24_576), None),
        ("gemini-2.5-flash-image", "SrOctP", (1, 24_576), None),
        ("gemini-2.5-pro", "SRoctP", (128, 32_768), None),
        ("models/gemini-2.5-pro", "SRoctP", (128, 32_768), None),
        ("gemini-3-flash-preview", "SRoCTP", None, THREE),
        ("gemini-3.5-flash", "SRoCTP", None, THREE),
        ("gemini-3.5-flash-lite", "sRoCTp", None, THREE),
        ("gemini-3.6-flash", "sRoCTp", None, THREE),
        ("gemini-3.7-pro", "sRoCTp", None, FOUR),
        ("gemini-3.8-flash", "sRoCTp", None, FOUR),
        ("gemini-4-argon", "sRoCTp", None, FOUR),
        ("gemini-flash-latest", "sRoCTp", None, THREE),
        ("gemma-3-27b-it", "SrOcTP", None, None),
        ("my-own-model", "SROcTP", None, None),
    ],
)
def test_families(model: str, traits: str, budget: tuple[int, int] | None, efforts: str | None) -> None:
    quirks = quirks_of(ROW, model)
    has = {
        "s": "temperature" not in quirks.refused,
        "r": "reasoning" not in quirks.refused,
        "o": "disabled" in quirks.thinking_modes,
        "c": quirks.thought_signatures,
        "t": quirks.output_with_tools,
        "p": quirks.prefill,
    }
    assert "".join(letter.upper() if yes else letter for letter, yes in has.items()) == traits
    assert quirks.thinking_budget == budget
    assert (" ".join(sorted(quirks.efforts)) if quirks.efforts is not None else None) == efforts
    assert quirks.max_stop == 5


def test_the_newest_embedding_model_passes_over_what_vectors_are_for() -> None:
    assert "input_type" in quirks_of(ROW, "gemini-embedding-2").refused
    assert "input_type" not in quirks_of(ROW, "gemini-embedding-001").refused
