"""Every vendor's errors, in the vendor's own form, mean what its documents say: kind, wait, and whether to retry."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.classification.cases.base import Case
from tests.classification.playing import failure_of
from understudy import providers

FILES = ("openai", "anthropic", "google", "azure", "groq", "together", "replicate", "huggingface", "cohere", "ollama")
CASES: list[Case] = [case for name in FILES for case in import_module(f"tests.classification.cases.{name}_cases").CASES]


def test_all_ten_providers_have_cases_of_both_sorts() -> None:
    for name in providers.types():
        own = [case for case in CASES if case.provider == name]
        assert sum(not case.in_stream for case in own) >= 18, name
        assert sum(case.in_stream for case in own) >= 5, name
    assert len(CASES) >= 300


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case(case: Case) -> None:
    for stream in (False, True):
        failure = failure_of(case, stream=stream)
        assert failure.kind is case.kind
        assert (failure.retry_after, failure.should_retry) == (
            pytest.approx(case.wait) if case.wait else None,
            case.retry,
        )
        assert failure.unknown_code == case.unknown
        assert "<html" not in failure.message.lower()
