"""What models cost, which models there are, and what is left of quotas, as pages and the admin API show it."""

from __future__ import annotations

import msgspec

from tests.ledger.made import ended, start
from understudy.client.factory import create_provider
from understudy.client.provider import Provider
from understudy.config import parse
from understudy.domain.quotas import Quota
from understudy.reports.prices import EntryModels, QuotaResult, prices_of, report_models
from understudy.telemetry.snapshot import Snapshot, TargetSnapshot

SECRET = "sk-secret-of-the-file"
CONFIG = f"""
[[llm.providers]]
name = "main"
provider = "openai"
api_key = "{SECRET}"
text_model = "big"
embedding_model = "vectors"
prices.big = {{ input = 2.5, output = 10, cache_read = 0.25, call = 0.001 }}
prices.small = {{ input = 0.1, output = 0.4 }}

[[llm.providers]]
name = "here"
provider = "ollama"
text_model = "local"
"""


def providers() -> list[Provider]:
    config = parse(CONFIG, environ={})
    return [create_provider(entry, row=config.row_of(entry)) for entry in config.providers]


def snapshot(worker: str, at: float, *targets: TargetSnapshot) -> Snapshot:
    return Snapshot(instance="i", worker=worker, host="h", pid=1, version="1", started=0.0, at=at, targets=targets)


def target(model: str, *quotas: Quota, entry: str = "main", operation: str = "text") -> TargetSnapshot:
    return TargetSnapshot(entry=entry, model=model, provider_type="openai", operation=operation, quotas=quotas)


def entries(*snapshots: Snapshot) -> tuple[EntryModels, ...]:
    return report_models(providers(), snapshots).entries


def test_entries_have_their_models_and_prices() -> None:
    main, here = entries()
    assert (main.provider, main.provider_type, main.base_url) == ("main", "openai", "https://api.openai.com/v1")
    assert [(each.model, each.operations, each.is_configured) for each in main.models] == [
        ("big", ("text",), True),
        ("vectors", ("embedding",), True),
    ]
    price = main.models[0].price
    assert (price.target, price.source, price.call) == ("main/big", "configuration", "0.001")
    assert price.rates == {"input": "2.5", "cache_read": "0.25", "output": "10"}
    assert main.models[1].price.source is None, "no price is loaded"
    assert here.models[0].price.rates == {"input": "0", "output": "0"}, "on the user's own machine"


def test_no_key_is_in_it() -> None:
    assert SECRET not in msgspec.json.encode(report_models(providers())).decode()


def test_models_that_callers_name_are_there_too() -> None:
    main, _ = entries(
        snapshot("a", 0.0, target("small"), target("big", operation="embedding"), target("x", entry="gone")),
        snapshot("b", 0.0, target("another")),
    )
    assert [(each.model, each.is_configured) for each in main.models] == [
        ("big", True),
        ("vectors", True),
        ("another", False),
        ("small", False),
    ]
    assert main.models[0].operations == ("embedding", "text")
    assert main.models[3].price.rates == {"input": "0.1", "output": "0.4"}


def test_the_least_that_is_left_counts() -> None:
    main, _ = entries(
        snapshot("a", 100.0, target("big", Quota(unit="requests", left=9, limit=10, resets=30.0))),
        snapshot(
            "b",
            200.0,
            target("big", Quota(unit="requests", left=3, limit=10, resets=5.0), Quota(unit="tokens", left=7)),
        ),
    )
    assert main.models[0].quotas == (
        QuotaResult(unit="requests", left=3, limit=10, resets=205.0),
        QuotaResult(unit="tokens", left=7, limit=None, resets=None),
    )


def test_the_price_of_an_attempt_is_that_of_the_model_that_answered() -> None:
    price_of = prices_of(providers())
    asked = price_of(ended(start(1, provider="main", model="big")))
    answered = price_of(ended(start(1, provider="main", model="big"), answered_model="small"))
    unknown = price_of(ended(start(1, provider="main", model="big"), answered_model="big-2026"))
    assert asked is not None
    assert asked.rates.input == 2_500_000_000
    assert answered is not None
    assert answered.rates.input == 100_000_000
    assert unknown == asked, "no price of its own is known"
    assert price_of(ended(start(1, provider="gone", model="big"))) is None
