"""Answers that are no answers, although the status is 200, and odd ones that are."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from typing import Any

import understudy as u
from tests.hostile.answers.base import BROKEN_ARGUMENTS, JSON_TYPE, SSE, Answers, InStream, at_home
from tests.hostile.answers.gemini import BLOCKED_PROMPT
from tests.hostile.framing import HTML, LAST, chunk, chunked_head, cut_response, response
from tests.hostile.matrix.rows import (
    CHATS,
    GENERATE,
    LIMIT,
    LIST,
    MARKER,
    PAID,
    STREAM,
    B,
    Expect,
    Row,
    Scene,
    answered,
    begun,
    given_up,
    only,
    replaced,
    retried,
    told,
)
from tests.hostile.server import Close, Hang, Script
from understudy.domain.failures import FailureKind as K

_BAD = retried(K.BAD_RESPONSE, 3, u.InvalidResponse)
_CUT = retried((K.TRUNCATED, K.DISCONNECTED), 3, u.StreamInterrupted)
_PORTAL = f"<!DOCTYPE html><html><body><form>Log in to the Wi-Fi {MARKER}</form></body></html>".encode()
_DEPTH = 100_000


def _whole(body: bytes, media_type: str = JSON_TYPE) -> Any:
    return lambda scene: (response(scene.answers.plain_status if scene.operation in CHATS else 200, body, media_type),)


def odd(name: str, words: str, body: bytes, media_type: str = JSON_TYPE, **more: Any) -> Row:
    """A 200 whose body is something else."""
    told = {"expect": retried((K.BAD_RESPONSE, K.TRUNCATED), 3, u.Unavailable), "plain": _BAD}
    return Row(name=name, words=words, source="RFC 9110, 8.3", act=_whole(body, media_type), **{**told, **more})


def _cut_json(scene: Scene) -> Script:
    """A body of the stated length, whose JSON is cut; a stream ends in the middle of a frame."""
    if scene.streamed:
        answers = scene.answers
        frame = answers.pieces[0][: len(answers.pieces[0]) // 2]
        return (begun(scene, 0) + chunk(frame) + LAST,)
    body = at_home(scene.body, scene.request)
    return (response(200, body[: len(body) // 2]),)


def _short_body(scene: Scene) -> Script:
    if scene.streamed:
        return (begun(scene, 0), Close())
    return (cut_response(scene.body, len(scene.body) // 2), Close())


def _error_body(scene: Scene) -> Script:
    status = scene.answers.plain_status if scene.operation in CHATS else 200
    return (response(status, at_home(scene.variant.data, scene.request)),)


def _error_expected(error: InStream) -> Expect:
    table = {
        K.BILLING: given_up(K.BILLING, u.QuotaExhausted, basis=B.REFUSED),
        K.RATE_LIMITED: replaced(K.RATE_LIMITED, 3, u.RateLimited, basis=B.REFUSED),
        K.SERVER_ERROR: retried(K.SERVER_ERROR, 3, u.ServerFailed),
        K.OVERLOADED: retried(K.OVERLOADED, 3, u.Overloaded, basis=B.REFUSED),
    }
    return table[error.kind]


def _empty_answer(scene: Scene) -> Script:
    whole, streamed = scene.variant
    body = streamed if scene.streamed else at_home(whole, scene.request)
    return scene.answers.good(scene.operation, scene.request, body)


def _empties(answers: Answers) -> Sequence[tuple[bytes, bytes]]:
    return [(each, answers.empty_stream[0]) for each in answers.empty] if answers.empty_stream else []


def _is_empty_with_a_warning(answer: u.GenerationResponse) -> str | None:
    if answer.text:
        return f"the text is {answer.text!r}"
    return None if answer.warnings else "no warning says that the answer is empty"


_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def _call(scene: Scene) -> Script:
    answers = scene.answers
    return answers.good(scene.operation, scene.request, answers.called_stream if scene.streamed else answers.called)


def _has_the_call_as_it_came(answer: u.GenerationResponse) -> str | None:
    calls = [(call.name, call.arguments) for call in answer.tool_calls]
    return None if calls == [("weather", BROKEN_ARGUMENTS)] else f"the calls are {calls}"


def _not_utf_8(scene: Scene) -> Script:
    """A letter of the text, or of a model's name, is broken."""
    if scene.streamed:
        return (begun(scene, 0) + chunk(scene.answers.pieces[0].replace("—".encode(), b"\xff\xfe")) + LAST,)
    text = "—".encode() if scene.operation in CHATS else scene.answers.model.rpartition("/")[2].encode()
    return (response(200, at_home(scene.body, scene.request).replace(text, b"\xff\xfe")),)


