"""The outline of a request decides as the whole would, and goes out with the same bytes.

Both are read from the same body, so each judges the other; what an outline leaves out is compared with what is known
of the whole.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from tests.conftest import RECORDINGS
from tests.contract.recordings import load
from tests.contract.scope import exclusion, is_request
from tests.contract.targets import dialect_name, server_of
from tests.contract.test_requests import relative
from tests.forwarding.conversations import conversation
from tests.forwarding.test_bodies import CHATS, TARGETS, random_request
from understudy import dialects, providers
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain.messages import OpaqueTool
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.policy.affinity import begins_turn
from understudy.policy.eligibility import needs_of
from understudy.providers.base import dialect_for, endpoint_of
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode

LEFT_OUT = ("messages", "tools", "origin")


def plainly_spelled(body: bytes) -> bytes:
    """Write the letters of ASCII that are escaped as they are: a body with such escapes has no outline."""
    return re.sub(rb"(?<!\\)((?:\\\\)*)\\u00(?!22|5[cC])([2-7][0-9a-fA-F])", _plain, body)


def _plain(found: re.Match[bytes]) -> bytes:
    return found[1] + bytes([int(found[2], 16)])


def whole_of(dialect: str, request: HttpRequest) -> Inbound | None:
    try:
        return server_of(dialect).parse(request)
    except BadRequest:
        return None


def facts(dialect: str, inbound: Inbound) -> Any:
    """All that is decided by a request before it is sent."""
    request = inbound.request
    assert isinstance(request, GenerationRequest)
    plain = {name: getattr(request, name) for name in request.__struct_fields__ if name not in LEFT_OUT}
    rows = [(providers.row(kind), model) for kind, model in (("openai", "gpt-6-luna"), ("openai", "gpt-5.4"))]
    return {
        "fields": plain,
        "stream": inbound.stream,
        "options": json.loads(encode(inbound.options)),
        "capabilities": needs_of(request).capabilities,
        "begins": begins_turn(request),
        "last": request.messages[-1].role,
        "effects": any(isinstance(tool, OpaqueTool) and tool.effects for tool in request.tools),
        "kinds": {type(tool) for tool in request.tools},
        "dialects": [dialect_for(row, Operation.CHAT, endpoint_of(row, model).quirks, request) for row, model in rows],
        "headers": request.origin.headers if request.origin else None,
        "body": request.origin.body if request.origin else None,
        "flaws": request.origin.flaws if request.origin else None,
    }


def check(dialect: str, request: HttpRequest, model: tuple[str, str]) -> bool:
    """Compare the outline of a request with the whole; return whether it has an outline."""
    outline, whole = server_of(dialect).outline(request), whole_of(dialect, request)
    if outline is None:
        return False
    assert outline.whole is not None
    if whole is None:
        # Only what an outline does not read is invalid: its reader finds that out.
        with pytest.raises(BadRequest):
            outline.whole()
        return True
    found, expected = facts(dialect, outline), facts(dialect, whole)
    if expected.pop("flaws"):
        del found["options"], expected["options"]  # the whole repeats its mended form, and the outline its own bytes
    del found["flaws"]
    assert found == expected
    assert outline.whole() == whole
    provider, name = model
    endpoint = endpoint_of(providers.row(provider), name)
    opened = dialects.load(dialect)
    one, other = (
        opened.open(Operation.CHAT, each.request, endpoint, stream=each.stream).start() for each in (outline, whole)
    )
    assert one == other
    return True


@pytest.mark.parametrize("dialect", CHATS)
def test_random_conversations(dialect: str, deep: bool) -> None:
    outlines = 0
    for number in range(1_500 if deep else 170):
        dice = random.Random(f"outline {dialect} {number}")
        make = random_request if number % 4 == 0 else conversation
        request = make(dialect, dice)
        if number % 8:
            request = HttpRequest("POST", request.url, (), plainly_spelled(request.body or b""))
        try:
            outlines += check(dialect, request, TARGETS[dialect])
        except BaseException as error:
            error.add_note(f"{dialect} {number}: {request.body!r}")
            raise
    assert outlines > 35


def test_recorded_requests(request: pytest.FixtureRequest) -> None:
    outlines = 0
    for recording in load(request.config.stash[RECORDINGS]):
        if exclusion(recording) is not None or not is_request(recording) or recording.request is None:
            continue
        dialect = dialect_name(recording)
        if dialect in TARGETS and recording.request.method == "POST":
            outlines += check(dialect, relative(recording), TARGETS[dialect])
    assert outlines > 80


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"messages":[]}',
        b'{"model":"m","model":"n","messages":[{"role":"user","content":"a"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"stream":1}',
        b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"a"}',
        b'{"model":"m","messages":"a"}',
        b'{"model":"m","messages":[1]}',
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"tools":{}}',
        b'{"messages":[{"role":"user","content":[{"type":"im\\u0061ge_url"}]}]}',
        b'{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}',
        b"[]",
        b"",
    ],
)
def test_what_has_no_outline(body: bytes) -> None:
    assert server_of("openai").outline(HttpRequest("POST", "/v1/chat/completions", (), body)) is None
