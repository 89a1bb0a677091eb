"""The scenarios that come with the package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

SCENARIOS: Mapping[str, str] = {
    "outage": "the primary fails for five minutes",
    "brown-out": "30 % of the primary's requests fail",
    "silence": "the primary accepts requests and never answers",
    "429-storm": "the primary refuses what exceeds its limits",
    "retry-storm": "a server that is choked by the requests which it refuses",
    "slow-recovery": "the primary comes back little by little",
    "flapping": "both targets fail and recover by turns",
    "both-down": "both targets fail for eight seconds at once",
    "dns": "the primary's name cannot be resolved",
    "key-revoked": "the primary's key is revoked",
    "quota-ends": "the primary's daily quota ends",
    "price-change": "the cheapest target becomes the dearest",
    "a-year": "a year of incidents, as providers report them",
}
"""Each with what happens in it."""


def text_of(name: str) -> str:
    """Return the text of a scenario of `SCENARIOS`."""
    return files("understudy.simulator").joinpath("scenarios", f"{name}.toml").read_text(encoding="utf-8")