def _deep(scene: Scene) -> Script:
    brackets = b"[" * _DEPTH + b"]" * _DEPTH
    if scene.streamed:
        prefix = b"" if scene.answers.stream_type != SSE else b"data: "
        return (begun(scene, 0) + chunk(prefix + b'{"x":' + brackets + b"}\n\n") + LAST,)
    return (response(200, b'{"x":' + brackets + b"}"),)


def _twice(scene: Scene) -> Script:
    """The first key stands twice; the decoder's reading counts."""
    if scene.streamed:
        return scene.answers.good(scene.operation, scene.request)
    body = at_home(scene.body, scene.request)
    return (response(200, b'{"ignored":1,"ignored":2,' + body[1:]),)


def compressed(coding: str, name: str, words: str, expect: Expect, **more: Any) -> Row:
    """A compressed response, although none was asked for."""

    def squeeze(body: bytes) -> bytes:
        return gzip.compress(body) if coding == "gzip" else zlib.compress(body)

    def act(scene: Scene) -> Script:
        headers = {"Content-Encoding": coding}
        if scene.streamed:
            frames = squeeze(b"".join(scene.answers.stream()))
            return (chunked_head(scene.answers.stream_type, headers=headers) + chunk(frames) + LAST,)
        return (response(200, squeeze(at_home(scene.body, scene.request)), headers=headers),)

    return Row(name=name, words=words, source="RFC 9110, 8.4", act=act, expect=expect, place="stream", **more)


_BOMB = gzip.compress(b'{"x":"' + b" " * 8_000_000 + b'"}')


def _bomb(scene: Scene) -> Script:
    media_type = scene.answers.stream_type if scene.streamed else JSON_TYPE
    return (response(200, _BOMB, media_type, {"Content-Encoding": "gzip"}),)


def _cut_gzip(scene: Scene) -> Script:
    packed = gzip.compress(at_home(scene.body, scene.request))
    return (response(200, packed[:-12], headers={"Content-Encoding": "gzip"}),)


def _told_usage(response_: u.GenerationResponse) -> str | None:
    told = (response_.usage.input_total, response_.usage.output_total)
    return None if told == (11, 17) else f"the usage is {told}, not (11, 17)"


def _untold_output(answer: Any) -> str | None:
    told = answer.usage.output_total
    return None if told is None else f"the output is counted as {told!r}, which the provider did not say"


def _without_usage(scene: Scene) -> Script:
    answers = scene.answers
    if scene.streamed:
        frames = (answers.opening, *answers.pieces, answers.ending, answers.mark)
        bare = b"".join(frames).replace(answers.usage, b"")
        return scene.answers.good(scene.operation, scene.request, bare)
    body = at_home(scene.body, scene.request).replace(answers.usage, b"")
    return scene.answers.good(scene.operation, scene.request, body)


_NONSENSE = (b"NaN", b"1e400", b"-17", b"true", b'"17"', b"9007199254740993", b"null", b"{}")


def _nonsense_usage(scene: Scene) -> Script:
    answers = scene.answers
    name, _, _ = answers.counted.partition(b":")
    wrong = name + b":" + scene.variant
    body = b"".join(answers.stream()) if scene.streamed else at_home(scene.body, scene.request)
    return answers.good(scene.operation, scene.request, body.replace(answers.counted, wrong))


def _counts_in_the_answer(answers: Answers) -> Sequence[bytes]:
    return _NONSENSE if answers.counted else ()


def _renamed(scene: Scene) -> Script:
    old, new = scene.answers.renamed
    body = b"".join(scene.answers.stream()) if scene.streamed else at_home(scene.body, scene.request)
    return scene.answers.good(scene.operation, scene.request, body.replace(old, new))


def _filtered(scene: Scene) -> Script:
    answers = scene.answers
    body = answers.filtered_stream if scene.streamed else answers.filtered
    return answers.good(scene.operation, scene.request, body)


def _is_filtered(answer: u.GenerationResponse) -> str | None:
    if answer.finish_reason is not u.FinishReason.CONTENT_FILTER:
        return f"the finish reason is {answer.finish_reason}, not content_filter"
    return None


