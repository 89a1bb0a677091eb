from __future__ import annotations

from collections.abc import Callable

import pytest

from understudy.config import Config
from understudy.settings import FallbackConfig, FallbackStrategy


def test_nothing_written_is_the_default(read: Callable[..., Config]) -> None:
    assert read("[llm]\ntext_model = 'm'").fallback == FallbackConfig()
    assert read("[llm.fallback]").fallback == FallbackConfig()


def test_every_key(read: Callable[..., Config]) -> None:
    config = read(
        """[llm.fallback]
enabled = false
max_retries = 1
retry_delay_ms = 0
strategy = "${STRATEGY:-Priority}"
max_attempts = 7
deadline = 30.5
max_wait = 0
strict = true
fallback_on_filter = true
whole = "Plain"
"""
    )
    assert config.fallback == FallbackConfig(
        enabled=False,
        max_retries=1,
        retry_delay_ms=0,
        strategy=FallbackStrategy.PRIORITY,
        max_attempts=7,
        deadline=30.5,
        max_wait=0,
        strict=True,
        fallback_on_filter=True,
        whole="plain",
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("max_retires = 3", 'unknown key "max_retires" in [llm.fallback]: max_retires = 3\n'
         '  did you mean "max_retries"?'),
        ('strategy = "priorty"', 'unknown value for strategy: strategy = "priorty"\n  did you mean "priority"?'),
        ('strategy = "cheap"', 'unknown value for strategy: strategy = "cheap"\n'
         f'  expected one of {", ".join(FallbackStrategy)}'),
        ('whole = "streamed"', 'unknown value for whole: whole = "streamed"\n  did you mean "stream"?'),
        ("enabled = 1", "enabled must be true or false, not a whole number: enabled = 1\n"
         "  for example: enabled = true"),
        ('enabled = "true"', 'enabled must be true or false, not a string: enabled = "true"\n'
         "  for example: enabled = true"),
        ("max_retries = 0", "max_retries must be at least 1: max_retries = 0\n  for example: max_retries = 3"),
        ("retry_delay_ms = -1", "retry_delay_ms must be at least 0: retry_delay_ms = -1\n"
         "  for example: retry_delay_ms = 1000"),
        ("deadline = inf", "deadline must be a finite number: deadline = inf\n  for example: deadline = 600"),
        ("deadline = 0.0", "deadline must be greater than 0: deadline = 0.0\n  for example: deadline = 600"),
    ],
)  # fmt: skip
def test_errors(fails: Callable[..., str], line: str, expected: str) -> None:
    assert fails(f"[llm.fallback]\n{line}") == f"understudy.toml:2: {expected}"


def test_must_be_a_table(fails: Callable[..., str]) -> None:
    assert fails("[llm]\nfallback = true") == (
        "understudy.toml:2: llm.fallback must be a table: fallback = true\n  write it as [llm.fallback]"
    )
