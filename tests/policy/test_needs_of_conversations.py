"""What a request needs is read from a census of its messages. Here each part is looked at, in the plainest way."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from tests.sending.conversations import conversations
from understudy.domain.census import Census, CheckedMessages, census_of
from understudy.domain.content import AnyPart, Audio, File, Image, Text, ToolResult
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest
from understudy.policy.eligibility import needs_of
from understudy.policy.estimate import LEAST_BYTES_PER_TOKEN


def _needed(part: AnyPart) -> set[str]:
    match part:
        case ToolResult(content=tuple(inner)):
            return set[str]().union(*map(_needed, inner))
        case Image():
            return {"vision"}
        case Audio():
            return {"audio_input"}
        case File(media_type="application/pdf"):
            return {"pdf_input"}
        case _:
            return set()


def _size(message: Message) -> int:
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


@settings(max_examples=99, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=conversations())
def test_needs_are_those_of_the_parts(messages: tuple[Message, ...]) -> None:
    found = needs_of(GenerationRequest(messages=messages))
    assert found == needs_of(GenerationRequest(messages=CheckedMessages(messages)))
    parts = [part for message in messages for part in message.parts]
    assert found.capabilities == set[str]().union(*map(_needed, parts))
    assert found.least_prompt == sum(map(_size, messages)) // LEAST_BYTES_PER_TOKEN


def test_a_census_is_taken_once_of_messages_that_passed_the_door() -> None:
    messages = CheckedMessages((Message.user("Hi"), Message.assistant(Text("Hello"))))
    assert census_of(messages) is census_of(messages)
    assert messages == (Message.user("Hi"), Message.assistant(Text("Hello")))
    assert isinstance(census_of(tuple(messages)), Census)
    assert census_of(tuple(messages)) is not census_of(messages)
