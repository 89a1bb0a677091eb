"""A conversation as text: for the screen, and as a Markdown document. Pure."""

from __future__ import annotations

from understudy.cli.chat.conversation import Account, Conversation, Ended, Turn
from understudy.cli.messages import price
from understudy.domain.content import AnyPart, Media, Refusal, Text
from understudy.domain.messages import Message
from understudy.domain.money import Cost, Money

_ENDINGS = {Ended.WHOLE: "", Ended.STOPPED: "stopped here", Ended.BROKEN: "broke off here"}


def words(message: Message) -> str:
    """Return what a message says; images and files by their names, thinking not at all."""
    return "\n".join(shown for part in message.parts if (shown := _shown(part)))


def title(message: Message, width: int = 60) -> str:
    """Return the beginning of a message, on one line."""
    line = " ".join(words(message).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def name_of(turn: Turn) -> str:
    """Return who answered, as `entry/model`."""
    return "/".join(filter(None, (turn.provider, turn.model))) or "unknown"


def ending(turn: Turn) -> str:
    """Return how an answer ended, if not as it should."""
    return _ENDINGS[turn.ended]


def spoken(turn: Turn) -> list[str]:
    """Return a turn as it stood on the screen."""
    note = [f"({ending(turn)})"] if ending(turn) else []
    return [f"> {words(turn.question)}", words(turn.answer), *note]


def markdown(conversation: Conversation) -> str:
    """Return a document of the whole conversation."""
    sections = [f"## System\n\n{conversation.system}"] if conversation.system else []
    for turn in conversation.turns:
        note = f"\n\n*({ending(turn)})*" if ending(turn) else ""
        sections += [f"## You\n\n{words(turn.question)}", f"## {name_of(turn)}\n\n{words(turn.answer)}{note}"]
    return "\n\n".join(sections) + "\n"


def account_lines(accounts: tuple[Account, ...]) -> list[str]:
    """Return the costs by provider, and their sum where there are several. What is not known is said, not guessed."""
    if not accounts:
        return ["nobody was asked yet"]
    lines = [f"{each.provider}: {_account(each)}" for each in accounts]
    if len(accounts) > 1:
        total = Account(
            provider="",
            calls=sum(each.calls for each in accounts),
            input=sum(each.input for each in accounts),
            cached=sum(each.cached for each in accounts),
            output=sum(each.output for each in accounts),
            cost=sum((each.cost for each in accounts), Money()),
            uncounted=sum(each.uncounted for each in accounts),
            unpriced=sum(each.unpriced for each in accounts),
        )
        lines.append(f"together: {_account(total)}")
    return lines


def _account(account: Account) -> str:
    parts = [_calls(account.calls)]
    if account.uncounted < account.calls:
        cached = f" ({account.cached:,} cached)" if account.cached else ""
        parts.append(f"{account.input:,} tokens in{cached}, {account.output:,} out")
    if account.uncounted:
        parts.append(f"tokens of {_calls(account.uncounted)} unknown")
    if account.unpriced < account.calls:
        parts.append(price(Cost(amount=account.cost, source="")))
    if account.unpriced:
        parts.append(f"cost of {_calls(account.unpriced)} unknown")
    return " · ".join(parts)


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _shown(part: AnyPart) -> str:
    match part:
        case Text(text=text) | Refusal(text=text):
            return text
        case Media(name=name, url=url, media_type=media_type):
            return f"[{name or url or media_type or 'attachment'}]"
        case _:
            return ""
