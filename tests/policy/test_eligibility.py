"""Who can take a request at all."""

from __future__ import annotations

import pytest

from tests.policy.targets import facts, target
from understudy.domain.content import Audio, File, Image, ToolResult
from understudy.domain.messages import Message, Tool
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, OutputFormat
from understudy.policy.eligibility import Needs, eligible, needs_of
from understudy.policy.targets import Facts, TargetFacts

PICTURE = Image(data="eA==", media_type="image/png")


@pytest.mark.parametrize(
    ("request_", "needs"),
    [
        (GenerationRequest(messages=(Message.user("Hi"),)), set()),
        (GenerationRequest(messages=(Message.user((PICTURE,)),)), {"vision"}),
        (GenerationRequest(messages=(Message.system("Hi"), Message.user((PICTURE,)))), {"vision"}),
        (GenerationRequest(messages=(Message.tool(ToolResult(call_id="1", content=(PICTURE,))),)), {"vision"}),
        (GenerationRequest(messages=(Message.user((Audio(data="eA=="),)),)), {"audio_input"}),
        (
            GenerationRequest(messages=(Message.user((File(data="eA==", media_type="application/pdf"),)),)),
            {"pdf_input"},
        ),
        (GenerationRequest(messages=(Message.user((File(text="plain"),)),)), set()),
        (GenerationRequest(messages=(), tools=(Tool(name="t"),)), {"tools"}),
        (GenerationRequest(messages=(), output=OutputFormat(json_schema={})), {"structured_output"}),
        (GenerationRequest(messages=(), output=OutputFormat(kind="json_object")), set()),
    ],
)
def test_needs_are_read_from_the_request(request_: GenerationRequest, needs: set[str]) -> None:
    assert needs_of(request_).capabilities == needs


def test_embeddings_need_nothing() -> None:
    assert needs_of(EmbeddingRequest(texts=("x" * 10_000,))) == Needs()


BOTH = (target("blind", index=0), target("seeing", index=1))


def test_what_is_unknown_is_allowed() -> None:
    found = eligible(Needs(frozenset({"vision", "tools"}), 10**9), BOTH, Facts())
    assert found.targets == BOTH
    assert found.skipped == ()


def test_who_cannot_is_skipped_and_says_why() -> None:
    known = facts(blind=TargetFacts(capabilities={"vision": False}))
    found = eligible(Needs(frozenset({"vision"})), BOTH, known)
    assert [each.name for each in found.targets] == ["seeing"]
    assert [(skip.target.name, skip.why) for skip in found.skipped] == [("blind", "does not support images")]


def test_nobody_is_left_when_everyone_lacks_what_nothing_helps_against() -> None:
    known = facts(blind=TargetFacts(capabilities={"vision": False}), seeing=TargetFacts(capabilities={"vision": False}))
    found = eligible(Needs(frozenset({"vision"})), BOTH, known)
    assert found.targets == ()
    assert len(found.skipped) == 2


def test_an_estimate_alone_never_leaves_nobody() -> None:
    small = Facts(windows={"blind/m": 100, "seeing/m": 200})
    assert [each.name for each in eligible(Needs(least_prompt=150), BOTH, small).targets] == ["seeing"]
    found = eligible(Needs(least_prompt=500), BOTH, small)
    assert found.targets == BOTH
    assert (
        found.compromise == "no target is better: has a context window of 100 tokens, and the prompt has at least 500"
    )
    assert found.skipped == ()


def test_a_window_that_is_just_large_enough_is() -> None:
    exact = Facts(windows={"blind/m": 150, "seeing/m": 149})
    found = eligible(Needs(least_prompt=150), BOTH, exact)
    assert [each.name for each in found.targets] == ["blind"]
    assert [(skip.target.name, skip.why) for skip in found.skipped] == [
        ("seeing", "has a context window of 149 tokens, and the prompt has at least 150")
    ]
    assert found.compromise is None


def test_the_prompt_of_a_request_is_measured_too() -> None:
    assert needs_of(GenerationRequest(messages=(Message.user("x" * 600),))).least_prompt == 100


def test_what_is_known_to_be_able_is_allowed() -> None:
    known = facts(blind=TargetFacts(capabilities={"vision": True}), seeing=TargetFacts(capabilities={"tools": False}))
    assert eligible(Needs(frozenset({"vision"})), BOTH, known).targets == BOTH


def test_a_schema_can_be_asked_for_in_words_when_nobody_knows_schemas() -> None:
    neither = {"structured_output": False}
    known = facts(
        blind=TargetFacts(capabilities=neither), seeing=TargetFacts(capabilities={**neither, "vision": False})
    )
    found = eligible(Needs(frozenset({"structured_output"})), BOTH, known)
    assert found.targets == BOTH
    assert found.compromise == "no target is better: does not support answers that follow a schema"
    found = eligible(Needs(frozenset({"structured_output", "vision"})), BOTH, known)
    assert [each.name for each in found.targets] == ["blind"]
    assert [(skip.target.name, skip.why) for skip in found.skipped] == [("seeing", "does not support images")]


def test_some_that_can_leave_the_others_out_whatever_they_lack() -> None:
    known = facts(blind=TargetFacts(capabilities={"structured_output": False}))
    found = eligible(Needs(frozenset({"structured_output"})), BOTH, known)
    assert [each.name for each in found.targets] == ["seeing"]
    assert [skip.target.name for skip in found.skipped] == ["blind"]
