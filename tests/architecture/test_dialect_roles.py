"""One role, one file name: what a file of a dialect may be called, and what it then holds."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.structure import PACKAGE

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
    "encode_usual": "messages in the forms that most of them have, which no target needs otherwise",
    "encode_forwarded": "a body that came in as this dialect, where only the model may change",
    "encode_tools": "tools, where their bytes are remembered",
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

SHARED = {"histories", "classification"}
"""Packages beside the dialects: what all of them share."""

FILES = [
    (path.parent.name, path.stem)
    for path in PACKAGE.files.values()
    if path.parent.parent == PACKAGE.root / "dialects" and path.parent.name not in SHARED
]


@pytest.mark.parametrize(("dialect", "role"), FILES)
def test_a_file_of_a_dialect_is_called_by_its_role(dialect: str, role: str) -> None:
    assert role in ROLES, f"dialects/{dialect}/{role}.py has no role: {', '.join(ROLES)}"


def test_every_role_is_taken() -> None:
    assert ROLES.keys() == {role for _, role in FILES}


HALVES = {"encode": "client", "decode": "client", "client": "client", "exchange": "client", "quirks": "client"} | {
    "parse": "server", "render": "server", "server": "server"
}  # fmt: skip
"""The half that a role belongs to, by the first word of its name; every other role is both halves'."""

VERBS = {
    "encode": "client",  # unified to wire
    "decode": "client",  # wire to unified
    "open": "client",  # an exchange for an operation
    "apply": "client",  # changes a body that is written already
    "classify": "client",  # an error response to a failure
    "parse": "server",  # wire to unified
    "render": "server",  # unified to wire
    "read": "both",  # wire to unified, where both halves or the library's own callers need it
    "write": "both",  # unified to wire, where both halves need it
}
"""What public functions of a dialect do, by the first word of their name: the same job goes by the same verb."""

OWN = ("encode", "decode", "parse", "render")
"""Roles whose functions all go by the verb of the role, but for `read` and `write`, and for `apply` in `encode`."""

NOUNS = ("names", "wire")
"""Roles whose functions are named by what they return: spellings, addresses, conversions of single fields."""


def half(role: str) -> str:
    return HALVES.get(role.partition("_")[0], "both")


def functions(dialect: str, role: str) -> list[str]:
    tree = PACKAGE.trees[f"understudy.dialects.{dialect}.{role}".removesuffix(".__init__")]
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


@pytest.mark.parametrize(("dialect", "role"), FILES)
def test_a_function_of_a_dialect_goes_by_its_verb(dialect: str, role: str) -> None:
    first = role.partition("_")[0]
    for name in functions(dialect, role):
        verb = name.partition("_")[0]
        if name.endswith("_of") or verb in ("is", "has") or name == "bad_request" or role in NOUNS:
            continue  # accessors, predicates, and the exception that is raised
        assert verb in VERBS, f"dialects/{dialect}/{role}.py: {name} begins with none of {', '.join(VERBS)}"
        assert half(role) == "both" or VERBS[verb] in (half(role), "both"), f"dialects/{dialect}/{role}.py: {name}"
        if first in OWN and verb not in ("read", "write", "apply"):
            assert verb == first, f"dialects/{dialect}/{role}.py: {name} does the job of another file"


@pytest.mark.parametrize(("dialect", "role"), FILES)
def test_neither_half_imports_the_other(dialect: str, role: str) -> None:
    if role == "__init__":
        return
    for line, module, _ in PACKAGE.imports[f"understudy.dialects.{dialect}.{role}"]:
        package, _, other = module.rpartition(".")
        if package == f"understudy.dialects.{dialect}" and half(other) != "both":
            assert half(role) == half(other), (
                f"dialects/{dialect}/{role}.py:{line} imports {other}: both halves reach it"
            )
