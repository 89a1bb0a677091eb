"""How options that are declared as structs become a command's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import pytest
import typer

from tests.cli.running import CommandLine
from understudy.cli.options import CommonOptions, check_options, flatten
from understudy.domain.errors import Misuse


class Sample(CommonOptions, frozen=True, kw_only=True):
    name: Annotated[str, typer.Argument(help="A name.")]
    count: Annotated[int, typer.Option("--count")] = 3


def test_a_command_takes_the_options_of_a_struct_one_by_one() -> None:
    taken: list[Any] = []

    def command(options: Sample, *, last: Annotated[bool, typer.Option("--last")] = False) -> None:
        """Do something."""
        taken.extend((options, last))

    flat: Callable[..., None] = flatten(command)
    parameters = inspect.signature(flat).parameters
    assert list(parameters) == ["no_color", "config", "verbose", "name", "count", "last"]
    assert parameters["name"].default is inspect.Parameter.empty
    assert parameters["count"].default == 3
    assert flat.__doc__ == "Do something."
    flat(no_color=False, config=None, verbose=True, name="n", count=1, last=True)
    assert taken == [Sample(verbose=True, name="n", count=1), True]


@pytest.mark.parametrize("words", [("-v", "ask", "hi"), ("ask", "-v", "hi")])
def test_common_options_count_before_and_after_the_command(configured: CommandLine, words: tuple[str, ...]) -> None:
    assert "outcome" in configured.run(*words).err


def test_an_option_after_the_command_prevails(configured: CommandLine) -> None:
    result = configured.run("--config", "gone.toml", "explain", "--config", "understudy.toml", "hi")
    assert result.code == 0, result.err
    assert configured.run("--config", "gone.toml", "explain", "hi").code == 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("deadline", 0.0, "--timeout must be greater than 0, got 0.0"),
        ("deadline", float("nan"), "--timeout must be a finite number, got nan"),
        ("deadline", float("inf"), "--timeout must be a finite number, got inf"),
        ("max_tokens", 0, "--max-tokens must be at least 1, got 0"),
        ("temperature", -1.0, "--temperature must be at least 0, got -1.0"),
        ("reasoning", "hihg", "--reasoning: unknown reasoning effort 'hihg'; did you mean 'high'?"),
        ("reasoning", "", "--reasoning is empty"),
        ("task", " ", "--task is empty"),
        ("model", "", "--model is empty"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_option(name: str, value: object, words: str) -> None:
    with pytest.raises(Misuse) as caught:
        check_options({name: value, "system": "", "schema": None})
    assert str(caught.value) == words


def test_values_that_some_provider_accepts_pass() -> None:
    check_options({"deadline": 0.5, "max_tokens": 1, "temperature": 9.0, "reasoning": "max", "model": "a/b"})
