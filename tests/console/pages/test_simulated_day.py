"""A day of simulated traffic with an outage: the pages, the command line and the records come to the same billionth."""

from __future__ import annotations

import re
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.cli.running import CommandLine
from tests.console.pages.conftest import Served
from tests.console.pages.html import words_of
from tests.simulator.scenarios import QUICK, configuration, scenario
from understudy.domain.attempts import AttemptRecord, CostBasis
from understudy.domain.failures import FailureKind
from understudy.domain.prices import Price
from understudy.simulator.observer import REQUEST, Observer
from understudy.simulator.run import EPOCH, simulate
from understudy.simulator.scenario import Incident, Traffic

DAY = 86_400.0
REQUESTS = 600
TEAMS = ("search", "support", "agents")


class Sums(msgspec.Struct):
    """What the records of one value come to."""

    nano_usd: int = 0
    attempts: int = 0
    unknown: int = 0


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> list[AttemptRecord]:
    """The records of the day that ends now: an outage, errors whose cost is unknown, and two prices."""
    records: list[AttemptRecord] = []
    note = Observer.recorded

    def kept(self: Observer, record: AttemptRecord) -> None:
        records.append(record)
        note(self, record)

    monkeypatch.setattr(Observer, "recorded", kept)
    outage = Incident(targets=("primary",), kind=FailureKind.CONNECT, start=DAY * 0.3, end=DAY * 0.4)
    errors = Incident(targets=("primary",), kind=FailureKind.SERVER_ERROR, start=DAY * 0.6, end=DAY * 0.7)
    told = scenario(
        outage, errors, duration=DAY, traffic=Traffic(rate=REQUESTS / DAY, stream=0.5, sessions=5),
        primary=replace(QUICK, price=Price.per_million(input="0.59", output="0.79")),
        backup=replace(QUICK, price=Price.per_million(input=3, output="15.000001")),
    )  # fmt: skip
    simulate(told, configuration(), seed=1)
    return list(_moved(records, time.time() - DAY - 600 - EPOCH))


def _moved(records: Iterable[AttemptRecord], by: float) -> Iterable[AttemptRecord]:
    """Yield records at another time, with ids as gateways give them, each request with a key, an agent and a team."""
    names: dict[str, str] = {}

    def named(name: str) -> str:
        return names.setdefault(name, str(uuid.UUID(int=len(names) + 1)))

    for each in records:
        team = TEAMS[int(each.labels[REQUEST]) % len(TEAMS)]
        yield replace(
            each, attempt_id=named(each.attempt_id), request_id=named(each.request_id), started=each.started + by,
            labels={"key": team, "team": team},
        )  # fmt: skip


def _sums(records: Iterable[AttemptRecord], by: str) -> dict[str, Sums]:
    found: dict[str, Sums] = defaultdict(Sums)
    for each in records:
        value = {
            "provider": each.provider,
            "model": each.model or "",
            "key": each.labels["key"],
            "session": each.session or "",
            "tag": f"team={each.labels['team']}",
        }[by]
        sums = found[value]
        sums.attempts += 1
        if each.cost is not None:
            sums.nano_usd += each.cost.amount.nano_usd
        elif each.cost_basis not in (CostBasis.NOT_SENT, CostBasis.REFUSED):
            sums.unknown += 1
    return dict(found)


@pytest.mark.parametrize("by", ["provider", "model", "key", "session", "tag"])
async def test_pages_and_the_command_line_agree_with_the_records(
    served: Served, day: list[AttemptRecord], tmp_path: Path, by: str
) -> None:
    for each in day:
        served.ledger.record(each)
    served.ledger.flush()
    expected = _sums(day, by)
    assert sum(each.attempts for each in expected.values()) > REQUESTS, "some requests took several attempts"
    assert any(each.unknown for each in expected.values())

    page = await served.page(f"/console/money?by={by}")
    shown = {}
    for row in next(each for each in page.iter("table") if _caption(each).startswith(f"Cost by {by}")).iter("tr"):
        if (money := next(row.iter("data"), None)) is not None:
            cells = [words_of(each) for each in row.iter("td")]
            shown[words_of(next(row.iter("th")))] = Sums(
                _nano_usd(money.attrib["value"]), int(cells[3]), int(cells[-1])
            )
    assert shown == expected

    cli = CommandLine(tmp_path)
    cli.configure(f'[[llm.providers]]\nprovider = "ollama"\n[llm.ledger]\npath = "{tmp_path / "ledger.db"}"\n')
    result = cli.run("usage", "--by", by, "--json")
    assert result.code == 0, result.err
    assert {each["value"]: _nano_usd(each["cost_usd"]) for each in result.json["usage"]} == {
        name: each.nano_usd for name, each in expected.items()
    }


def _caption(table: object) -> str:
    return words_of(next(table.iter("caption")))  # type: ignore[attr-defined]


def _nano_usd(amount: str) -> int:
    assert re.fullmatch(r"\d+(\.\d{1,9})?", amount)
    return int(Decimal(amount).scaleb(9))
