"""Whatever is sent keeps its vendor's rules of form and the types of the vendor's official client.

Random requests for every provider and model family: the examiners (`understudy.emulator.examiners`) and the official
clients' types judge what leaves. `--deep` runs 500 of each; `make sending N=100000` as many in all as it is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import understudy as u
from tests.sending.requests import requests
from tests.sending.targets import FAMILIES, Family, Sender, refused

EVERY = int(os.environ.get("UNDERSTUDY_SENDING", "0")) // len(FAMILIES)
"""Examples for each family, where a number in all is given."""


@pytest.fixture
def sender(family: Family) -> Iterator[Sender]:
    made = Sender(family)
    yield made
    made.close()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.label)
def test_what_is_sent_keeps_the_rules_of_form(sender: Sender, deep: bool) -> None:
    outcomes = {"sent": 0, "refused": 0}

    @settings(
        max_examples=EVERY or (500 if deep else 40),
        deadline=None,
        derandomize=not EVERY,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        phases=(Phase.generate, Phase.shrink),
    )
    @given(request=requests())
    def check(request: u.GenerationRequest) -> None:
        sent, answer = sender.generate(request)
        assert refused(sent, lambda each: each.complaint) == []
        assert refused(sent, lambda each: each.objection) == []
        outcomes["sent" if sent else "refused"] += 1
        if not sent:
            assert isinstance(answer, u.Misuse | u.Refused), repr(answer)

    check()
    assert outcomes["sent"] >= 9 * outcomes["refused"], outcomes
