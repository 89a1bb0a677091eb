"""Answers that are no answers although the status is 200, and odd ones that are."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from typing import Any

import understudy as u
from tests.faults import laws
from tests.faults.laws import Law, but
from tests.faults.memory import Head, Lose, Script, Wait
from tests.faults.rows.connecting import PATIENCE
from tests.faults.rows.statuses import HTML
from tests.faults.table import Good, Mode, Moment, Place, Row, Scene
from tests.faults.vendors import Vendor
from tests.hostile.answers.base import BROKEN_ARGUMENTS, PIECES, SSE, TEXT, InStream, at_home
from tests.hostile.answers.gemini import BLOCKED_PROMPT
from understudy.domain.failures import FailureKind as K

JSON = "application/json"
_PORTAL = b"<!DOCTYPE html><html><body><form>Log in to the Wi-Fi xyzzy-page</form></body></html>"


def whole(moment: Moment) -> bytes:
    """Return the good body of a plain answer."""
    return at_home(moment.vendor.answers.plain, moment.request)


def plain_head(moment: Moment, **headers: str) -> Head:
    """Return the head of a plain answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Head(moment.vendor.answers.plain_status, headers=named)


def good_with(moment: Moment, body: bytes) -> Script:
    """Answer with another body, of the kind that was asked for."""
    if moment.streamed:
        return (Head(200, moment.vendor.answers.stream_type), body)
    return (plain_head(moment), at_home(body, moment.request))


def opening(moment: Moment, pieces: int) -> Script:
    """Begin a stream: its head, its opening, and so many pieces of content."""
    answers = moment.vendor.answers
    return (Head(200, answers.stream_type), answers.opening, *answers.pieces[:pieces])


def _not_apart(vendor: Vendor) -> bool:
    """The stream is not read by a request of its own."""
    return vendor.answers.streamed_apart is None


def is_healed(vendor: Vendor, mode: Mode) -> bool:
    """Tell whether a broken stream is healed: Replicate's prediction exists, and is looked at instead."""
    return not _not_apart(vendor) and mode is not Mode.PLAIN


def unless_healed(law: Law, plain: Law | None = None, **healed: Any) -> Callable[[Vendor, Mode, Any], Law | Good]:
    """Return the law of a stream that breaks, another for plain answers, and a good end where it is healed."""

    def choose(vendor: Vendor, mode: Mode, variant: Any) -> Law | Good:
        if is_healed(vendor, mode):
            return Good(**healed)
        return plain if plain is not None and mode is Mode.PLAIN else law

    return choose


# ---- no answer at all ----

_ODD = {
    "portal": (_PORTAL, HTML, "a captive portal's page"),
    "text": (b"OK", "text/plain", "plain text"),
    "empty-body": (b"", JSON, "nothing"),
    "null": (b"null", JSON, "null"),
    "number": (b"42", JSON, "a number"),
    "other-object": (b'{"status":"ok","uptime":12}', JSON, "an object of another kind"),
    "list": (b"[]", JSON, "a list"),
}


def _odd(name: str) -> Row:
    body, media_type, what = _ODD[name]

    def act(moment: Moment) -> Script:
        return (Head(moment.vendor.answers.plain_status, media_type), body)

    def law(vendor: Vendor, mode: Mode, _variant: Any) -> Law:
        # Where a stream may be JSON, it is one whose end is missing.
        json_streams = vendor.name in ("google", "ollama") and mode is not Mode.PLAIN and media_type == JSON
        return laws.TRUNCATED if json_streams else laws.BAD

    return Row(name=name, words=f"{what} with the status 200", source="RFC 9110, 8.3", act=act, law=law)


