"""Values of configuration files change, and not a byte beside them. What was meant is written here by hand."""

from __future__ import annotations

import json
import tomllib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.cli.agents.edits import GONE, CannotEdit, edit

JSONC = """\
// Mine.
{
    "theme": "dark", // as at night
    /* "model": "old/one", */
    "provider": {
        "local": { "models": { "a": {} } },
    },
    "mcp": { "one": { "command": ["x", "//not a comment"] } }
}
"""


def test_a_key_is_added_after_the_last_one_with_its_indentation() -> None:
    changed = edit(JSONC, "jsonc", {("model",): "understudy/main"})
    assert changed == JSONC.replace(
        '"//not a comment"] } }\n', '"//not a comment"] } },\n    "model": "understudy/main"\n'
    )


def test_a_trailing_comma_stays_one() -> None:
    changed = edit(JSONC, "jsonc", {("provider", "understudy"): {"name": "x"}})
    assert changed == JSONC.replace(
        '{ "a": {} } },\n', '{ "a": {} } },\n        "understudy": {\n            "name": "x"\n        },\n'
    )


@pytest.mark.parametrize(
    ("before", "values", "after"),
    [
        ("", {("a", "b"): 1}, '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ("{}", {("a",): "x"}, '{\n  "a": "x"\n}'),
        ('{"a": 1}', {("b",): 2}, '{"a": 1, "b": 2}'),
        ('{"a": 1,}', {("b",): 2}, '{"a": 1, "b": 2}'),
        ('{"a": 1, "b": 2}', {("a",): 3}, '{"a": 3, "b": 2}'),
        ('{"a": 1, "b": 2}', {("a",): GONE}, '{"b": 2}'),
        ('{"a": 1, "b": 2}', {("b",): GONE}, '{"a": 1}'),
        ('{\n\t"a": 1 // one\n}', {("b",): 2}, '{\n\t"a": 1, // one\n\t"b": 2\n}'),
        ('{\r\n  "a": 1\r\n}\r\n', {("b",): 2}, '{\r\n  "a": 1,\r\n  "b": 2\r\n}\r\n'),
        ('{\n  "a": 1,\n  "b": 2\n}\n', {("b",): GONE}, '{\n  "a": 1\n}\n'),
        ('{\n  "a": 1,\n  "b": 2\n}\n', {("a",): GONE}, '{\n  "b": 2\n}\n'),
        ('{\n  "a": {\n    "x": 1\n  },\n  "b": 2\n}\n', {("a", "x"): GONE}, '{\n  "b": 2\n}\n'),
        ('{"a": {"x": {"y": 1}}}', {("a", "x", "y"): GONE}, "{}"),
        ('{"a": "x"}', {("a",): "x"}, '{"a": "x"}'),
        ("{\n  // nothing yet\n}\n", {("a",): 1}, '{\n  // nothing yet\n  "a": 1\n}\n'),
    ],
)
def test_objects(before: str, values: dict[tuple[str, ...], object], after: str) -> None:
    assert edit(before, "jsonc", values) == after


@pytest.mark.parametrize(
    ("text", "format_", "values"),
    [
        ("[1]", "jsonc", {("a",): 1}),
        ('{"a": [1]}', "jsonc", {("a", "b"): 1}),
        ('{"a": 1, "a": 2}', "jsonc", {("b",): 1}),
        ('{"a": }', "jsonc", {("b",): 1}),
        ('{"a": 1} {"b": 2}', "jsonc", {("b",): 1}),
        ('// c\n{"a": 1}', "json", {("b",): 1}),
        ('{"a": 1,}', "json", {("b",): 1}),
        ("[" * 1000, "jsonc", {("b",): 1}),
        ("a = ", "toml", {("b",): "x"}),
        ('model_providers.understudy = { name = "x" }', "toml", {("model_providers", "understudy"): {"name": "y"}}),
        ('a = """\nb = 1\n"""\n', "toml", {("a",): "x"}),
        ("a: {b: 1}\n---\nc: 1\n", "yaml", {("a",): "x"}),
        ("{a: 1}\n", "yaml", {("a",): "x"}),
        ("model:\n  - x\n", "yaml", {("model",): "x"}),
        ("model: |\n  x\n", "yaml", {("model",): "x"}),
        ("model: a\nmodel: b\n", "yaml", {("model",): "x"}),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(
    text: str, format_: str, values: dict[tuple[str, ...], object]
) -> None:
    with pytest.raises(CannotEdit):
        edit(text, format_, values)


CODEX = """\
# Codex
model = "gpt-6"   # the usual one
approval_policy = "on-request"

[model_providers.proxy]
name = "Proxy"
base_url = "https://proxy.example/v1"

[projects."/home/ada/x"]
trust_level = "trusted"
"""


def test_toml_gets_a_root_key_at_its_top_and_a_table_at_its_end() -> None:
    provider = {"name": "understudy", "base_url": "http://127.0.0.1:8484/v1"}
    values = {("model_provider",): "understudy", ("model",): "main", ("model_providers", "understudy"): provider}
    changed = edit(CODEX, "toml", values)
    assert changed == (
        'model_provider = "understudy"\n'
        + CODEX.replace('"gpt-6"', '"main"')
        + '\n[model_providers.understudy]\nname = "understudy"\nbase_url = "http://127.0.0.1:8484/v1"\n'
    )
    assert tomllib.loads(changed)["model_providers"]["understudy"] == provider
    back = {("model_provider",): GONE, ("model",): "gpt-6", ("model_providers", "understudy"): GONE}
    assert edit(changed, "toml", back) == CODEX


def test_a_table_in_the_middle_is_replaced_in_its_place() -> None:
    text = CODEX.replace("[projects", '[model_providers.understudy]\nname = "old"\nx = 1\n\n[projects')
    changed = edit(text, "toml", {("model_providers", "understudy"): {"name": "new"}})
    assert changed == text.replace('name = "old"\nx = 1\n', 'name = "new"\n')


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("", "http://x/", "A=http://x/\n"),
        ("# c\nB=1", "v", "# c\nB=1\nA=v\n"),
        ("export A = 'old' # c\nB=1\n", "new", "A=new\nB=1\n"),
        ("A=1\nA=2\n", "new", "A=1\nA=new\n"),
        ("A=1\r\nB=2\r\n", "x y", "A='x y'\r\nB=2\r\n"),
        ("B=1\nA=1\nC=1\n", GONE, "B=1\nC=1\n"),
        ("A=1", GONE, ""),
        ("", "it's", 'A="it\'s"\n'),
    ],
)
def test_variables(before: str, value: object, after: str) -> None:
    assert edit(before, "dotenv", {("A",): value}) == after


AIDER = """\
# My aider
model: sonnet  # for now
read:
  - CONVENTIONS.md
- odd
auto-commits: false
"""


def test_aiders_yaml_changes_a_line() -> None:
    text = AIDER.replace("- odd\n", "")
    changed = edit(text, "yaml", {("model",): "openai/main", ("openai-api-key",): "yes: # no"})
    assert changed == text.replace("sonnet  # for now", "openai/main") + 'openai-api-key: "yes: # no"\n'
    before = yaml.safe_load(text)
    assert yaml.safe_load(changed) == before | {"model": "openai/main", "openai-api-key": "yes: # no"}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    table=st.dictionaries(TEXT, TREES, max_size=4),
    indent=st.sampled_from([None, 2, "\t"]),
    name=TEXT,
    value=TREES,
)
def test_any_object_holds_what_was_meant_and_gets_back_to_what_it_was(
    table: dict[str, object], indent: int | str | None, name: str, value: object
) -> None:
    text = json.dumps(table, indent=indent)
    changed = edit(text, "json", {(name,): value})
    assert json.loads(changed) == table | {name: value}
    restored = edit(changed, "json", {(name,): table.get(name, GONE)})
    assert json.loads(restored) == table


