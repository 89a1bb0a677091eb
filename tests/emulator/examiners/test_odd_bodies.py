"""No rule breaks on a body that is not what it expects: every value of every request may be of another type."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from tests.emulator.examiners.tables import Table, actor, tables
from understudy.emulator.examiners import find
from understudy.wire.json import encode

ODD: tuple[Any, ...] = (None, True, 7, 0.5, "", "odd", [], [None], [[]], {}, {"type": []}, {"type": {"a": 1}})


def spoil(value: Any, rng: random.Random) -> Any:
    """Return a copy of a JSON value with one value in it exchanged for an odd one."""
    if not value or not isinstance(value, dict | list) or rng.random() < 0.15:
        return rng.choice(ODD)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return [*value[:at], spoil(value[at], rng), *value[at + 1 :]]
    name = rng.choice(list(value))
    return {**value, name: spoil(value[name], rng)}


@pytest.mark.parametrize("table", tables(), ids=lambda table: f"{table.provider}-{table.path}")
def test_no_rule_breaks_on_an_odd_body(table: Table) -> None:
    played = actor(table.provider)
    examiner = find(table.provider, table.dialect)
    rng = random.Random(table.path)
    for case in table.cases:
        for _ in range(8):
            body = spoil(rng.choice((case.kept, case.broken)), rng)
            if not isinstance(body, dict):
                continue
            checked = played.checked(msgspec.structs.replace(table.broken(case), body=encode(body)))
            if checked is not None:
                examiner.examine(checked)
