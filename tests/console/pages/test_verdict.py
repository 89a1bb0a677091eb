"""The first sentences of *Now*: what is wrong, who stands in, and what was ordered."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.console.pages.examples import AT, Filler
from understudy.console.pages.now import verdict
from understudy.fleet.orders import Order, OrderKind
from understudy.reports.now import NowReport, StandInNow

EMPTY: NowReport = Filler("", full=False).make(NowReport)
WELL = replace(EMPTY, at=AT, status="well")
TARGET = Filler("main").make(NowReport).targets[0]


def target(entry: str, model: str) -> object:
    return replace(TARGET, entry=entry, model=model)


def stand_in(route: str | None, acting: str | None = "b/two") -> StandInNow:
    return StandInNow(route=route, primary="a/one", acting=acting, why="down", until=None, seen_by=1)


def test_nothing_to_say_if_all_is_well() -> None:
    found = verdict(replace(WELL, lately=replace(WELL.lately, requests=3)))
    assert (found.kind, found.title, found.lines) == ("ok", "All is well", ())
    tried = verdict(replace(WELL, lately=replace(WELL.lately, requests=0, attempts=3)))
    assert tried.title == "All is well", "an operator tried a target: something was asked"


def test_what_operators_have_taken_out_is_said_first() -> None:
    asked = replace(WELL.lately, requests=3)
    order = Order(number=1, kind=OrderKind.OPEN, entry="main", by="ann", at=AT - 5)
    one = replace(TARGET, entry="main", ordered="open")
    found = verdict(replace(WELL, lately=asked, targets=(one, replace(one, model="other")), orders=(order,)))
    assert (found.kind, found.title) == ("warn", "All is well without main, which an operator has taken out")
    assert found.lines == ("main was taken out by ann, 5 s ago",)
    both = verdict(replace(WELL, lately=asked, targets=(one, replace(one, entry="backup", ordered="drain"))))
    assert both.title == "All is well without 2 entries, which operators have taken out"
    gone = verdict(replace(WELL, lately=asked, orders=(order,)))
    assert gone.title == "All is well", "the entry is not configured any more"


@pytest.mark.parametrize(
    ("status", "success", "kind", "title"),
    [
        ("degraded", 1.0, "warn", "Requests are answered, but not all is well"),
        ("degraded", None, "warn", "Requests are answered, but not all is well"),
        ("degraded", 0.5, "bad", "Requests fail"),
        ("degraded", 0.0, "bad", "Requests fail"),
        ("down", 1.0, "bad", "Some requests cannot be answered"),
    ],
)
def test_what_is_not_well_has_its_degree(status: str, success: float | None, kind: str, title: str) -> None:
    found = verdict(replace(WELL, status=status, recent=replace(WELL.recent, success=success)))
    assert (found.kind, found.title) == (kind, title)


def test_targets_of_one_entry_with_one_reason_are_one_sentence() -> None:
    problems = (
        "a/one is not asked: it fails",
        "c/three is not asked: the key is refused",
        "a/two is not asked: it fails",
        "process 7 on host is silent for 9 s",
        "a/four is not asked in 1 of 2 processes: it fails",
    )
    names = [("a", "one"), ("a", "two"), ("c", "three"), ("a", "four")]
    found = verdict(replace(WELL, status="degraded", problems=problems, targets=tuple(target(*each) for each in names)))
    assert found.lines == (
        "a (one, two) is not asked: it fails",
        "c/three is not asked: the key is refused",
        "process 7 on host is silent for 9 s",
        "a/four is not asked in 1 of 2 processes: it fails",
    )


def test_a_stand_in_is_named_once_with_its_routes() -> None:
    stands = (stand_in(None), stand_in("chat"), stand_in("code"), stand_in("alone", None))
    assert verdict(replace(WELL, stand_ins=stands)).lines == ("b/two stands in for a/one on routes chat, code",)
    assert verdict(replace(WELL, stand_ins=stands[:1])).lines == ("b/two stands in for a/one",)


def test_orders_that_stand_are_named_with_who_and_when() -> None:
    order = Order(kind=OrderKind.OPEN, entry="a", by="alice", at=AT - 90)
    assert verdict(replace(WELL, orders=(order,))).lines == ("a was taken out by alice, 1 m 30 s ago",)