GAPS = st.sampled_from(["", " ", "\n", "\n  ", " // c, }\n", "/* b */", "\n\t// }\n\t", "\r\n"])
NAMES = st.sampled_from(["a", "b", "d e", 'q"', "é"])


@st.composite
def commented(draw: st.DrawFn, depth: int = 0) -> str:
    """An object with comments, blanks and trailing commas wherever JSONC allows them."""
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    text = "{" + draw(GAPS)
    for place, name in enumerate(names):
        scalars = st.sampled_from(["1", '"x"', "null", '[1, {"z": 2}, ]', '"//no"'])
        value = draw(scalars if depth > 2 else scalars | commented(depth + 1))
        text += json.dumps(name) + draw(GAPS) + ":" + draw(GAPS) + value + draw(GAPS)
        if place < len(names) - 1 or draw(st.booleans()):
            text += "," + draw(GAPS)
    return text + "}"


@settings(max_examples=60, deadline=None)
@given(text=commented(), before=GAPS, name=NAMES, value=st.sampled_from([GONE, "v", {"n": 1}]))
def test_comments_blanks_and_commas_stop_no_edit_and_stay(text: str, before: str, name: str, value: object) -> None:
    changed = edit(before + text, "jsonc", {(name,): value})  # it proves by itself that nothing else has changed
    if value is not GONE and f"{json.dumps(name)}" not in text:
        for comment in ("// c, }", "/* b */", "// }"):
            assert changed.count(comment) == (before + text).count(comment)


@settings(max_examples=60, deadline=None)
@given(value=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30))
def test_any_key_survives_yaml(value: str) -> None:
    changed = edit("a: 1\n", "yaml", {("openai-api-key",): value})
    assert yaml.safe_load(changed) == {"a": 1, "openai-api-key": value}
