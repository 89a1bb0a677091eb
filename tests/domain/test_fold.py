"""A response is the fold of its events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.domain import events as e
from understudy.domain.content import Audio, Citation, Image, Opaque, Provenance, Refusal, Text, Thinking, ToolCall
from understudy.domain.finish import FinishReason
from understudy.domain.fold import Fold, fold, unfold, usual_response
from understudy.domain.messages import Message, Role
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name

WARNING = Warning(WarningKind.DROPPED, "seed", "no")


def test_pieces_grow_into_parts_in_the_order_in_which_these_begin() -> None:
    response = fold(
        [
            e.Started(id="i", model="m", created=5.0),
            e.ThinkingDelta(0, "let "),
            e.TextDelta(1, "a"),
            e.ThinkingDelta(0, "me"),
            e.ThinkingSigned(0, "si"),
            e.ThinkingSigned(0, "g"),
            e.ToolCallStarted(2, "c", "f"),
            e.ToolCallDelta(2, '{"x"'),
            e.TextDelta(1, "b"),
            e.ToolCallDelta(2, ":1}"),
            e.RefusalDelta(3, "no"),
            e.PartAdded(4, Audio(file_id="f")),
            e.CitationAdded(1, Citation(url="u")),
            e.Finished(FinishReason.TOOL_CALLS, "tool_use"),
        ],
        dialect="d",
    )
    here = Provenance("d", "m")
    assert response.message == Message(
        Role.ASSISTANT,
        (
            Thinking("let me", signature="sig", provenance=here),
            Text("ab", citations=(Citation(url="u"),)),
            ToolCall(id="c", name="f", arguments='{"x":1}', provenance=here),
            Refusal("no"),
            Audio(file_id="f"),
        ),
    )
    assert (response.text, response.thinking, response.refusal) == ("ab", "let me", "no")
    assert (response.id, response.model, response.created) == ("i", "m", 5.0)
    assert (response.finish_reason, response.finish_reason_raw) == (FinishReason.TOOL_CALLS, "tool_use")


def test_plain_text_becomes_a_string_and_anything_more_does_not() -> None:
    assert fold([e.TextDelta(0, "a"), e.TextDelta(0, "b")]).message.content == "ab"
    assert fold([e.TextDelta(0, "a"), e.TextDelta(1, "b")]).message.content == (Text("a"), Text("b"))
    noted = fold([e.TextDelta(0, "a"), e.PartExtra(0, "d", {"id": "1"})]).message.content
    assert noted == (Text("a", extra={"d": {"id": "1"}}),)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    assert fold([e.ToolCallStarted(0, "c", "f")]).tool_calls[0].arguments == "{}"


def test_without_a_dialect_nothing_is_stamped() -> None:
    parts = fold([e.ThinkingDelta(0, "t"), e.ToolCallStarted(1, "c", "f")]).message.parts
    assert [getattr(part, "provenance", 0) for part in parts] == [None, None]


def test_notes_replace_or_extend() -> None:
    extra = fold(
        [
            e.FactReported("tier", "a"), e.FactReported("tier", "b"), e.FactReported("list", [1], append=True),
            e.FactReported("list", [2, 3], append=True),
        ]
    ).extra  # fmt: skip
    assert extra == {"tier": "b", "list": [1, 2, 3]}


def test_notes_of_a_part_are_kept_by_dialect_and_may_come_first() -> None:
    response = fold([e.PartExtra(0, "d", {"a": 1}), e.ThinkingDelta(0, "t"), e.PartExtra(0, "d", {"b": 2})])
    assert response.message.parts == (Thinking("t", extra={"d": {"a": 1, "b": 2}}),)
    assert fold([e.PartExtra(0, "d", {"a": 1})]).message.parts == ()


def test_the_latest_usage_counts_and_warnings_are_gathered() -> None:
    response = fold(
        [
            e.Warned(WARNING), e.UsageReported(Usage(input=10, output=1, reasoning=3)),
            e.Finished(FinishReason.STOP), e.UsageReported(Usage(input=10, output=8)), e.UsageReported(Usage(raw={})),
        ]
    )  # fmt: skip
    assert response.usage == Usage(input=10, output=8)
    assert response.warnings == (WARNING,)


def test_without_an_end_the_reason_is_unknown() -> None:
    assert fold([e.TextDelta(0, "a")]).finish_reason is FinishReason.UNKNOWN


@pytest.mark.parametrize(
    ("given_events", "empty"),
    [
        ([], True),
        ([e.Started(), e.FactReported("a", 1), e.Warned(WARNING), e.Frame(b"x"), e.Finished(FinishReason.STOP)], True),
        ([e.TextDelta(0, ""), e.ThinkingDelta(1, "")], True),
        ([e.PartExtra(0, "d", {})], True),
        ([e.TextDelta(0, "a")], False),
        ([e.ThinkingDelta(0, "a")], True),
        ([e.RefusalDelta(0, "a")], False),
        ([e.ToolCallStarted(0, "c", "f")], False),
        ([e.PartAdded(0, Opaque("d", {}))], False),
    ],
)
def test_emptiness(given_events: list[e.Event], empty: bool) -> None:
    folding = Fold()
    for event in given_events:
        folding.add(event)
    assert folding.has_answer is not empty


def test_the_answer_can_be_read_at_any_time_and_does_not_change_afterwards() -> None:
    folding = Fold()
    folding.add(e.TextDelta(0, "a"))
    folding.add(e.FactReported("list", [1], append=True))
    early = folding.response()
    folding.add(e.TextDelta(0, "b"))
    folding.add(e.Warned(WARNING))
    folding.add(e.FactReported("list", [2], append=True))
    folding.add(e.FactReported("late", 1))
    assert (early.text, early.warnings, early.extra) == ("a", (), {"list": [1]})
    assert folding.response().text == "ab"


TEXTS = st.text(max_size=8)
MAYBE = st.none() | TEXTS
EXTRA = st.none() | st.dictionaries(TEXTS, st.dictionaries(TEXTS, st.integers(), max_size=2), min_size=1, max_size=2)
PARTS = st.one_of(
    st.builds(Text, TEXTS, citations=st.lists(st.builds(Citation, url=MAYBE), max_size=2).map(tuple), extra=EXTRA),
    st.builds(Refusal, TEXTS, extra=EXTRA),
    st.builds(Thinking, TEXTS, signature=MAYBE, redacted=MAYBE, extra=EXTRA),
    st.builds(ToolCall, id=TEXTS, name=TEXTS, arguments=TEXTS.filter(bool), extra=EXTRA),
    st.builds(Image, url=MAYBE),
    st.builds(Opaque, st.just("d"), st.integers()),
)
RESPONSES = st.builds(
    GenerationResponse,
    message=st.lists(PARTS, max_size=4).map(lambda parts: Message(Role.ASSISTANT, tuple(parts))),
    finish_reason=st.sampled_from(FinishReason),
    finish_reason_raw=MAYBE,
    usage=st.builds(Usage, input=st.none() | st.integers(0, 9), output=st.none() | st.integers(0, 9)),
    model=MAYBE,
    id=MAYBE,
    created=st.none() | st.floats(0, 1e9),
    extra=st.dictionaries(TEXTS, st.integers(), max_size=3),
    warnings=st.sampled_from([(), (WARNING,)]),
)


def plain(response: GenerationResponse) -> GenerationResponse:
    """A message of one plain text may be a string or a part."""
    return msgspec.structs.replace(response, message=Message(Role.ASSISTANT, response.message.parts))


@settings(deadline=None)
@given(RESPONSES)
def test_unfolding_and_folding_gives_the_response_back(response: GenerationResponse) -> None:
    expected = plain(response)
    found = plain(fold(list(unfold(response))))
    if expected.message.parts == (Text(""),):
        expected = msgspec.structs.replace(expected, message=Message(Role.ASSISTANT, ()))
    assert found == expected


_ENDS = st.builds(e.Finished, st.sampled_from(FinishReason), st.sampled_from((None, "stop")))
_STARTS = st.builds(e.Started, id=st.sampled_from((None, "i")), model=st.sampled_from((None, "m")))
_COUNTS = st.sampled_from((None, 0, 7))
_USAGES = st.builds(Usage, input=_COUNTS, output=_COUNTS, raw=st.sampled_from((None, {"x_tokens": -1}, {"a": 1})))
_MIDDLES = st.one_of(
    st.builds(e.UsageReported, _USAGES),
    st.builds(e.FactReported, st.sampled_from("ab"), st.sampled_from((None, 1, [1])), append=st.booleans()),
    st.just(e.Warned(WARNING)),
    st.builds(e.TextDelta, st.integers(0, 1), st.sampled_from(("", "more"))),
    st.just(e.Frame(b"")),
)


@given(
    st.lists(_STARTS, max_size=2),
    st.lists(st.builds(e.TextDelta, st.integers(0, 2), st.sampled_from(("", "a", "b"))), max_size=2),
    st.lists(_MIDDLES, max_size=4),
    st.lists(_ENDS, max_size=2),
)
@settings(max_examples=500)
def test_a_whole_answer_of_the_usual_form_is_what_its_events_fold_into(
    starts: list[e.Event], texts: list[e.Event], middles: list[e.Event], ends: list[e.Event]
) -> None:
    events: list[Any] = [*starts, *texts, *(each for each in middles if not _is_faulty(each)), *ends]
    folding = Fold("d", "p")
    folding.add_all(events)
    found = usual_response(events, b"raw")
    assert found is None or found == folding.response(b"raw")
    assert found is None or folding.has_answer


def _is_faulty(event: e.Event) -> bool:
    """Check whether an event adds to a fact what is no list, which no dialect does."""
    return isinstance(event, e.FactReported) and event.append and not isinstance(event.value, list)


def test_the_usual_form_has_a_start_a_text_facts_counts_and_an_end() -> None:
    facts = [e.FactReported("service_tier", "default"), e.FactReported("system_fingerprint", "fp")]
    usual: list[Any] = [
        e.Started(),
        e.TextDelta(0, "a"),
        *facts,
        e.UsageReported(Usage(input=1)),
        e.Finished(FinishReason.STOP),
    ]
    assert usual_response(usual) is not None
    assert usual_response([usual[0], usual[1], usual[-1]]) is not None
    assert usual_response(usual[1:]) is None
    assert usual_response(usual[:-1]) is None
    assert usual_response([*usual[:2], e.ToolCallStarted(1, "c", "f"), *usual[2:]]) is None
