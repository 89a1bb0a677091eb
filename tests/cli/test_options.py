"""How options that are declared as structs become a command's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import pytest
import typer

from tests.cli.running import CommandLine
from understudy.cli.options import CommonOptions, flatten


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
