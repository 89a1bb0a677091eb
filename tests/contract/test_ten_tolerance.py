"""What all ten providers may write without harm, through the public API: one test a word of the promise."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

import understudy as u
from tests.contract.answers import USAGE_CLASSES
from tests.contract.asking import CHATS, OTHERS, answered, lasting, offers
from tests.contract.changes import BRAND_NEW, bytes_of, emptied, json_of, stream_of, with_enums
from tests.contract.framing import with_keys, with_unknown_fields, without_keys, without_unknown_fields
from tests.contract.public import TEN, Alter, Stand
from understudy.emulator.faults import Fault

ten = pytest.mark.parametrize("provider", TEN)
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
scenes = pytest.mark.parametrize("scene", CHATS)

BOM = b"\xef\xbb\xbf"


async def told(provider: str, scene: str, *, streaming: bool, **settings: Any) -> u.GenerationResponse:
    async with Stand(provider, **settings) as stand:
        return lasting(await answered(stand, CHATS[scene], streaming=streaming))  # type: ignore[no-any-return]


async def changes_nothing(provider: str, scene: str, *, streaming: bool, alter: Alter) -> None:
    expected = await told(provider, scene, streaming=streaming)
    assert await told(provider, scene, streaming=streaming, alter=alter) == expected


async def changes_no_other_operation(provider: str, operation: str, alter: Alter) -> None:
    ask = OTHERS[operation][1]
    if not offers(provider, operation):
        pytest.skip("has no such operation")
    async with Stand(provider) as stand, Stand(provider, alter=alter) as altered:
        expected = without_unknown_fields(msgspec.to_builtins(lasting(await ask(stand))))
        assert without_unknown_fields(msgspec.to_builtins(lasting(await ask(altered)))) == expected


@scenes
@both_ways
@ten
async def test_unknown_fields_are_tolerated(provider: str, streaming: bool, scene: str) -> None:
    expected = await told(provider, scene, streaming=streaming)
    altered = await told(provider, scene, streaming=streaming, alter=json_of(with_unknown_fields))
    # What is kept raw is kept with what is new in it.
    assert _plain(altered) == _plain(expected)


@pytest.mark.parametrize("operation", OTHERS)
@ten
async def test_unknown_fields_of_other_operations_are_tolerated(provider: str, operation: str) -> None:
    await changes_no_other_operation(provider, operation, json_of(with_unknown_fields))


def _plain(response: u.GenerationResponse) -> Any:
    return _bare(without_unknown_fields(msgspec.to_builtins(response)))


def _bare(value: Any) -> Any:
    match value:
        case list():
            return [_bare(item) for item in value]
        case dict():
            return {key: bare for key, item in value.items() if (bare := _bare(item)) not in (None, {}, [])}
    return value


@scenes
@ten
async def test_unknown_events_are_tolerated(provider: str, scene: str) -> None:
    unnamed = b'data: {"type":"brand_new","object":"brand.new"}\n\n'
    events = b"event: brand_new\n" + unnamed + (b"" if provider == "replicate" else unnamed)
    new = b'{"type":"brand_new"}\n' if provider == "ollama" else events
    await changes_nothing(provider, scene, streaming=True, alter=stream_of(lambda _: new))


@scenes
@both_ways
@ten
async def test_unknown_enum_values_are_tolerated(provider: str, streaming: bool, scene: str) -> None:
    expected = await told(provider, scene, streaming=streaming)
    async with Stand(provider, alter=json_of(with_enums)) as stand:
        altered = lasting(await answered(stand, CHATS[scene], streaming=streaming))
    assert any(BRAND_NEW.encode() in reply.body for reply in stand.wire.replies)
    assert altered.message == expected.message
    assert altered.usage == expected.usage
    if altered.finish_reason_raw == BRAND_NEW:
        assert altered.finish_reason is u.FinishReason.UNKNOWN
    else:
        assert altered.finish_reason is expected.finish_reason


@pytest.mark.parametrize("status", ["succeeded", BRAND_NEW])
async def test_an_unknown_status_of_a_prediction_that_has_ended_is_no_success(status: str) -> None:
    """Nor is it looked at until the deadline."""
    alter = bytes_of(lambda body: body.replace(b'"status":"succeeded"', b'"status":"%b"' % status.encode()))
    if status == "succeeded":
        assert (await told("replicate", "text", streaming=False, alter=alter)).text
        return
    with pytest.raises(u.Unavailable, match=BRAND_NEW):
        await told("replicate", "text", streaming=False, alter=alter)


@pytest.mark.parametrize("operation", OTHERS)
@ten
async def test_unknown_enum_values_of_other_operations_are_tolerated(provider: str, operation: str) -> None:
    ask = OTHERS[operation][1]
    if not offers(provider, operation):
        pytest.skip("has no such operation")
    async with Stand(provider, alter=json_of(with_enums)) as stand:
        assert await ask(stand)


@both_ways
@ten
async def test_nul_is_a_character_like_any_other(provider: str, streaming: bool) -> None:
    def alter(body: bytes) -> bytes:
        # Replicate's streams hold text as it is, all others within JSON.
        nul = b"\x00" if b"event: output" in body else b"\\u0000"
        return body.replace(b"Hello", b"He" + nul + b"llo")

    response = await told(provider, "text", streaming=streaming, alter=bytes_of(alter))
    expected = await told(provider, "text", streaming=streaming)
    assert response.text == expected.text.replace("Hello", "He\0llo")
    assert response.text != expected.text


@both_ways
@ten
async def test_nul_goes_out_as_it_came(provider: str, streaming: bool) -> None:
    async with Stand(provider) as stand:
        await answered(stand, ("Hello\0there", {}), streaming=streaming)
    bodies = [request.body for request in stand.wire.requests if request.body]
    assert bodies
    assert all(b"\0" not in body for body in bodies)
    assert any(
        "Hello\0there" in json.dumps(json.loads(body), ensure_ascii=False).replace("\\u0000", "\0") for body in bodies
    )


@both_ways
@ten
async def test_a_bare_nul_within_json_is_an_error_and_no_crash(provider: str, streaming: bool) -> None:
    if streaming and provider == "replicate":
        pytest.skip("its streams hold no JSON")
    spoiled = bytes_of(lambda body: body.replace(b"Hello", b"He\x00llo"))
    with pytest.raises(u.InvalidResponse):
        await told(provider, "text", streaming=streaming, alter=spoiled)


@scenes
@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
@ten
async def test_crlf_ends_lines_as_well(provider: str, end: bytes, scene: str) -> None:
    if provider == "ollama" and end == b"\r":
        pytest.skip("JSON by lines has line feeds")
    await changes_nothing(
        provider, scene, streaming=True, alter=bytes_of(lambda body: body.replace(b"\n", end), whole=False)
    )


@scenes
@ten
async def test_crlf_between_the_tokens_of_json_means_nothing(provider: str, scene: str) -> None:
    spread = bytes_of(lambda body: json.dumps(json.loads(body), indent=2).replace("\n", "\r\n").encode())
    expected = await told(provider, scene, streaming=False)
    response = await told(provider, scene, streaming=False, alter=spread)
    # Arguments of calls that are no text on the wire keep the white space in which they came.
    assert [call.parsed_arguments() for call in response.tool_calls] == [
        call.parsed_arguments() for call in expected.tool_calls
    ]
    assert (response.text, response.thinking, response.usage) == (expected.text, expected.thinking, expected.usage)
    assert response.finish_reason is expected.finish_reason


@scenes
@both_ways
@ten
async def test_a_byte_order_mark_is_passed_over(provider: str, streaming: bool, scene: str) -> None:
    await changes_nothing(provider, scene, streaming=streaming, alter=bytes_of(lambda body: BOM + body))


@pytest.mark.parametrize("operation", OTHERS)
@ten
async def test_a_byte_order_mark_ahead_of_another_answer_is_passed_over(provider: str, operation: str) -> None:
    await changes_no_other_operation(provider, operation, bytes_of(lambda body: BOM + body))


@scenes
@ten
async def test_empty_deltas_say_nothing(provider: str, scene: str) -> None:
    inserted: list[bytes] = []

    def empty(frame: bytes) -> bytes:
        inserted.append(emptied(frame))
        return inserted[-1]

    await changes_nothing(provider, scene, streaming=True, alter=stream_of(empty))
    assert any(inserted) or (scene == "tools" and provider in COMES_WHOLE)


COMES_WHOLE = {"google", "ollama"}
"""A tool call has no deltas there."""

NULLS = with_keys(
    ("message", "delta", "content"),
    "tool_calls",
    "function_call",
    "tool_plan",
    "refusal",
    "audio",
    "citations",
    "images",
)


@scenes
@both_ways
@ten
async def test_null_tool_calls_are_none(provider: str, streaming: bool, scene: str) -> None:
    await changes_nothing(provider, scene, streaming=streaming, alter=json_of(NULLS))


USAGE_KEYS = (
    "usage", "x_groq", "usageMetadata", "prompt_eval_count", "eval_count", "metrics", "meta", "billed_units",
)  # fmt: skip


def _nulled(value: Any) -> Any:
    match value:
        case list():
            return [_nulled(item) for item in value]
        case dict():
            return {key: None if key in USAGE_KEYS else _nulled(item) for key, item in value.items()}
    return value


SILENT: dict[str, dict[str, Any]] = {
    "the field is missing": {"alter": json_of(without_keys(*USAGE_KEYS))},
    "the field is null": {"alter": json_of(_nulled)},
    "the provider says nothing": {"fault": Fault.missing_usage()},
}


@pytest.mark.parametrize("way", SILENT)
@both_ways
@ten
async def test_missing_usage_is_unknown(provider: str, streaming: bool, way: str) -> None:
    expected = await told(provider, "text", streaming=streaming)
    response = await told(provider, "text", streaming=streaming, **SILENT[way])
    assert {name: getattr(response.usage, name) for name in USAGE_CLASSES} == dict.fromkeys(USAGE_CLASSES)
    assert response.tokens_used is None
    assert response.message == expected.message
    assert response.finish_reason is expected.finish_reason
