"""A pool of keys in the configuration: which keys an entry has, and what is wrong with a list of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import understudy as u
from understudy.config import Config, parse
from understudy.config.mapping import read_mapping
from understudy.domain.secret import Secret

ENVIRON = {"A": "sk-a", "B": "sk-b", "ALSO_A": "sk-a", "EMPTY": "", "OPENAI_API_KEY": "sk-own"}


def read(line: str) -> Config:
    return parse(f'[[llm.providers]]\nprovider = "openai"\n{line}\n', source="f", environ=ENVIRON)


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ('api_key = ["${A}", "${B}"]', ("sk-a", "sk-b")),
        ('api_key = ["${A}", "sk-c", "${B}"]', ("sk-a", "sk-c", "sk-b")),
        ('api_key = [" ${A} ", "${NO:-sk-d}"]', ("sk-a", "sk-d")),
        ('api_key = [\n  "${A}",\n  "${NO}", # not set here\n  "${B}",\n]', ("sk-a", "sk-b")),
    ],
)
def test_the_keys_of_a_pool(line: str, keys: tuple[str, ...]) -> None:
    assert read(line).providers[0].api_key == tuple(map(Secret, keys))


@pytest.mark.parametrize("line", ['api_key = ["${A}"]', 'api_key = ["${A}", "${NO}"]', 'api_key = ["${NO:-}", "${A}"]'])
def test_a_list_of_one_key_is_no_pool(line: str) -> None:
    assert read(line).providers[0].api_key == Secret("sk-a")


def test_a_key_that_is_left_out_is_reported_with_its_line() -> None:
    notices = read('api_key = [\n  "${A}",\n  "${NO}",\n  "${EMPTY:-}",\n]').notices
    assert [(str(each.kind), each.where, each.what) for each in notices if "api_key" in each.what] == [
        ("disabled", "f:5", "api_key number 2 of 3 is left out: NO is not set"),
        ("disabled", "f:6", "api_key number 3 of 3 is left out: it is empty"),
    ]


def test_an_entry_without_any_of_its_keys_is_disabled() -> None:
    config = parse(
        """[[llm.providers]]
provider = "ollama"
[[llm.providers]]
provider = "openai"
api_key = ["${NO}", "${NEITHER}"]
""",
        source="f",
        environ=ENVIRON,
    )
    (disabled,) = config.disabled
    assert (disabled.why, disabled.variables) == ("NO and NEITHER are not set", ("NO", "NEITHER"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("api_key = []", "f:3: api_key must be a string, or a list of at least one string, not an empty list"),
        ('api_key = ["${A}", 5]', "not a list that contains a whole number"),
        ('api_key = ["${A}", "${B}", "${ALSO_A}"]', "f:3: api_key contains the same key twice: numbers 1 and 3"),
        ('api_key = ["${A}", "${NO}", "${ALSO_A}"]', "api_key contains the same key twice: numbers 1 and 3"),
        ('api_key = [\n"${A}",\n""]', "f:5: api_key number 2 must not be empty"),
        ('api_key = [\n"${A}",\n"$B"]', "f:5: api_key number 2 names a variable, but not as ${NAME}"),
        ('api_key = [\n"a b",\n"$B"]', "f:4: api_key number 1 contains characters that a header cannot carry"),
        ('api_key = ["${A}", "${B"]', "a ${ must continue as ${NAME} or ${NAME:-default}"),
        ('token = ["${A}", "${B}"]', "token must be a string, not a list"),
    ],
)
def test_what_is_wrong_with_a_pool(line: str, words: str) -> None:
    with pytest.raises(u.ConfigError) as caught:
        read(line)
    assert words in caught.value.message


def test_a_pool_in_a_dictionary() -> None:
    entry = {"provider": "openai", "api_key": (Secret("sk-a"), "${B}")}
    config = read_mapping({"providers": [entry]}, environ=ENVIRON)
    assert config.providers[0].api_key == (Secret("sk-a"), Secret("sk-b"))


def test_the_single_provider_may_have_a_pool() -> None:
    config = parse('[llm]\nprovider = "openai"\napi_key = ["${A}", "${B}"]\n', source="f", environ=ENVIRON)
    assert config.providers[0].api_key == (Secret("sk-a"), Secret("sk-b"))


# ---- in Python ----


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_pool_in_python(kind: Callable[[list[str | Secret]], list[str | Secret]]) -> None:
    config = u.ProviderConfig(provider="openai", api_key=kind([" sk-a", Secret("sk-b")]))
    assert config.api_key == (Secret("sk-a"), Secret("sk-b"))
    assert "sk-" not in repr(config)
    assert u.ProviderConfig(provider="openai", api_key=kind(["sk-a"])).api_key == Secret("sk-a")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([], "api_key must contain at least one key"),
        (["sk-a", Secret("sk-a")], "api_key contains the same key twice: numbers 1 and 2"),
        (["sk-a", ""], "api_key number 2 must not be empty"),
        (["sk-a", 5], "api_key must contain strings or Secrets, not a whole number"),
        ({"sk-a", "sk-b"}, "api_key must be a string, a Secret or a list of them, not a set"),
    ],
)
def test_what_is_wrong_with_a_pool_in_python(keys: object, words: str) -> None:
    with pytest.raises(u.ConfigError) as caught:
        u.ProviderConfig(provider="openai", api_key=keys)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "sk-" not in str(caught.value)


async def test_a_key_that_no_header_can_carry_is_named_by_its_number() -> None:
    llm = u.create_provider(u.ProviderConfig(provider="openai", api_key=["sk-a", "sk b"]))
    with pytest.raises(u.ConfigError, match="api_key number 2 contains characters that a header cannot carry"):
        await llm.generate("hi")