ROWS = (
    odd("portal", "a captive portal's page with the status 200", _PORTAL, HTML, operations=PAID),
    odd("text", "plain text with the status 200", b"OK", "text/plain"),
    odd("empty-body", "nothing with the status 200", b""),
    odd("null", "null with the status 200", b"null"),
    odd("number", "a number with the status 200", b"42"),
    odd("other-object", "an object of another kind", b'{"status":"ok","uptime":12}', operations=PAID),
    odd(
        "other-object-for-list",
        "an object of another kind; only Google writes an empty list as an empty object",
        b'{"status":"ok","uptime":12}',
        operations=frozenset({LIST}),
        dialects=lambda answers: answers.dialect != "gemini",
    ),
    Row(
        name="cut-json",
        words="the JSON is cut, and the stated length agrees with that",
        source="a proxy that cuts bodies",
        act=_cut_json,
        place="stream",
        healed=True,
        expect=retried((K.TRUNCATED, K.BAD_RESPONSE), 3, u.Unavailable),
        plain=_BAD,
    ),
    Row(
        name="short-body",
        words="less arrives than was stated, and the connection ends cleanly",
        source="RFC 9112, 8",
        act=_short_body,
        place="stream",
        healed=True,
        expect=_CUT,
        fresh=True,
    ),
    Row(
        name="stalled-body",
        words="the head comes, the body does not",
        source="a server whose workers hang",
        act=lambda scene: (begun(scene, 0) if scene.streamed else cut_response(scene.body, 10), Hang()),
        place="stream",
        limits={"first_event_timeout": LIMIT, "timeout": LIMIT},
        expect=replaced((K.TIMEOUT_FIRST_EVENT, K.TIMEOUT_BODY), 2, u.TimedOut),
        plain=replaced(K.TIMEOUT_BODY, 2, u.TimedOut),
        fresh=True,
    ),
    Row(
        name="error-in-200",
        words="an error with the status 200: its code counts as if it were the status",
        source="OpenRouter and vLLM answer so; Replicate's failed predictions",
        act=_error_body,
        variants=lambda answers: answers.in_200,
        expect=_error_expected,
        operations=PAID,
        dialects=lambda answers: answers.dialect != "responses",
    ),
    Row(
        name="failed-response",
        words="a whole response that says that it failed",
        source="OpenAI's API reference, the response object",
        act=_error_body,
        variants=lambda answers: answers.in_200,
        expect=_error_expected,
        operations=frozenset({GENERATE}),
        dialects=only("responses"),
    ),
    Row(
        name="empty-answer",
        words="a natural end and not a word: once more, for that may be billed",
        source="reports of empty completions with finish reason stop",
        act=_empty_answer,
        variants=_empties,
        expect=retried(K.EMPTY, 2, u.InvalidResponse, basis=B.EXACT),
        operations=CHATS,
    ),
    Row(
        name="empty-after-stop",
        words="a natural end and not a word, where a stop sequence may have cut it: an answer, with a warning",
        source="Anthropic's guide to stop reasons",
        act=_empty_answer,
        variants=_empties,
        options=lambda _: {"stop": ["Blue"]},
        expect=answered(_is_empty_with_a_warning),
        operations=CHATS,
        dialects=lambda answers: answers.dialect not in ("responses", "replicate"),
    ),
    Row(
        name="schema-missed",
        words="an answer that does not fit the schema: never again there",
        source="JSON Schema, 2020-12",
        act=lambda scene: scene.answers.good(scene.operation, scene.request),
        options=lambda _: {"schema": _CITY},
        expect=given_up(K.SCHEMA_MISMATCH, u.InvalidResponse, basis=B.EXACT, shown=True),
        plain=given_up(K.SCHEMA_MISMATCH, u.InvalidResponse, basis=B.EXACT),
        operations=CHATS,
        targets=(1,),
    ),
    Row(
        name="broken-arguments",
        words="a tool is called with cut JSON: it is passed on as it came, never mended and never empty",
        source="models that stop in the middle of a call",
        act=_call,
        options=lambda _: {"tools": [u.Tool(name="weather", description="The weather", parameters=_CITY)]},
        expect=answered(_has_the_call_as_it_came),
        operations=frozenset({STREAM}),
        dialects=lambda answers: bool(answers.called_stream),
    ),
    Row(
        name="broken-arguments-whole",
        words="a tool is called with cut JSON: it is passed on as it came, never mended and never empty",
        source="models that stop in the middle of a call",
        act=_call,
        options=lambda _: {"tools": [u.Tool(name="weather", description="The weather", parameters=_CITY)]},
        expect=answered(_has_the_call_as_it_came),
        operations=frozenset({GENERATE}),
        dialects=lambda answers: bool(answers.called),
    ),
    Row(
        name="not-utf-8",
        words="bytes that are not UTF-8",
        source="RFC 8259, 8.1",
        act=_not_utf_8,
        place="stream",
        expect=_BAD,
        operations=CHATS | {LIST},
    ),
    Row(
        name="deep",
        words="a hundred thousand brackets in each other",
        source="RFC 8259, 9: a parser may limit the depth",
        act=_deep,
        expect=given_up(K.TOO_LARGE, u.InvalidResponse),
    ),
    Row(
        name="key-twice",
        words="a key stands twice",
        source="RFC 8259, 4",
        act=_twice,
        expect=answered(),
        operations=frozenset({GENERATE}),
    ),
    compressed("gzip", "gzip", "a body in gzip that nobody asked for is read", answered()),
    compressed("deflate", "deflate", "a body in deflate that nobody asked for is read", answered()),
    compressed(
        "br", "brotli", "a coding that is not known is refused", given_up(K.PROTOCOL, u.InvalidResponse), healed=True
    ),
    Row(
        name="gzip-bomb",
        words="eight megabytes of blanks in eight kilobytes",
        source="the zip bomb",
        act=_bomb,
        place="stream",
        healed=True,
        expect=given_up(K.TOO_LARGE, u.InvalidResponse),
    ),
    Row(
        name="gzip-cut",
        words="a body in gzip that ends too early",
        source="RFC 1952, 2.3",
        act=_cut_gzip,
        expect=retried((K.TRUNCATED, K.BAD_RESPONSE), 3, u.Unavailable),
        operations=frozenset({GENERATE}),
    ),
    Row(
        name="usage-told",
        words="what the vendor counts is what the answer says",
        source="the vendors' API references",
        act=lambda scene: scene.answers.good(scene.operation, scene.request),
        expect=answered(_told_usage),
        operations=CHATS,
    ),
    Row(
        name="usage-missing",
        words="no count of tokens: the answer stands, its cost is an estimate",
        source="vLLM without include_usage; Replicate's community models",
        act=_without_usage,
        place="stream",
        expect=answered(_untold_output, won=B.ESTIMATED),
        operations=CHATS,
        dialects=lambda answers: bool(answers.usage) and answers.dialect not in ("anthropic", "replicate"),
    ),
    Row(
        name="usage-nonsense",
        words="a count that is no count: the answer stands, the count is unknown",
        source="reports of NaN and negative usage from compatible servers",
        act=_nonsense_usage,
        place="stream",
        variants=_counts_in_the_answer,
        expect=answered(_untold_output, won=B.ESTIMATED),
        operations=CHATS,
        dialects=lambda answers: answers.dialect not in ("anthropic", "replicate"),
    ),
    Row(
        name="other-model",
        words="another model answers than was asked: both are told",
        source="routers that substitute",
        act=_renamed,
        expect=answered(lambda answer: None if "-" in answer.model or ":" in answer.model else answer.model),
        operations=CHATS,
        dialects=lambda answers: bool(answers.renamed[0]),
    ),
    Row(
        name="filtered-answer",
        words="a content filter ended the answer: the finish reason says so",
        source="the vendors' API references",
        act=_filtered,
        expect=answered(_is_filtered),
        operations=CHATS,
        dialects=lambda answers: bool(answers.filtered),
    ),
    Row(
        name="blocked-prompt",
        words="a content filter refused the prompt, with the status 200 and no candidate",
        source="Gemini's API reference, promptFeedback",
        act=lambda scene: scene.answers.good(
            scene.operation, scene.request, b"data: " + BLOCKED_PROMPT + b"\n\n" if scene.streamed else BLOCKED_PROMPT
        ),
        expect=told(K.CONTENT_FILTER, u.ContentFiltered, basis=B.REFUSED),
        operations=CHATS,
        dialects=only("gemini"),
    ),
)
