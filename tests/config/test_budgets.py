"""Budgets and limits in the configuration file."""

from __future__ import annotations

import pytest

import understudy as u
from understudy.config import Config, parse
from understudy.settings import budgets

PROVIDER = '[[llm.providers]]\nprovider = "ollama"\n'


def read(text: str) -> Config:
    return parse(PROVIDER + text, source="x.toml", environ={})


def test_the_keys_are_the_fields() -> None:
    assert set(budgets.BUDGET) == set(u.Budget.__struct_fields__)
    assert set(budgets.LIMIT) == set(u.Limit.__struct_fields__)


def test_all_keys_are_read() -> None:
    config = read("""
[[llm.budgets]]
name = "team"
max = 0.1
per = "tag:team"
only = ["search"]
period = "day"
hard = false
on_exceeded = "cheaper"
unpriced = "allow"
fit_max_tokens = true

[[llm.limits]]
per = "key"
requests_per_minute = 60
tokens_per_minute = 1000
concurrent = 2
""")
    (budget,), (limit,) = config.allowance.budgets, config.allowance.limits
    assert budget == u.Budget(
        name="team",
        max=0.1,
        per="tag:team",
        only=("search",),
        period="day",
        hard=False,
        on_exceeded="cheaper",
        unpriced="allow",
        fit_max_tokens=True,
    )
    assert budget.ceiling == 100_000_000
    assert limit == u.Limit(per="key", requests_per_minute=60, tokens_per_minute=1_000, concurrent=2)


def test_without_any_nothing_is_limited() -> None:
    assert not read("").allowance


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[llm.budgets]]\nname = "a"', "max is missing"),
        ('[[llm.budgets]]\nname = "a"\nmax = 0', "max must be greater than 0"),
        ('[[llm.budgets]]\nname = "a"\nmax = 0.0000000001', "nine decimals at most"),
        ('[[llm.budgets]]\nname = "a"\nmax = "5"', "max must be a number"),
        ('[[llm.budgets]]\nname = "a"\nmax = 1\nperiod = "week"', "unknown value for period"),
        ('[[llm.budgets]]\nname = "a"\nmax = 1\nper = "user"', "per is unknown: 'user'"),
        ('[[llm.budgets]]\nname = "a"\nmax = 1\nonly = ["x"]', "only needs per"),
        ('[[llm.budgets]]\nname = "a"\nmax = 1\nmaximum = 1', 'unknown key "maximum"'),
        ('[[llm.budgets]]\nname = "a"\nmax = 1\n[[llm.budgets]]\nname = "a"\nmax = 2', 'two budgets are called "a"'),
        ('[[llm.budgets]]\nname = "a"\nmax = 1\n[llm.ledger]\nenabled = false', "the ledger, which is switched off"),
        ('[llm.budgets]\nname = "a"', "must be a list of tables"),
        ('[[llm.limits]]\nper = "key"', "set requests_per_minute, tokens_per_minute or concurrent"),
        ("[[llm.limits]]\nconcurrent = 0", "concurrent must be at least 1"),
        ("[llm]\nlimits = 5", "must be a list of tables"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(u.ConfigError) as caught:
        parse(f"{text}\n{PROVIDER}" if text.startswith("[llm]") else PROVIDER + text, source="x.toml", environ={})
    assert message in caught.value.message
    assert "x.toml:" in caught.value.message


@pytest.mark.parametrize(
    ("dollars", "nano_usd"),
    [(0.1, 100_000_000), ("0.000000001", 1), (5, 5_000_000_000), (1e-9, 1), ("25.50", 25_500_000_000)],
)
def test_amounts_are_exact(dollars: float | str, nano_usd: int) -> None:
    assert u.Budget(name="a", max=dollars).ceiling == nano_usd
