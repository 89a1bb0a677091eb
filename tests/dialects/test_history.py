"""What a conversation brings along to another provider, and ids of tool calls that every wire takes."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.dialects.base import Endpoint, Notes
from understudy.dialects.history import CallIds, made_id, settled, short_id
from understudy.domain import events as e
from understudy.domain.content import Citation, Opaque, Provenance, Refusal, Text, Thinking, ToolCall
from understudy.domain.fold import Fold
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest, WireOrigin

AZURE = Provenance("responses", "gpt-6-luna", "azure-openai")
HERE = "https://api.example/v1"


def moved(*parts: Any, provider: str = "openai", **fields: Any) -> tuple[tuple[Message, ...], set[str]]:
    request = GenerationRequest(messages=(Message.user("hi"), Message.assistant(parts)), **fields)
    rest, warnings = settled(request, "responses", Endpoint(provider=provider, base_url=HERE))
    return rest.messages[1:], {str(step.warning.what) for step in warnings if isinstance(step, e.Warned)}


def test_of_a_turn_that_another_provider_wrote_the_text_and_the_calls_stay() -> None:
    messages, warned = moved(
        Thinking("hm", signature="s", provenance=AZURE, extra={"responses": {"id": "rs_1"}}),
        Opaque("responses", {"type": "web_search_call"}, provenance=AZURE),
        Text(
            "Sunny",
            citations=(Citation(dialect="responses", raw={"file_id": "f"}), Citation(dialect="anthropic")),
            extra={"responses": {"item": {"id": "msg_1"}}, "other": {"a": 1}},
        ),
        ToolCall(id="c", name="f", provenance=AZURE, extra={"responses": {"id": "fc_1", "type": "custom_tool_call"}}),
    )
    assert messages == (
        Message.assistant(
            (
                Text("Sunny", citations=(Citation(dialect="anthropic"),), extra={"other": {"a": 1}}),
                ToolCall(id="c", name="f", provenance=AZURE, extra={"responses": {"type": "custom_tool_call"}}),
            )
        ),
    )
    assert warned == {"thinking", "opaque part", "citations"}


@pytest.mark.parametrize(
    ("server", "stays"),
    [
        ("https://api.example", True),
        (None, True),
        ("https://other.example", False),
        ("https://api.example:8443", False),
        ("http://api.example", False),
    ],
)
def test_what_another_server_of_the_same_type_wrote_is_left_out(server: str | None, stays: bool) -> None:
    theirs = Provenance("responses", "gpt-6-luna", "openai", server)
    messages, warned = moved(Thinking("hm", signature="s", provenance=theirs), Text("a"))
    assert (len(messages[0].parts) == 2, warned == set()) == (stays, stays)


@pytest.mark.parametrize("kind", [Text, Refusal])
def test_the_id_of_a_text_stays_with_who_gave_it(kind: type[Text | Refusal]) -> None:
    own = {"responses": {"item": {"id": "msg_1"}}}
    assert moved(kind("a", provenance=AZURE, extra=own)) == (
        (Message.assistant((kind("a", provenance=AZURE),)),),
        set(),
    )
    kept = kind("a", provenance=AZURE, extra=own)
    assert moved(kept, provider="azure-openai") == ((Message.assistant((kept,)),), set())


def test_a_turn_of_thinking_alone_is_left_out_whole() -> None:
    assert moved(Thinking("hm", provenance=AZURE)) == ((), {"thinking"})


@pytest.mark.parametrize(
    "origin",
    [AZURE, Provenance("responses", "gpt-6-luna"), Provenance("anthropic", "claude", "anthropic"), None],
    ids=["its own", "of no known provider", "of another dialect", "the user's"],
)
def test_nothing_else_is_touched_here(origin: Provenance | None) -> None:
    parts = (Thinking("hm", provenance=origin), Text("a", extra={"responses": {"item": {"id": "msg_1"}}}))
    assert moved(*parts, provider="azure-openai") == ((Message.assistant(parts),), set())


def test_a_request_of_this_very_wire_is_sent_on_as_it_stands() -> None:
    parts = (Thinking("hm", provenance=AZURE),)
    messages, warned = moved(*parts, origin=WireOrigin("responses", b"{}"))
    assert (messages, warned) == ((Message.assistant(parts),), set())


def test_an_answer_says_whose_its_parts_are() -> None:
    fold = Fold("responses", "openai", HERE)
    for event in (
        e.Started(model="gpt-6-luna"),
        e.ThinkingDelta(0, "hm"),
        e.PartAdded(1, Opaque("responses", {})),
        e.PartAdded(2, Thinking(redacted="x", provenance=Provenance("responses"))),
        e.ToolCallStarted(3, "c", "f"),
        e.TextDelta(4, "with an id"),
        e.PartNoted(4, "responses", {"item": {"id": "msg_1"}}),
        e.TextDelta(5, "with a citation"),
        e.CitationAdded(5, Citation(url="http://x")),
        e.TextDelta(6, "plain"),
    ):
        fold.add(event)
    whose = [part.provenance for part in fold.message().parts]  # type: ignore[union-attr]
    own = Provenance("responses", "gpt-6-luna", "openai", HERE)
    assert whose == [own, own, Provenance("responses", None, "openai", HERE), own, own, own, None]


class TestIds:
    def test_one_that_fits_stays_and_nothing_is_said(self) -> None:
        notes = Notes()
        ids = CallIds(short_id(40), notes)
        assert ids.of_call("call_1") == ids.of_result("call_1") == "call_1"
        assert notes.warnings == []

    def test_one_that_does_not_fit_is_another_in_call_and_result_and_next_time(self) -> None:
        notes = Notes()
        ids = CallIds(short_id(40), notes)
        assert ids.of_call("x" * 41) == ids.of_result("x" * 41) == CallIds(short_id(40), Notes()).of_call("x" * 41)
        assert [(str(warning.kind), warning.what) for warning in notes.warnings] == [("renamed", "tool call id")]

    def test_a_result_without_its_call_is_renamed_the_same_way(self) -> None:
        assert CallIds(short_id(40), Notes()).of_result("x" * 41) == made_id("x" * 41)

    def test_calls_of_one_id_become_distinct_and_results_belong_to_the_latest(self) -> None:
        ids = CallIds(short_id(40), Notes(), distinct=True)
        first, first_result = ids.of_call("0"), ids.of_result("0")
        second, second_result = ids.of_call("0"), ids.of_result("0")
        assert first == first_result == "0"
        assert second == second_result != "0"

    def test_a_made_id_fits_every_wire(self) -> None:
        assert len(made_id("")) == 40
        assert made_id("a").replace("_", "").isalnum()
