"""Every rule of an examiner refuses a request that breaks it and accepts its twin, and says where it is documented."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date
from functools import cache

import pytest

from tests.emulator.examiners.tables import Case, Table, actor, tables
from understudy.emulator.actor import Actor
from understudy.emulator.examiners import Rule, find, wires

ALL = [
    pytest.param(table, case, id=f"{table.provider}-{table.dialect}-{case.rule}-{number}")
    for table in tables()
    for number, case in enumerate(table.cases)
]
CLIENTS = r"(openai|anthropic|google-genai|groq|together|cohere|ollama|replicate|huggingface_hub)"
SOURCE = re.compile(rf"https://\S+|{CLIENTS} \d+\.\d+\.\d+: \S+")

emulated = cache(actor)


def broken_rules(played: Actor, table: Table, case: Case) -> list[str]:
    """Return the names of all rules that the broken request of a case breaks."""
    checked = played.checked(table.broken(case))
    assert checked is not None, "no operation has this path"
    assert checked.dialect == table.dialect
    rules = find(table.provider, table.dialect).rules
    return [rule.name for rule in rules if checked.operation in rule.operations and rule.check(checked)]


@pytest.mark.parametrize(("table", "case"), ALL)
def test_a_broken_rule_is_refused_by_its_name(table: Table, case: Case) -> None:
    played = emulated(table.provider)
    complaint = played.examine(table.broken(case))
    assert complaint is not None
    assert complaint.rule.name == case.rule
    assert set(broken_rules(played, table, case)) == {case.rule} | case.also
    assert 400 <= complaint.words.status <= 500
    assert case.says in complaint.words.message
    assert case.param in (None, complaint.words.param)


@pytest.mark.parametrize(("table", "case"), ALL)
def test_its_twin_is_accepted(table: Table, case: Case) -> None:
    complaint = emulated(table.provider).examine(table.kept(case))
    assert complaint is None, (complaint.rule.name, complaint.words)


@pytest.mark.parametrize(("provider", "dialect"), wires())
def test_every_rule_has_a_case_and_every_case_a_rule(provider: str, dialect: str) -> None:
    rules = [rule.name for rule in find(provider, dialect).rules]
    cases: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for table in tables():
        cases[table.provider, table.dialect].update(case.rule for case in table.cases)
    assert len(rules) == len(set(rules))
    assert set(rules) == cases[provider, dialect]


RULES = {id(rule): rule for wire in wires() for rule in find(*wire).rules}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_every_rule_has_a_source_and_a_date(rule: Rule) -> None:
    assert SOURCE.match(rule.source), rule.source
    assert date.fromisoformat(rule.read)
