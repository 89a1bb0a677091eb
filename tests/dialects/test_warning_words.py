"""What warnings are of has one name in all dialects: users compare it, and a synonym is a bug."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import understudy.dialects
from understudy.dialects.base import word_of
from understudy.domain.content import Citation, Opaque, ToolCall, ToolResult
from understudy.domain.messages import Message
from understudy.domain.requests import EmbeddingRequest, GenerationRequest

HOME = Path(understudy.dialects.__file__).parent

FIELDS = {*GenerationRequest.__struct_fields__, *EmbeddingRequest.__struct_fields__, "reasoning display"}
PARTS = {
    *("text", "refusal", "image", "audio", "file", "thinking"),
    *("tool call", "tool result", "citations", "opaque part"),
}
FIELDS_OF_PARTS = {
    *("cache", "image detail", "image file_id", "image url"),
    *("file citations", "file context", "file name", "file url"),
    *("tool call arguments", "tool call id", "tool result is_error", "tool result media"),
}
FIELDS_OF_MESSAGES_AND_TOOLS = {"name", "prefill", "strict", "system", "tool message", "tool name"}
OTHERS = {"compaction", "count", "n"}
WORDS = FIELDS | PARTS | FIELDS_OF_PARTS | FIELDS_OF_MESSAGES_AND_TOOLS | OTHERS

SAYING = {"drop", "clamp", "rename", "emulate", "_no"}
"""The methods that make a warning; `_no` is Cohere's short form of one."""


def said() -> Iterator[tuple[str, str]]:
    """Every word that stands in the code, with its place."""
    for path in sorted(HOME.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SAYING:
                match node.args:
                    case [ast.Constant(value=str(word)), *_]:
                        yield word, f"{path.relative_to(HOME)}:{node.lineno}"


def test_every_dialect_uses_the_same_words() -> None:
    found = list(said())
    assert len(found) > 100, "the search finds nothing any more"
    strange = [f"{place}: {word!r}" for word, place in found if word not in WORDS]
    assert not strange, "a warning of what no other dialect calls so:\n" + "\n".join(strange)


def test_parts_are_called_by_their_kind() -> None:
    parts = (Opaque("d", {}), Citation(), ToolCall(id="c", name="f"), ToolResult(call_id="c"), *Message.user("a").parts)
    assert [word_of(part) for part in parts] == ["opaque part", "citations", "tool call", "tool result", "text"]
