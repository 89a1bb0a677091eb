from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.config.lines import KeyPath, key_lines


def test_tables_and_lists_of_tables() -> None:
    lines = key_lines(
        "# a comment with [brackets] = 1\n"
        "top = 1\n"
        "[[llm.providers]]  # first\n"
        'name = "a"\n'
        "[llm.providers.headers]\n"
        'X = "1"\n'
        "\n"
        "[[ llm . providers ]]\n"
        'name = "b"\n'
        "[llm.fallback]\n"
        "enabled = true\n"
        "[llm]\n"
        "x = 2\n"
    )
    assert lines["top",] == 2
    assert lines["llm", "providers", 0] == 3
    assert lines["llm", "providers", 0, "name"] == 4
    assert lines["llm", "providers", 0, "headers"] == 5
    assert lines["llm", "providers", 0, "headers", "X"] == 6
    assert lines["llm", "providers", 1] == 8
    assert lines["llm", "providers", 1, "name"] == 9
    assert lines["llm", "fallback", "enabled"] == 11
    assert lines["llm",] == 12
    assert lines["llm", "x"] == 13


def test_inline_and_dotted_forms() -> None:
    lines = key_lines(
        'llm.fallback.enabled = true\nllm."text model" = 1\n'
        "llm.providers = [\n"
        "  # { commented = 1 },\n"
        '  { provider = "openai", headers = { A = "x" } },\n'
        '  { provider = "ollama",\n    name = "l" },\n'
        "]\n"
    )
    assert lines["llm", "fallback", "enabled"] == 1
    assert lines["llm", "text model"] == 2
    assert lines["llm", "providers"] == 3
    assert lines["llm", "providers", 0, "headers", "A"] == 5
    assert lines["llm", "providers", 1] == 6


@pytest.mark.parametrize(
    "value",
    [
        '"""\n[not]\na = "b"\n"""',
        '"""quote \\""" and ""still""""" ',
        "'''\n# [no]\n''''",
        '"esc \\" # no"',
        "'# no'",
        "1979-05-27 07:32:00",
        "[1979-05-27 07:32:00, 1]",
        '[ # c ]\n "x]", [1, 2], { a = 1, b.c = "}" }, ]',
        "{}",
        "[]",
        "-1_000.5e+3",
    ],
)
def test_no_value_confuses_the_count(value: str) -> None:
    text = f"before = 1\nvalue = {value} # trailing\nafter = 2\n"
    tomllib.loads(text)
    lines = key_lines(text)
    assert lines["value",] == 2
    assert lines["after",] == text[: text.index("\nafter")].count("\n") + 2


def test_carriage_returns_and_no_end_of_line() -> None:
    assert key_lines("a = 1\r\n\r\n[b]\r\nc = 2") == {("a",): 1, ("b",): 3, ("b", "c"): 4}


@pytest.mark.parametrize("text", ["a = ", "a", "[", "[[a]", "= 1", 'a = "x', "a = [1, ", "a = { b", "a = [}", "\x00"])
def test_invalid_text_ends_the_search(text: str) -> None:
    assert key_lines(f"ok = 1\n{text}")["ok",] == 1


_names = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True)


@st.composite
def _documents(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    """A valid text, and the line on which each of its keys stands."""
    lines: list[str] = []
    expected: dict[KeyPath, int] = {}

    def write(text: str, path: KeyPath | None = None) -> None:
        if path is not None:
            expected[path] = len(lines) + 1
        lines.extend(text.split("\n"))

    for number, name in enumerate(draw(_names)):
        table = f"{name}{number}"
        form = draw(st.sampled_from(["table", "list", "dotted", "inline"]))
        write(f"[[{table}]]" if form == "list" else f"[{table}]", (table, 0) if form == "list" else (table,))
        if form == "inline":
            write("inner = [", (table, "inner"))
        for index, key in enumerate(draw(_names)):
            value = draw(st.sampled_from(['"x"', "1", "'''\n\n'''", "[\n1,\n2]", "true"]))
            match form:
                case "table":
                    write(f"{key} = {value}", (table, key))
                case "list":
                    write(f'"{key}"={value}', (table, 0, key))
                case "dotted":
                    write(f"{key} . 'deep.er' = {value} # c", (table, key, "deep.er"))
                case "inline":
                    write(f"{{ {key} = {value} }},", (table, "inner", index, key))
        if form == "inline":
            write("]")
    return "\n".join(lines), expected


@given(_documents())
def test_every_key_is_found(document: tuple[str, dict[KeyPath, int]]) -> None:
    text, expected = document
    tomllib.loads(text)
    found = key_lines(text)
    assert {path: found.get(path) for path in expected} == expected
