"""The nouns are structs all the way down: what is written as JSON is read back the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.content import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Opaque,
    Provenance,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message, OpaqueTool, Tool, ToolChoice
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.requests import (
    EmbeddingRequest,
    GenerationRequest,
    ModelsRequest,
    OutputFormat,
    Reasoning,
    WireOrigin,
)
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, HealthStatus, ModelInfo, TokenCount
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name

EXTRA = {"d": {"x": [1, None]}}
PARTS = (
    Text("t", citations=(Citation(url="u", start=0),), cache=CacheMark(ttl="1h"), extra=EXTRA),
    Refusal("no"),
    Image(data="QQ==", media_type="image/png"),
    Audio(file_id="f", transcript="words"),
    File(text="t", citations=True),
    Thinking("t", signature="s", provenance=Provenance("d", "m")),
    ToolCall(id="c", name="f", arguments='{"a":'),
    ToolResult(call_id="c", content=(Text("r"),), is_error=True),
    Citation(title="t"),
    Opaque("d", {"any": [1]}),
)
COST = Cost(amount=Money(5), source="s", as_of="2026-01-01")
FAILURE = Failure(kind=FailureKind.RATE_LIMITED, message="m", retry_after=1.5, body={"a": 1})
ATTEMPT = AttemptRecord(
    request_id="r", attempt_id="a", number=1, provider="p", provider_type="t", model=None, operation=Operation.CHAT,
    outcome=Outcome.FAILED, started=1.0, duration=2.0, failure=FAILURE, cost=COST,
)  # fmt: skip
WARNING = Warning(WarningKind.DROPPED, "seed", "no")
STRUCTS = (
    Message.assistant(PARTS),
    GenerationRequest(
        messages=(Message.user("hi"), Message.assistant(PARTS)),
        tools=(Tool(name="f", parameters={"type": "object"}), OpaqueTool("d", {"a": 1})),
        tool_choice=ToolChoice("tool", ("f",)),
        output=OutputFormat(json_schema={"type": "object"}),
        reasoning=Reasoning(effort="low"),
        stop=("a",),
        extra=EXTRA,
        configured=frozenset({"seed"}),
        origin=WireOrigin("d", b"\x00\xff"),
    ),
    GenerationResponse(
        message=Message.assistant(PARTS),
        finish_reason=FinishReason.STOP,
        usage=Usage(input=1, raw={"a": 1}),
        cost=COST,
        warnings=(WARNING,),
        attempts=(ATTEMPT,),
        extra={"a": 1},
        raw=b"\xff",
    ),
    EmbeddingRequest(texts=("a",), single=True),
    EmbeddingResponse(embeddings=((1.0, 0.5),), attempts=(ATTEMPT,), cost=COST),
    ModelsRequest(model="m"),
    ModelInfo(id="m", capabilities=frozenset({"chat"})),
    TokenCount(input_tokens=3),
    HealthStatus(provider="p", reachable=True, targets=(HealthStatus(provider="q", reachable=False),)),
    ATTEMPT,
    FAILURE,
)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: type(struct).__name__)
def test_round_trip(struct: Any) -> None:
    assert msgspec.json.decode(msgspec.json.encode(struct), type=type(struct)) == struct


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: type(struct).__name__)
def test_they_are_frozen(struct: Any) -> None:
    with pytest.raises(AttributeError):
        setattr(struct, struct.__struct_fields__[0], None)
