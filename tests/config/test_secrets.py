"""No secret leaves a configuration but by `reveal()`."""

from __future__ import annotations

import copy
import json
import pickle

import msgspec
import pytest

from understudy.config import Config, ConfigError, parse
from understudy.config.report import Source
from understudy.config.schema import KNOWN
from understudy.domain.secret import Secret

CANARY = "sk-canary-0123456789abcdefghijklmnopqrstuvwxyz"


LINES = {
    "written": f'api_key = "{CANARY}"',
    "referenced": 'api_key = "${K}"',
    "own variable": "",
    "pool": f'api_key = ["${{K}}", "{CANARY}-2", "${{NO}}"]',
}


@pytest.fixture(params=LINES)
def config(request: pytest.FixtureRequest) -> Config:
    line = LINES[request.param]
    text = f'[llm]\nunknown = "{CANARY}"\n[[llm.providers]]\nprovider = "openai"\n{line}\n'
    return parse(text, source="f", environ={"K": CANARY, "OPENAI_API_KEY": CANARY})


def test_the_key_is_there(config: Config) -> None:
    found = config.providers[0].api_key
    assert found in (Secret(CANARY), (Secret(CANARY), Secret(f"{CANARY}-2")))


def test_printing(config: Config) -> None:
    for shown in (repr(config), str(config), f"{config}", *map(str, config.notices), *map(repr, config.notices)):
        assert "canary" not in shown


def test_pickling_copying_and_json(config: Config) -> None:
    for leave in (pickle.dumps, copy.deepcopy, msgspec.json.encode, json.dumps):
        with pytest.raises(TypeError) as caught:
            leave(config)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        f'api_ky = "{CANARY}"',
        f'apikey = "{CANARY}"',
        f'key = "{CANARY}"',
        f'token = "{CANARY}"',
        f'openai_api_key = "{CANARY}"',
        f'something = "{CANARY}"',
        f'text_modle = "{CANARY}"',
        f'text_model = ["{CANARY}"]',
        f'text_model = {{ api_key = "{CANARY}" }}',
        f'max_tokens = "{CANARY}"',
        f"max_tokens = '{CANARY}'",
        f'max_tokens = "5" # {CANARY}',
        f'api_key = ["{CANARY}", "{CANARY}"]',
        f'api_key = ["{CANARY}", "two words"]',
        f'api_key = ["{CANARY}", 5]',
        f'api_key = [\n  "{CANARY}",\n  "",\n]',
        f'api_key = [\n  "{CANARY}=",\n  "${{"\n]',
        f'api_key = [\n  "{CANARY}",\n  "other"',
        f'token = ["{CANARY}"]',
        f'api_key = """\n{CANARY} with blanks"""',
        f'api_key = "${{{CANARY}"',
        f'api_key = "${{NO:-{CANARY} x}}"',
        f'headers = {{ Authorization = "Bearer {CANARY}" }}',
        f'headers.X-Api-Key = "{CANARY}"',
        f'headers = {{ X = "{CANARY}\\n" }}',
        f'base_url = "https://user:{CANARY}@host"',
        f'base_url = "https://host/?key={CANARY}"',
        f'base_url = "{CANARY}"',
        f'provider = "{CANARY}"',
        f'extra = {{ x = 2020-01-01, k = "{CANARY}" }}',
        f"api_key = {CANARY}",
        f'api_key = "{CANARY}',
        f"'{CANARY}",
        f'x = """\n{CANARY}==\n',
        f'x = """\n{CANARY}\\q\n"""',
        f'name = "{CANARY}/x"',
    ],
)
def test_errors(line: str) -> None:
    text = f"[[llm.providers]]\n{line}\n" + ("" if line.startswith("provider") else 'provider = "openai"\n')
    with pytest.raises(ConfigError) as caught:
        parse(text, source="f", environ={})
    error = caught.value
    assert "canary" not in f"{error} {error!r} {error.args} {error.__cause__!r} {error.__context__!r}"
    assert "f:" in error.message


@pytest.mark.parametrize(
    "line",
    [
        'text_model = "${K}-x" # c\nmax_tokens = 0',
        'provider = "${K}"',
        'base_url = "${K}"',
        'base_url = "https://${K}@h"',
        'embedding_model = "${K}${NO}"',
        'api_key = "${K} x"',
        'headers = { X = "${K}\\n" }',
    ],
)
def test_what_a_variable_holds_is_not_shown_either(line: str) -> None:
    text = f"[[llm.providers]]\n{line}\n" + ("" if line.startswith("provider") else 'provider = "openai"\n')
    with pytest.raises(ConfigError) as caught:
        parse(text, source="f", environ={"K": CANARY})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('text_model = "claude-3-sonnet-20240229"', 'text_model = "claude-3-sonnet-20240229"'),
        ("  max_token = 5 # c", "max_token = 5"),
        ('base_url = "https://some.long.host.example/with/a/path/v1"',
         'base_url = "https://some.long.host.example/with/a/path/v1"'),
        ("[[llm.providers]] # c", "[[llm.providers]]"),
        ("enabled = maybe", "enabled = …"),
        ("api_key = 123", "api_key = …"),
        ('colour = "blue"', "colour = …"),
        ('author = "x"', "author = …"),
        ("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=", "…"),
        ('"gsk_x", 1', "…"),
        ("", "…"),
    ],
)  # fmt: skip
def test_which_lines_are_shown(line: str, shown: str) -> None:
    assert Source("f", line + "\n", KNOWN).line(1) == shown
