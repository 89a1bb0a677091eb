"""Targets and facts for the tests of strategies."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from understudy.domain.prices import Price, Rates, rate_of
from understudy.policy.targets import Facts, Target, TargetFacts


def target(name: str, priority: int = 10, index: int = 0, *, model: str | None = "m", default: bool = True) -> Target:
    return Target(name=name, model=model, priority=priority, index=index, default=default)


def price(prompt: str | Decimal, answer: str | Decimal) -> Price:
    return Price(rates=Rates(input=rate_of(prompt), output=rate_of(answer)), source="test")


def facts(**known: TargetFacts) -> Facts:
    """Facts of targets by name, all with the model `m`."""
    return Facts(targets={f"{name}/m": value for name, value in known.items()})


prices = st.one_of(
    st.none(),
    st.builds(
        lambda i, o: Price(rates=Rates(input=i, output=o), source="drawn"),
        st.integers(0, 10**11),
        st.integers(0, 10**12),
    ),
)
"""Prices up to $100 and $1,000 a million tokens, or none."""
