"""Renders a conversation: for the screen, and as a Markdown document. Pure."""

from __future__ import annotations

from understudy.cli.chat.conversation import Conversation, Ending, ProviderTotals, Turn
from understudy.cli.messages import price
from understudy.domain.content import AnyPart, Media, Refusal, Text
from understudy.domain.messages import Message
from understudy.domain.money import Cost

_ENDINGS = {Ending.WHOLE: "", Ending.STOPPED: "stopped here", Ending.BROKEN: "interrupted here"}


def message_text(message: Message) -> str:
    """Return the text of a message, with images and files by their names and without thinking."""
    return "\n".join(shown for part in message.parts if (shown := _part_text(part)))


def title(message: Message, width: int = 60) -> str:
    """Return the beginning of a message, on one line."""
    line = " ".join(message_text(message).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def name_of(turn: Turn) -> str:
    """Return the target that answered, as `entry/model`."""
    return "/".join(filter(None, (turn.provider, turn.model))) or "unknown"


def ending(turn: Turn) -> str:
    """Return how an answer ended, if it is not whole."""
    return _ENDINGS[turn.ended]


def screen_lines(turn: Turn) -> list[str]:
    """Return a turn as it was shown on the screen."""
    note = [f"({ending(turn)})"] if ending(turn) else []
    return [f"> {message_text(turn.question)}", message_text(turn.answer), *note]


def markdown(conversation: Conversation) -> str:
    """Return the whole conversation as a Markdown document."""
    sections = [f"## System\n\n{conversation.system}"] if conversation.system else []
    for turn in conversation.turns:
        note = f"\n\n*({ending(turn)})*" if ending(turn) else ""
        sections += [
            f"## You\n\n{message_text(turn.question)}",
            f"## {name_of(turn)}\n\n{message_text(turn.answer)}{note}",
        ]
    return "\n\n".join(sections) + "\n"


def cost_lines(totals: tuple[ProviderTotals, ...]) -> list[str]:
    """Return the costs by provider, and their sum where there are several. Unknown costs are reported, not guessed."""
    if not totals:
        return ["no request was made yet"]
    lines = [f"{each.provider}: {_cost_line(each)}" for each in totals]
    if len(totals) > 1:
        lines.append(f"total: {_cost_line(sum(totals, ProviderTotals(provider='total')))}")
    return lines


def _cost_line(total: ProviderTotals) -> str:
    parts = [_calls(total.calls)]
    if total.uncounted < total.calls:
        cached = f" ({total.cached:,} cached)" if total.cached else ""
        parts.append(f"{total.input:,} tokens in{cached}, {total.output:,} out")
    if total.uncounted:
        parts.append(f"tokens of {_calls(total.uncounted)} unknown")
    if total.unpriced < total.calls:
        parts.append(price(Cost(amount=total.cost, source="")))
    if total.unpriced:
        parts.append(f"cost of {_calls(total.unpriced)} unknown")
    return " · ".join(parts)


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _part_text(part: AnyPart) -> str:
    match part:
        case Text(text=text) | Refusal(text=text):
            return text
        case Media(name=name, url=url, media_type=media_type):
            return f"[{name or url or media_type or 'attachment'}]"
        case _:
            return ""
