"""A conversation as the fold of its records, which are also the lines of a session's file. Pure."""

from __future__ import annotations

import enum

import msgspec

from understudy.domain.attempts import AttemptRecord, CostBasis
from understudy.domain.messages import Message
from understudy.domain.money import Money


class Ending(enum.StrEnum):
    """How an answer ended. `stopped`: by Ctrl-C; `broken`: by a failure in its middle. The part shown is kept."""

    WHOLE = "whole"
    STOPPED = "stopped"
    BROKEN = "broken"


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all records."""


class Turn(Record, frozen=True, kw_only=True, tag="turn", omit_defaults=True):
    """A question and its answer, with everything that the provider needs to see again."""

    question: Message
    answer: Message
    provider: str | None = None
    """Name of the entry that answered."""
    model: str | None = None
    ended: Ending = Ending.WHOLE
    at: float | None = None
    """Unix seconds."""


class Undone(Record, frozen=True, kw_only=True, tag="undone", omit_defaults=True):
    """The last turn was removed."""


class SystemSet(Record, frozen=True, kw_only=True, tag="system", omit_defaults=True):
    """The system prompt from here on."""

    text: str | None = None


class ModelSet(Record, frozen=True, kw_only=True, tag="model", omit_defaults=True):
    """The target asked first from here on, as `ENTRY[/MODEL]`; `None`: the configuration's own first."""

    model: str | None = None


class Spent(Record, frozen=True, kw_only=True, tag="spent", omit_defaults=True):
    """The tokens and the cost of one attempt: zero where it certainly cost nothing, `None` where unknown."""

    provider: str
    model: str | None = None
    input: int | None = None
    cached: int | None = None
    """The part of `input` that was read from a cache."""
    output: int | None = None
    nano_usd: int | None = None

    @classmethod
    def of(cls, attempt: AttemptRecord) -> Spent:
        """Return the usage in the record of an attempt."""
        usage = attempt.usage
        free = attempt.cost is None and attempt.cost_basis in (CostBasis.NOT_SENT, CostBasis.REFUSED)
        return cls(
            provider=attempt.provider,
            model=attempt.answered_model or attempt.model,
            input=0 if free and usage.total is None else usage.input_total,
            cached=usage.cached,
            output=0 if free and usage.total is None else usage.output_total,
            nano_usd=attempt.cost.amount.nano_usd if attempt.cost else 0 if free else None,
        )


AnyRecord = Turn | Undone | SystemSet | ModelSet | Spent
"""Every kind of record."""


class ProviderTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one provider, their tokens and their cost, as far as known."""

    provider: str
    calls: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    cost: Money = Money()
    uncounted: int = 0
    """Calls whose tokens are unknown."""
    unpriced: int = 0
    """Calls whose cost is unknown."""

    @classmethod
    def of(cls, spent: Spent) -> ProviderTotals:
        """Return the totals of one attempt."""
        return cls(
            provider=spent.provider,
            calls=1,
            input=spent.input or 0,
            cached=spent.cached or 0,
            output=spent.output or 0,
            cost=Money(spent.nano_usd or 0),
            uncounted=int(spent.input is None and spent.output is None),
            unpriced=int(spent.nano_usd is None),
        )

    def __add__(self, other: ProviderTotals) -> ProviderTotals:
        _, *names = self.__struct_fields__
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return ProviderTotals(provider=self.provider, **sums)


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a conversation."""

    turns: tuple[Turn, ...] = ()
    system: str | None = None
    model: str | None = None
    totals: tuple[ProviderTotals, ...] = ()

    def apply(self, *records: AnyRecord) -> Conversation:
        """Return the state after these records."""
        conversation = self
        for record in records:
            conversation = conversation._apply(record)
        return conversation

    def _apply(self, record: AnyRecord) -> Conversation:
        match record:
            case Turn():
                return msgspec.structs.replace(self, turns=(*self.turns, record))
            case Undone():
                return msgspec.structs.replace(self, turns=self.turns[:-1])
            case SystemSet(text=text):
                return msgspec.structs.replace(self, system=text)
            case ModelSet(model=model):
                return msgspec.structs.replace(self, model=model)
            case Spent(provider=provider):
                totals = {each.provider: each for each in self.totals}
                totals[provider] = totals.get(provider, ProviderTotals(provider=provider)) + ProviderTotals.of(record)
                return msgspec.structs.replace(self, totals=tuple(totals.values()))

    def messages(self, question: Message) -> list[Message]:
        """Return the messages to send with a question."""
        return [message for turn in self.turns for message in (turn.question, turn.answer)] + [question]