def _cut_json(moment: Moment) -> Script:
    if moment.streamed:
        frame = moment.vendor.answers.pieces[0]
        return (*opening(moment, 0), frame[: len(frame) // 2])
    return (plain_head(moment), whole(moment)[: len(whole(moment)) // 2])


def _short(moment: Moment) -> Script:
    if moment.streamed:
        return (*opening(moment, 0), Lose(K.DISCONNECTED))
    return (plain_head(moment), whole(moment)[:30], Lose(K.DISCONNECTED))


def _not_utf_8(moment: Moment) -> Script:
    if moment.streamed:
        return (*opening(moment, 0), moment.vendor.answers.pieces[0].replace("—".encode(), b"\xff\xfe"))
    return (plain_head(moment), whole(moment).replace("—".encode(), b"\xff\xfe"))


def _in_json(value: bytes) -> Callable[[Moment], Script]:
    def act(moment: Moment) -> Script:
        body = b'{"x":' + value + b"}"
        if moment.streamed:
            prefix = b"data: " if moment.vendor.answers.stream_type == SSE else b""
            return (*opening(moment, 0), prefix + body + b"\n\n")
        return (plain_head(moment), body)

    return act


def _flood(moment: Moment) -> Script:
    """Forty megabytes of blanks in one answer."""
    sse = moment.streamed and moment.vendor.answers.stream_type == SSE
    head = (*(opening(moment, 0) if moment.streamed else (plain_head(moment),)), b'data: {"x":"' if sse else b'{"x":"')
    return (*head, *(b" " * 1_048_576,) * 40)


_BOMB = gzip.compress(b'{"x":"' + b" " * 2_000_000 + b'"}')


def _packed(moment: Moment, body: bytes, coding: str = "gzip") -> Script:
    answers = moment.vendor.answers
    kind, status = (answers.stream_type, 200) if moment.streamed else (JSON, answers.plain_status)
    return (Head(status, kind, {"content-encoding": coding}), body)


def _gzipped(moment: Moment) -> Script:
    answers = moment.vendor.answers
    return _packed(moment, gzip.compress(b"".join(answers.stream()) if moment.streamed else whole(moment)))


# ---- errors and emptiness in a 200 ----

_IN_200 = {
    K.BILLING: laws.BILLING,
    K.RATE_LIMITED: laws.LIMITED,
    K.SERVER_ERROR: laws.SERVER,
    K.OVERLOADED: laws.OVERLOADED,
}


def _error_in_200(vendor: Vendor, mode: Mode, error: InStream) -> Law:
    return _IN_200[error.kind]


def _empty(moment: Moment) -> Script:
    if moment.streamed:
        return (Head(200, moment.vendor.answers.stream_type), moment.vendor.answers.empty_stream[0])
    return (plain_head(moment), at_home(moment.variant, moment.request))


def _empty_law(vendor: Vendor, mode: Mode, variant: Any) -> Law | None:
    if mode is not Mode.PLAIN and not vendor.answers.empty_stream:
        return None
    return laws.EMPTY


def _empty_but_stopped(vendor: Vendor, mode: Mode, variant: Any) -> Good | None:
    if not vendor.answers.empty_stream:
        return None
    return Good(check=_is_empty_with_a_warning)


def _is_empty_with_a_warning(answer: u.GenerationResponse) -> str | None:
    if answer.text:
        return f"the text is {answer.text!r}"
    return None if answer.warnings else "no warning says that the answer is empty"


# ---- usage ----


def _told_usage(answer: u.GenerationResponse) -> str | None:
    told = (answer.usage.input_total, answer.usage.output_total)
    return None if told == (11, 17) and answer.text == TEXT else f"the usage is {told}, not (11, 17)"


def _untold_output(answer: u.GenerationResponse) -> str | None:
    told = answer.usage.output_total
    if answer.text != TEXT:
        return f"the text is {answer.text!r}"
    return None if told is None else f"the output is counted as {told!r}, which the provider did not say"


def _everything(moment: Moment) -> bytes:
    answers = moment.vendor.answers
    return b"".join(answers.stream()) if moment.streamed else answers.plain


def _without_usage(moment: Moment) -> Script:
    usage = moment.vendor.answers.usage
    body = _everything(moment)
    for each in (usage, usage.replace(b'"usage"', b'"x_groq":{"id":"req_1","usage"') + b"}", usage[1:]):
        body = body.replace(each, b"" if each is not usage[1:] else b'"object":"chat.completion.chunk"')
    return good_with(moment, body)


_NONSENSE = (b"NaN", b"1e400", b"-17", b"true", b'"17"', b"9007199254740993", b"null", b"{}")


def _nonsense(moment: Moment) -> Script:
    counted = moment.vendor.answers.counted
    name, _, _ = counted.partition(b":")
    return good_with(moment, _everything(moment).replace(counted, name + b":" + moment.variant))


def _counts(vendor: Vendor) -> bool:
    """Anthropic counts more than once, and Replicate beside the answer."""
    return vendor.name not in ("anthropic", "replicate")


# ---- tools, schemas, filters, models ----

_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_FITTING = ('{"city"', ': "Lis', 'bon"}')


def _fitting(script: Script) -> Script:
    """Let an honest server say what fits the schema."""
    written = [piece.replace('"', '\\"').encode() for piece in _FITTING]

    def changed(step: Any) -> Any:
        if not isinstance(step, bytes):
            return step
        step = step.replace(TEXT.encode(), b"".join(written))
        for piece, new in zip(PIECES, written, strict=True):
            escaped = new if b"event: output" not in step else new.replace(b"\\", b"")
            step = step.replace(piece.encode(), escaped)
        return step

    return tuple(changed(step) for step in script)


def _call(moment: Moment) -> Script:
    answers = moment.vendor.answers
    return good_with(moment, answers.called_stream if moment.streamed else answers.called)


def _call_law(vendor: Vendor, mode: Mode, variant: Any) -> Good | None:
    body = vendor.answers.called if mode is Mode.PLAIN else vendor.answers.called_stream
    return Good(check=_has_the_call_as_it_came) if body else None


def _has_the_call_as_it_came(answer: u.GenerationResponse) -> str | None:
    calls = [(call.name, call.arguments) for call in answer.tool_calls]
    return None if calls == [("weather", BROKEN_ARGUMENTS)] else f"the calls are {calls}"


def _filtered(moment: Moment) -> Script:
    answers = moment.vendor.answers
    return good_with(moment, answers.filtered_stream if moment.streamed else answers.filtered)


def _is_filtered(answer: u.GenerationResponse) -> str | None:
    if answer.finish_reason is not u.FinishReason.CONTENT_FILTER:
        return f"the finish reason is {answer.finish_reason}, not content_filter"
    return None if answer.text == PIECES[0] else f"the text is {answer.text!r}"


def _renamed(moment: Moment) -> Script:
    old, new = moment.vendor.answers.renamed
    return good_with(moment, _everything(moment).replace(old, new))


def _names_both(answer: u.GenerationResponse) -> str | None:
    record = answer.attempts[0]
    named = record.answered_model is not None and record.answered_model != record.model
    return None if named else f"asked {record.model}, and {record.answered_model} is said to have answered"


ROWS: Sequence[Row] = (
    *map(_odd, _ODD),
    Row(
        name="cut-json",
        words="the JSON is cut, and the connection ends cleanly",
        source="a proxy that cuts bodies",
        act=_cut_json,
        place=Place.STREAM,
        law=unless_healed(but(laws.TRUNCATED, kinds=(K.TRUNCATED,)), laws.BAD),
    ),
    Row(
        name="short-body",
        words="less arrives than was stated",
        source="RFC 9112, 8",
        act=_short,
        place=Place.STREAM,
        law=unless_healed(laws.DISCONNECTED),
    ),
    Row(
        name="stalled-body",
        words="the head comes, the body does not",
        source="a server whose workers hang",
        act=lambda moment: (plain_head(moment), whole(moment)[:10], Wait()),
        limits={"timeout": PATIENCE},
        law=laws.UNFINISHED,
        takes=PATIENCE,
        modes=(Mode.PLAIN,),
    ),
    Row(
        name="error-in-200",
        words="an error with the status 200: its code counts as if it were the status",
        source="OpenRouter and vLLM answer so; Replicate's failed predictions",
        act=lambda moment: (plain_head(moment), at_home(moment.variant.data, moment.request)),
        variants=lambda vendor: vendor.answers.in_200,
        law=_error_in_200,
    ),
    Row(
        name="empty-answer",
        words="a natural end and not a word: once more, for that may be billed",
        source="reports of empty completions with finish reason stop",
        act=_empty,
        variants=lambda vendor: vendor.answers.empty,
        law=_empty_law,
    ),
    Row(
        name="empty-after-stop",
        words="a natural end and not a word, where a stop sequence may have cut it: an answer, with a warning",
        source="Anthropic's guide to stop reasons",
        act=_empty,
        variants=lambda vendor: vendor.answers.empty,
        options=lambda _: {"stop": ["Blue"]},
        law=_empty_but_stopped,
    ),
    Row(
        name="not-utf-8",
        words="bytes that are not UTF-8",
        source="RFC 8259, 8.1",
        act=_not_utf_8,
        place=Place.STREAM,
        law=laws.BAD,
    ),
    Row(
        name="deep",
        words="a hundred thousand brackets in each other",
        source="RFC 8259, 9: a parser may limit the depth",
        act=_in_json(b"[" * 100_000 + b"]" * 100_000),
        law=laws.TOO_LARGE,
    ),
    Row(
        name="flood",
        scenes=(Scene.BACKUP,),
        words="forty megabytes in one answer",
        source="no vendor's answer is so long",
        act=_flood,
        law=laws.TOO_LARGE,
    ),
    Row(
        name="bomb",
        scenes=(Scene.BACKUP,),
        words="two megabytes of blanks in two kilobytes",
        source="the zip bomb",
        act=lambda moment: _packed(moment, _BOMB),
        place=Place.STREAM,
        law=unless_healed(laws.TOO_LARGE),
        # Each piece is decoded in a thread of its own: one provider of each wire format, for the sake of time.
        vendors=lambda vendor: vendor.name not in ("azure-openai", "groq", "together", "huggingface"),
        modes=(Mode.PLAIN, Mode.STREAM),
    ),
    Row(
        name="unknown-coding",
        words="a coding that nobody asked for and that is not known",
        source="RFC 9110, 8.4",
        act=lambda moment: _packed(moment, b"\x8b\x02\x80xyz\x03", "br"),
        place=Place.STREAM,
        law=unless_healed(laws.PROTOCOL),
    ),
    Row(
        name="gzip",
        words="a body in gzip that nobody asked for is read",
        source="RFC 9110, 8.4",
        act=_gzipped,
        place=Place.STREAM,
        law=Good(),
    ),
    Row(
        name="usage-told",
        words="what the vendor counts is what the answer says",
        source="the vendors' API references",
        act=lambda moment: moment.vendor.good(moment.request),
        law=Good(check=_told_usage),
    ),
    Row(
        name="usage-missing",
        words="no count of tokens: the answer stands, its cost is an estimate",
        source="vLLM without include_usage",
        act=_without_usage,
        place=Place.STREAM,
        law=Good(check=_untold_output, exact=False),
        vendors=_counts,
    ),
    Row(
        name="usage-nonsense",
        words="a count that is no count: the answer stands, the count is unknown",
        source="reports of NaN and negative usage from compatible servers",
        act=_nonsense,
        place=Place.STREAM,
        variants=lambda _: _NONSENSE,
        law=Good(check=_untold_output, exact=False),
        vendors=_counts,
    ),
    Row(
        name="schema-missed",
        words="an answer that does not fit the schema: another target may write one that does",
        source="JSON Schema, 2020-12",
        act=lambda moment: moment.vendor.good(moment.request),
        options=lambda _: {"schema": _CITY},
        honest=_fitting,
        text="".join(_FITTING),
        law=lambda vendor, mode, _: None if is_healed(vendor, mode) else laws.MISFIT,
        modes=(Mode.PLAIN, Mode.COLLECTED),
    ),
    Row(
        name="broken-arguments",
        words="a tool is called with cut JSON: it is passed on as it came, never mended and never empty",
        source="models that stop in the middle of a call",
        act=_call,
        options=lambda _: {"tools": [u.Tool(name="weather", description="The weather", parameters=_CITY)]},
        law=_call_law,
    ),
    Row(
        name="filtered-answer",
        words="a content filter ended the answer: the finish reason says so",
        source="the vendors' API references",
        act=_filtered,
        law=Good(check=_is_filtered),
        vendors=lambda vendor: bool(vendor.answers.filtered),
    ),
    Row(
        name="blocked-prompt",
        words="a content filter refused the prompt, with the status 200 and no candidate",
        source="Gemini's API reference, promptFeedback",
        act=lambda moment: good_with(
            moment, b"data: " + BLOCKED_PROMPT + b"\n\n" if moment.streamed else BLOCKED_PROMPT
        ),
        law=laws.FILTERED,
        vendors=lambda vendor: vendor.name == "google",
    ),
    Row(
        name="other-model",
        words="another model answers than was asked: both are told",
        source="routers that substitute",
        act=_renamed,
        law=Good(check=_names_both),
        vendors=lambda vendor: bool(vendor.answers.renamed[0]),
    ),
)
