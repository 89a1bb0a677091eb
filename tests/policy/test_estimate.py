"""What a request will probably use: four bytes a token, and rough sums for what is no text."""

from __future__ import annotations

import base64

import pytest

from understudy.domain.content import (
    AnyPart,
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.messages import Message, OpaqueTool, Role, Tool
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, OutputFormat
from understudy.domain.usage import Usage
from understudy.policy.estimate import expected_usage, least_prompt, size_of

TURN = 4


class Word(str):
    """Text of another class than `str`, as those of numpy are."""

    __slots__ = ()


MARK = CacheMark()


def coded(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


def request(*parts: AnyPart, **fields: object) -> GenerationRequest:
    return GenerationRequest(messages=(Message(role=Role.USER, content=parts),), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("four", 4), ("ä", 2), ("語", 3), ("🙂", 4), ("\ud800", 3), ("naïve", 6)]
)
def test_sizes_are_bytes(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (Text("x" * 400), 100),
        (Text("x" * 403), 100),
        (Refusal("x" * 400), 100),
        (Thinking("x" * 400), 100),
        (Image(url="https://x.example/a.png"), 1000),
        (File(text="x" * 400, media_type="text/plain"), 100),
        (File(data=coded(8000)), 200),
        (File(url="https://x.example/a.pdf"), 0),
        (ToolCall(id="1", name="x" * 40, arguments="y" * 360), 100),
        (ToolResult(call_id="1", content="x" * 400), 100),
        (ToolResult(call_id="1", content=(Text("x" * 400), Image(data=coded(9)))), 1100),
        (Opaque(dialect="openai", json={"a": "x" * 392}), 100),
        (Opaque(dialect="openai", json={"a": Word("x" * 392)}), 100),
        (Citation(url="https://x.example"), 0),
    ],
)  # fmt: skip
def test_parts(part: AnyPart, tokens: int) -> None:
    assert expected_usage(request(part)) == Usage(input=TURN + tokens, output=500)


def test_sizes_are_exact_to_the_token() -> None:
    assert expected_usage(request(Audio(data=coded(800_000)))).audio_input == 1000
    assert expected_usage(request(File(data=coded(40_000)))).input == TURN + 1000


def test_audio_is_counted_by_itself() -> None:
    assert expected_usage(request(Audio(data=coded(8000)))) == Usage(input=TURN, output=500, audio_input=10)
    two = expected_usage(request(Audio(data=coded(8000)), Text("x" * 40), Audio(data=coded(1600))))
    assert two == Usage(input=TURN + 10, output=500, audio_input=12)


def test_messages_tools_and_schemas_add_up() -> None:
    asked = GenerationRequest(
        messages=(Message.system("x" * 40), Message.user("x" * 40), Message.assistant("x" * 40)),
        tools=(
            Tool(name="n" * 10, description="d" * 28, parameters={}),
            OpaqueTool(dialect="openai", json={"a": "b" * 4}),
        ),
        output=OutputFormat(kind="json_schema", json_schema={"title": "x" * 28}),
    )
    tool, opaque, schema = len("{}") + 10 + 28, len('{"a":"bbbb"}'), len('{"title":""}') + 28
    assert expected_usage(asked).input == 3 * TURN + (120 + tool + opaque + schema) // 4
    bare = GenerationRequest(
        messages=(Message.user("hi"),), tools=(Tool(name="abcd"),), output=OutputFormat(kind="text")
    )
    assert expected_usage(bare).input == TURN + (2 + 4 + len(b"{}")) // 4


@pytest.mark.parametrize(
    ("usual", "limit", "output"),
    [(None, None, 500), (None, 100, 100), (None, 900, 500), (70.4, None, 70), (0.2, None, 1), (70.4, 50, 50)],
)
def test_the_answer_is_as_long_as_usual_within_its_limit(usual: float | None, limit: int | None, output: int) -> None:
    assert expected_usage(request(Text("hi"), max_tokens=limit), usual).output == output


class TestCaching:
    def test_everything_before_a_mark_is_written(self) -> None:
        marked = request(Text("x" * 400), Text("y" * 400, cache=MARK), Text("z" * 40))
        assert expected_usage(marked) == Usage(input=10, cache_write=TURN + 200, output=500)

    def test_a_later_mark_counts_from_the_beginning(self) -> None:
        marked = request(Text("x" * 400, cache=MARK), Text("y" * 400, cache=MARK), Text("z" * 40))
        assert expected_usage(marked) == Usage(input=10, cache_write=TURN + 200, output=500)

    def test_the_last_mark_says_for_how_long(self) -> None:
        hour = CacheMark(ttl="1h")
        assert expected_usage(request(Text("x" * 400, cache=hour))).cache_write_1h == TURN + 100
        assert expected_usage(request(Text("x" * 40, cache=hour), Text("x" * 40, cache=MARK))).cache_write == TURN + 20

    def test_a_conversation_that_had_an_answer_reads_it(self) -> None:
        said = (
            Message.user((Text("x" * 400, cache=CacheMark(ttl="1h")),)),
            Message.assistant("y"),
            Message.user("z" * 40),
        )
        read = expected_usage(GenerationRequest(messages=said))
        assert read == Usage(input=2 * TURN + 10, cache_read=TURN + 100, output=500)

    def test_the_request_and_a_tool_may_be_marked(self) -> None:
        whole = expected_usage(request(Text("x" * 400), cache=MARK))
        assert whole == Usage(input=0, cache_write=TURN + 100, output=500)
        tool = Tool(name="n" * 38, parameters={}, cache=MARK)
        assert expected_usage(request(Text("x" * 400), tools=(tool,))) == Usage(
            input=TURN + 100, cache_write=10, output=500
        )

    def test_audio_stays_beside_it(self) -> None:
        marked = request(Audio(data=coded(8000)), Text("x" * 400, cache=MARK))
        assert expected_usage(marked).audio_input == 10
        later = GenerationRequest(messages=(*marked.messages, Message.assistant("y")))
        assert expected_usage(later).audio_input == 10
        hour = request(Audio(data=coded(8000)), Text("x" * 400, cache=CacheMark(ttl="1h")))
        assert expected_usage(hour).audio_input == 10


@pytest.mark.parametrize(
    ("texts", "tokens"), [(("four" * 10, "four" * 10), 20), (("",), 1), (("abc",), 1), (("语",), 1)]
)
def test_embeddings_use_their_texts_alone(texts: tuple[str, ...], tokens: int) -> None:
    assert expected_usage(EmbeddingRequest(texts=texts)) == Usage(input=tokens, output=0)


def test_a_prompt_has_at_least_its_words_at_six_bytes_a_token() -> None:
    assert least_prompt(GenerationRequest(messages=(Message.user("x" * 605),))) == 100
    both = GenerationRequest(messages=(Message.system("x" * 300), Message.user((Text("x" * 300), Image(data="eA==")))))
    assert least_prompt(both) == 100
    assert least_prompt(request(Thinking("x" * 600), ToolCall(id="1", name="f", arguments="x" * 600))) == 0
