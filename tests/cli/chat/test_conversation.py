"""A conversation is the fold of its records, and its totals keep the unknown apart."""

from __future__ import annotations

import msgspec
import pytest

from understudy.cli.chat.conversation import (
    AnyRecord,
    Conversation,
    Ending,
    ModelSet,
    ProviderTotals,
    Spent,
    SystemSet,
    Turn,
    Undone,
)
from understudy.cli.chat.transcript import cost_lines, markdown, message_text, title
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.content import File, Image, Refusal, Text, Thinking
from understudy.domain.messages import Message
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage


def turn(number: int, ended: Ending = Ending.WHOLE) -> Turn:
    question, answer = Message.user(f"question {number}"), Message.assistant(f"answer {number}")
    return Turn(question=question, answer=answer, provider="openai", model="gpt", ended=ended)


def test_turns_are_added_and_taken_back() -> None:
    conversation = Conversation().apply(turn(1), turn(2), Undone(), turn(3))
    assert conversation.turns == (turn(1), turn(3))
    assert Conversation().apply(Undone()) == Conversation()


def test_what_is_sent() -> None:
    sent = Conversation().apply(turn(1)).messages(Message.user("and now?"))
    assert [message.text for message in sent] == ["question 1", "answer 1", "and now?"]


def test_the_last_setting_counts_and_outlives_what_is_taken_back() -> None:
    records: list[AnyRecord] = [SystemSet(text="a"), ModelSet(model="x"), turn(1), SystemSet(), Undone()]
    conversation = Conversation().apply(*records)
    assert (conversation.system, conversation.model) == (None, "x")


def attempt(**changes: object) -> AttemptRecord:
    plain = AttemptRecord(
        request_id="r",
        attempt_id="a",
        number=1,
        provider="openai",
        provider_type="openai",
        model="gpt",
        operation=Operation.CHAT,
        outcome=Outcome.WON,
        started=0,
        duration=1,
    )
    return msgspec.structs.replace(plain, **changes)


@pytest.mark.parametrize(
    ("record", "spent"),
    [
        (
            attempt(
                usage=Usage(input=10, cache_read=5, output=2, reasoning=1),
                cost=Cost(amount=Money(7), source="configuration"),
                answered_model="gpt-2",
            ),
            Spent(provider="openai", model="gpt-2", input=15, cached=5, output=3, nano_usd=7),
        ),
        (attempt(), Spent(provider="openai", model="gpt")),
        (attempt(usage=Usage(output=2)), Spent(provider="openai", model="gpt", output=2)),
        # What was refused, or never left, certainly cost nothing.
        (attempt(cost_basis=CostBasis.REFUSED), Spent(provider="openai", model="gpt", input=0, output=0, nano_usd=0)),
        (attempt(cost_basis=CostBasis.NOT_SENT), Spent(provider="openai", model="gpt", input=0, output=0, nano_usd=0)),
    ],
)
def test_what_an_attempt_used(record: AttemptRecord, spent: Spent) -> None:
    assert Spent.of(record) == spent


def test_totals_keep_the_unknown_apart() -> None:
    conversation = Conversation().apply(
        Spent(provider="openai", input=1000, cached=400, output=20, nano_usd=1_500_000),
        Spent(provider="openai", input=500, output=5),
        Spent(provider="openai"),
        Spent(provider="ollama", input=7, output=8, nano_usd=0),
    )
    assert conversation.totals == (
        ProviderTotals(
            provider="openai",
            calls=3,
            input=1500,
            cached=400,
            output=25,
            cost=Money(1_500_000),
            uncounted=1,
            unpriced=2,
        ),
        ProviderTotals(provider="ollama", calls=1, input=7, output=8),
    )
    assert cost_lines(conversation.totals) == [
        "openai: 3 calls · 1,500 tokens in (400 cached), 25 out · tokens of 1 call unknown · "
        "$0.001500000 · cost of 2 calls unknown",
        "ollama: 1 call · 7 tokens in, 8 out · $0",
        "total: 4 calls · 1,507 tokens in (400 cached), 33 out · tokens of 1 call unknown · "
        "$0.001500000 · cost of 2 calls unknown",
    ]


def test_totals_of_which_nothing_is_known_show_no_zeros() -> None:
    totals = Conversation().apply(Spent(provider="mine")).totals
    assert cost_lines(totals) == ["mine: 1 call · tokens of 1 call unknown · cost of 1 call unknown"]
    assert cost_lines(()) == ["no request was made yet"]


def test_a_message_in_words() -> None:
    parts = (
        Thinking("hm"),
        Text("look:"),
        Image(data="aGk=", media_type="image/png"),
        Image(url="https://example.org/a.png"),
        File(data="aGk=", media_type="application/pdf", name="a.pdf"),
        Refusal("no"),
    )
    assert message_text(Message.user(parts)) == "look:\n[image/png]\n[https://example.org/a.png]\n[a.pdf]\nno"
    assert title(Message.user("a  b\nc")) == "a b c"
    assert title(Message.user("x" * 61)) == "x" * 59 + "…"


def test_a_document() -> None:
    conversation = Conversation().apply(SystemSet(text="Be brief."), turn(1), turn(2, Ending.STOPPED))
    assert markdown(conversation) == (
        "## System\n\nBe brief.\n\n## You\n\nquestion 1\n\n## openai/gpt\n\nanswer 1\n\n"
        "## You\n\nquestion 2\n\n## openai/gpt\n\nanswer 2\n\n*(stopped here)*\n"
    )
