"""What is left of a key's limits, by the headers of each vendor."""

from __future__ import annotations

import pytest

from understudy.domain.quotas import Quota
from understudy.providers import row as row_of
from understudy.wire.quotas import read_quotas, reporting

DATE = "Wed, 18 Mar 2026 18:20:00 GMT"
REPORTS: dict[str, tuple[dict[str, str], tuple[Quota, ...]]] = {
    "openai": (
        {
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-limit-tokens": "30000",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        (
            Quota(unit="requests", left=499, limit=500, resets=0.12),
            Quota(unit="tokens", left=0, limit=30_000, resets=360.0),
        ),
    ),
    "azure-openai": (
        {
            "x-ratelimit-limit-requests": "250",
            "x-ratelimit-remaining-requests": "247",
            "x-ratelimit-reset-requests": "1",
            "x-ratelimit-limit-tokens": "250000",
            "x-ratelimit-remaining-tokens": "249962",
        },
        (
            Quota(unit="requests", left=247, limit=250, resets=1.0),
            Quota(unit="tokens", left=249_962, limit=250_000),
        ),
    ),
    "groq": (
        {
            "x-ratelimit-limit-requests": "1000",
            "x-ratelimit-remaining-requests": "988",
            "x-ratelimit-reset-requests": "17m16.8s",
        },
        (Quota(unit="requests", left=988, limit=1000, resets=1036.8),),
    ),
    "anthropic": (
        {
            "date": DATE,
            "anthropic-ratelimit-input-tokens-limit": "20000000",
            "anthropic-ratelimit-input-tokens-remaining": "19998000",
            "anthropic-ratelimit-input-tokens-reset": "2026-03-18T18:20:05Z",
            "anthropic-ratelimit-requests-limit": "20000",
            "anthropic-ratelimit-requests-remaining": "19998",
            "anthropic-ratelimit-requests-reset": "2026-03-18T18:19:59Z",
        },
        (
            Quota(unit="requests", left=19_998, limit=20_000, resets=0.0),
            Quota(unit="input tokens", left=19_998_000, limit=20_000_000, resets=5.0),
        ),
    ),
    "together": (
        {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "9", "x-ratelimit-reset": "2"},
        (Quota(unit="requests", left=9, limit=10, resets=2.0),),
    ),
    "cohere": (
        {"x-trial-endpoint-call-limit": "20", "x-trial-endpoint-call-remaining": "19"},
        (Quota(unit="trial calls", left=19, limit=20),),
    ),
    "replicate": (
        {"ratelimit-remaining": "599", "ratelimit-reset": "1"},
        (Quota(unit="requests", left=599, resets=1.0),),
    ),
    "huggingface": (
        {"ratelimit": '"api";r=489;t=189', "ratelimit-policy": '"fixed window";"api";q=500;w=300'},
        (Quota(unit="requests (api)", left=489, limit=500, resets=189.0),),
    ),
}


@pytest.mark.parametrize("provider", sorted(REPORTS))
def test_the_headers_of_a_vendor_are_read(provider: str) -> None:
    headers, expected = REPORTS[provider]
    names = row_of(provider).quotas
    assert not reporting(names).isdisjoint(headers)
    assert read_quotas(headers, names) == expected


@pytest.mark.parametrize("left", ["", "many", "-1", "1e3", "NaN", "१२", "9" * 40, "9223372036854767616"])
def test_what_is_no_count_is_ignored(left: str) -> None:
    headers = {"x-ratelimit-remaining-requests": left, "x-ratelimit-remaining-tokens": "5"}
    assert read_quotas(headers, row_of("openai").quotas) == (Quota(unit="tokens", left=5),)


@pytest.mark.parametrize("reset", ["", "soon", "NaN", "inf", "1x"])
def test_a_reset_that_is_not_a_time_is_unknown(reset: str) -> None:
    headers = {"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": reset}
    assert read_quotas(headers, row_of("openai").quotas) == (Quota(unit="requests", left=5),)


def test_an_answer_without_them_has_none() -> None:
    assert reporting(row_of("openai").quotas).isdisjoint({"content-type": "application/json"})
    assert row_of("google").quotas == ()
