"""One role, one file name: what a file of a dialect may be called, and what it then holds."""

from __future__ import annotations

from pathlib import Path

import pytest

import understudy.dialects

ROOT = Path(understudy.dialects.__file__).parent

ROLES = {
    # both halves
    "__init__": "exposes the two halves, `DIALECT` and `SERVER`, and nothing else",
    "wire": "the dialect's name, its typed structs and its tables of fields: what both halves share",
    "names": "how the wire spells fields, models and addresses, where that takes more than a table",
    "errors": "error bodies, the rules that read them, and the refusal of a request: both halves need their words",
    "usage": "token counts: each wire adds them up in its own way",
    "models": "model lists over their pages, and the look-up of one model",
    "embeddings": "vectors: another operation than chat, with a body of its own",
    "tokens": "token counts ahead of a chat, where they need an exchange of their own kind",
    "citations": "sources that an answer cites, which both halves know",
    "logprobs": "log probabilities, where the wire's form is not OpenAI's",
    "media": "images, audio and files: media types and the two forms, bytes and addresses",
    "schema": "JSON Schema, where the wire has a form of its own",
    "thinking": "how much a model is to think: efforts and budgets, which every wire divides otherwise",
    # client half
    "client": "opens an exchange for each operation",
    "exchange": "an exchange of several requests, where one request and one response do not do",
    "encode": "a request to a body: written from the unified request, or patched where it came in as this dialect",
    "encode_messages": "messages and their parts to the wire's",
    "encode_settings": "everything of a request but its messages: limits, sampling, tools, the form of the answer",
    "quirks": "what a target needs otherwise than the plain form, done to the body by its `Quirks`",
    "decode": "answers to events: one path for chunks and whole bodies",
    "decode_parts": "which part of an answer a piece of a stream belongs to, where the wire leaves that open",
    "decode_stream": "the reader of a stream: frames in, events out, and the rule for its end",
    # server half
    "server": "reads the requests of callers and writes their answers",
    "parse": "the bodies of requests to unified requests",
    "parse_fields": "access to the fields of a body: checked, and what is left goes to `extra`",
    "parse_messages": "the wire's messages and parts to the unified ones",
    "parse_settings": "everything of a request but its messages, where `parse` would be too long",
    "render": "whole answers, lists and errors in the wire's form",
    "render_models": "models in the wire's form, where they describe their inputs too",
    "render_parts": "the parts of a streamed answer while they grow, where the wire announces and closes each",
    "render_stream": "the writer of a stream: events in, frames out",
}
"""A new role is entered here with its reason."""

FILES = [(path.parent.name, path.stem) for path in sorted(ROOT.glob("*/*.py"))]


@pytest.mark.parametrize(("dialect", "role"), FILES)
def test_a_file_of_a_dialect_is_called_by_its_role(dialect: str, role: str) -> None:
    assert role in ROLES, f"dialects/{dialect}/{role}.py has no role: {', '.join(ROLES)}"


def test_every_role_is_taken() -> None:
    assert ROLES.keys() == {role for _, role in FILES}
