"""Which built-in transport is used, and how another is chosen."""

from __future__ import annotations

import pytest

import understudy
from tests.transports import NAMES, maker
from understudy.transport import choice


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_names_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.VARIABLE, f" {name.upper()} ")
    assert type(choice.built_in()) is maker(name)


@pytest.mark.parametrize("name", NAMES)
def test_httptools_is_used_where_it_is_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    monkeypatch.setattr(choice, "find_spec", lambda _: name == "httptools" or None)
    assert type(choice.built_in()) is maker(name)


def test_an_unknown_name_is_an_error_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.VARIABLE, "curl")
    with pytest.raises(understudy.ConfigError, match="UNDERSTUDY_TRANSPORT must be httptools or aiohttp, got 'curl'"):
        choice.built_in()


def test_a_parser_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.VARIABLE, "httptools")
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    with pytest.raises(understudy.ConfigError, match="needs the package httptools"):
        choice.built_in()
