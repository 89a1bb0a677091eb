"""The judge of the sessions: what is wrong with one is a complaint."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.agents.running import complaints
from tests.agents.scenario import Report, Request, Scenario, Strike
from tests.agents.task import SHORT_TREE

ANSWERED = Request(vendor="openai", dialect="responses", model="m", status=200, outcome="answered", fault=None, step=0)
STRUCK = replace(ANSWERED, step=1, fault="cut", outcome="cut")
GOOD = Report(
    scenario=Scenario(agent="codex", vendors=("openai", "google"), strikes=(Strike("cut", 1),), size="short"),
    seconds=1.0,
    codes=(0,),
    tree=SHORT_TREE,
    requests=(
        ANSWERED,
        STRUCK,
        *(replace(ANSWERED, vendor="google", step=step) for step in (1, 2)),
    ),
)


def test_a_session_that_a_fault_moved_is_good() -> None:
    assert complaints(GOOD) == []


def test_a_killed_vendor_may_answer_once_more() -> None:
    strike = Strike("killed", 1)
    requests = (ANSWERED, replace(STRUCK, fault="reset"), replace(ANSWERED, step=1), replace(GOOD.requests[-1], step=2))
    report = replace(GOOD, scenario=replace(GOOD.scenario, strikes=(strike,)), requests=requests)
    assert complaints(report) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"codes": (1,)}, "turn 0 ended with 1"),
        ({"tree": SHORT_TREE | {"lines.txt": "3\n"}}, "lines.txt: '3\\n' instead of '2\\n'"),
        ({"requests": GOOD.requests[:1] + GOOD.requests[2:]}, "cut1.1 struck nothing"),
        ({"requests": (*GOOD.requests, STRUCK)}, "cut1.1 struck ['openai', 'openai']"),
        (
            {"requests": (*GOOD.requests, replace(ANSWERED, step=3))},
            "the session went from ['google'] to ['openai'] for step 3 without a fault",
        ),
        (
            {"requests": (ANSWERED, replace(STRUCK, vendor="google"), replace(ANSWERED, step=1))},
            "the fault of step 1 struck ['google'], but the session was at ['openai']",
        ),
        (
            {"requests": (*GOOD.requests, replace(ANSWERED, step=3, vendor="google", status=400, error="no"))},
            "google refused a request for step 3 with 400: no",
        ),
    ],
    ids=["code", "file", "unstruck", "struck-twice", "wandered", "struck-elsewhere", "refused"],
)
def test_what_is_wrong_is_a_complaint(changes: dict[str, object], complaint: str) -> None:
    assert complaint in complaints(replace(GOOD, **changes))
