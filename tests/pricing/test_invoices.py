"""Golden invoices: what real answers cost by the vendors' own prices. See invoices/README.md."""

from __future__ import annotations

import datetime
import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

import understudy as u
from tests.contract.recordings import Recording
from tests.engine.fakes import Incoming
from tests.pricing import wires
from tests.pricing.wires import JSON, Wire
from understudy.client.provider import Provider
from understudy.config import parse
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import encode

HERE = Path(__file__).parent
RECORDINGS = HERE.parent / "recordings"
SOURCES = {"published": "genai-prices ", "configuration": "configuration", "local": "local"}


DESCRIPTION = {"owner": "acme", "name": "m", "is_official": True}
"""What Replicate tells of a model before it is asked."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where rates were read; explained in sources.toml."""

    kind: Literal["vendor", "table", "none"]
    what: str
    date: datetime.date | None = None


EVIDENCE = msgspec.toml.decode((HERE / "sources.toml").read_bytes(), type=dict[str, Evidence])


class Invoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer and its cost; the fields are explained in invoices/README.md."""

    name: str
    provider: str
    asked: str
    rates: str
    read: tuple[str, ...]
    by: str
    bug: str | None = None
    operation: str = "chat"
    recording: str | None = None
    usage: str | None = None
    service_tier: str | None = None
    base_url: str | None = None
    headers: dict[str, str] = {}
    answered: str | None = None
    wire: str | None = None
    beside: str | None = None
    price: dict[str, Any] | None = None
    prices: dict[str, Any] | None = None
    fees: dict[str, float] | None = None
    list: Any = None
    sum: str | None = None
    nano_usd: int | None = None

    @property
    def embeds(self) -> bool:
        return "-embed" in self.recording if self.recording else self.operation == "embed"

    @property
    def backed(self) -> bool:
        """Whether its rates were read somewhere that does not depend on genai-prices."""
        return self.sum is not None and any(EVIDENCE[name].kind != "none" for name in self.read)


def invoices() -> Iterator[Any]:
    for path in sorted((HERE / "invoices").glob("*.toml")):
        book = tomllib.loads(path.read_text(encoding="utf-8"))
        assert book["source"].startswith("https://")
        for entry in book["invoice"]:
            invoice = msgspec.convert({"provider": path.stem, **entry}, Invoice)
            yield pytest.param(invoice, id=f"{invoice.provider}: {invoice.name}")


ALL = tuple(invoices())


class Answering:
    """A transport that answers every question with one body, and lists of models with another."""

    def __init__(self, wire: Wire, invoice: Invoice) -> None:
        self.wire = wire
        self.listed = invoice.list
        self.headers = invoice.headers

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        if request.method == "GET" and request.url.endswith("/models"):
            return Incoming(JSON, encode(self.listed))
        if request.method == "GET" and "/v1/models/" in request.url:
            return Incoming(JSON, encode(DESCRIPTION))
        incoming = Incoming(self.wire.content_type, self.wire.body)
        incoming.head = HttpHead(200, {**incoming.head.headers, **self.headers})
        return incoming

    async def aclose(self) -> None:
        return None


@pytest.mark.parametrize("invoice", ALL)
def test_the_sum_by_hand_is_right(invoice: Invoice) -> None:
    assert (invoice.recording is None) != (invoice.usage is None)
    if invoice.by == "unknown":
        assert invoice.sum is None
        assert invoice.nano_usd is None
        return
    assert invoice.sum is not None
    assert invoice.nano_usd is not None
    total = Decimal(0)
    for term in invoice.sum.replace(",", "").split("+"):
        product = Decimal(1)
        for factor in term.split("×"):
            product *= Decimal(factor.strip())
        total += product
    assert total * 1000 == invoice.nano_usd


@pytest.mark.parametrize("invoice", ALL)
async def test_an_answer_costs_what_its_invoice_says(invoice: Invoice) -> None:
    costs = [await cost_of(invoice, wire, streamed=streamed) for wire, streamed in answers(invoice)]
    assert costs
    for cost in costs:
        assert cost == costs[0], "plain and streamed cost the same"
        if invoice.nano_usd is None:
            assert cost is None
            continue
        assert cost is not None
        assert abs(cost.amount.nano_usd - invoice.nano_usd) <= 1
        assert cost.source.startswith(SOURCES.get(invoice.by, "")), "the price comes from where it should"
        assert invoice.by != "list" or cost.source.endswith("list of models")
        assert not cost.estimated


def answers(invoice: Invoice) -> list[tuple[Wire, bool]]:
    """The answer as it was recorded, else both ways in which its usage can come."""
    if invoice.recording is not None:
        recording = msgspec.json.decode((RECORDINGS / f"{invoice.recording}.json").read_bytes(), type=Recording)
        kind = recording.response.headers.get("content-type", JSON)
        return [(Wire(kind, recording.body), recording.streamed)]
    usage = json.loads(invoice.usage or "{}")
    if invoice.embeds:
        return [(wires.vectors(invoice.asked, usage), False)]
    answer = wires.Answer(
        provider=invoice.wire or invoice.provider,
        model=invoice.answered or invoice.asked,
        usage=usage,
        tier=invoice.service_tier,
        beside=json.loads(invoice.beside or "{}"),
    )
    found = [(wires.whole(answer), False)]
    if stream := wires.streamed(answer):
        found.append((stream, True))
    return found


async def cost_of(invoice: Invoice, wire: Wire, *, streamed: bool) -> u.Cost | None:
    entry = {
        "provider": invoice.provider,
        "api_key": "sk-x",
        "text_model": invoice.asked,
        "embedding_model": invoice.asked,
        "base_url": invoice.base_url
        or ("https://acme.openai.azure.com" if invoice.provider == "azure-openai" else None),
        "price": invoice.price,
        "prices": invoice.prices,
        "fees": invoice.fees,
    }
    llm = provider(entry, Answering(wire, invoice))
    if invoice.list is not None:
        await llm.list_models()
    if invoice.embeds:
        return (await llm.embed("hello")).cost
    if streamed:
        return (await llm.stream("hello").collect()).cost
    return (await llm.generate("hello")).cost


def provider(entry: dict[str, Any], transport: Answering) -> Provider:
    """Make a provider of an entry, by way of the configuration file that a user would write."""
    lines = [f"{key} = {toml(value)}" for key, value in entry.items() if value is not None]
    config = parse("[[llm.providers]]\n" + "\n".join(lines), environ={})
    return u.create_provider(config.providers[0], transport=transport, fallback=u.FallbackConfig(max_retries=1))


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def test_every_invoice_says_where_its_rates_were_read() -> None:
    read = {name for param in ALL for name in param.values[0].read}
    assert read == set(EVIDENCE), "none is unknown, and none is left over"
    assert all(param.values[0].read for param in ALL)
    for param in ALL:
        kinds = {EVIDENCE[name].kind for name in param.values[0].read}
        assert kinds == {"none"} or "none" not in kinds, param.id


def test_most_of_them_do_not_rest_on_genai_prices_alone() -> None:
    backed = [param.values[0] for param in ALL if param.values[0].backed]
    assert len(backed) >= 70
    # Ollama asks for nothing at home, and no list that was read knows its cloud.
    assert {invoice.provider for invoice in backed} == {member.value for member in u.ProviderType} - {"ollama"}
    assert all(invoice.backed for invoice in (param.values[0] for param in ALL) if invoice.by == "published")


def test_there_are_enough_of_them_for_everyone() -> None:
    every = [param.values[0] for param in ALL]
    assert len(every) >= 110
    count = Counter(invoice.provider for invoice in every)
    assert set(count) == {member.value for member in u.ProviderType}
    assert min(count.values()) >= 3
    assert {invoice.by for invoice in every} == {"published", "configuration", "list", "local", "unknown"}
    assert sum(1 for invoice in every if invoice.bug) >= 20
