"""The two surfaces are one: every public name of the asynchronous API has its blocking twin, with the same signature
and the same words. A new public name must be given a twin, or be listed here as one that only the engine calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from understudy import Conversation, ResponseStream, RunStream, blocking, create_provider, from_config
from understudy.client.manager import ProviderManager
from understudy.client.provider import Provider
from understudy.protocol import LLMProvider

SPELLING = {
    "aclose": "close",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
}
"""What is spelled differently because Python says so."""
MACHINERY = {"backend", "row", "reading"}
"""What the engine, the manager and the command line ask of a provider; reached through `.wrapped`."""
PAIRS: list[tuple[type, type]] = [
    (LLMProvider, blocking.LLMProvider),
    (Provider, blocking.Provider),
    (ProviderManager, blocking.ProviderManager),
    (ResponseStream, blocking.ResponseStream),
    (RunStream, blocking.RunStream),
    (Conversation, blocking.Conversation),
]


def public(cls: type) -> dict[str, Any]:
    """The public names that a class defines, its own protocol of iteration and contexts among them."""
    found = {name: value for name, value in vars(cls).items() if not name.startswith("_") or name in SPELLING}
    assigned = {name for name in inspect.get_annotations(cls) if not name.startswith("_")}
    return found | dict.fromkeys(assigned - found.keys())


CASES = [
    pytest.param(ours, twin, name, id=f"{ours.__name__}.{name}")
    for ours, twin in PAIRS
    for name in public(ours)
    if name not in MACHINERY
]


@pytest.mark.parametrize(("ours", "twin", "name"), CASES)
def test_every_public_name_has_its_twin(ours: type, twin: type, name: str) -> None:
    mine = inspect.getattr_static(ours, name)
    other = inspect.getattr_static(twin, SPELLING.get(name, name), None)
    assert other is not None, f"understudy.blocking.{twin.__name__} has no {SPELLING.get(name, name)}"
    assert isinstance(mine, property) is isinstance(other, property) or not callable(mine)
    if inspect.isfunction(mine):
        assert inspect.isfunction(other)
        assert parameters(mine) == parameters(other)
        assert returned(mine) == str(inspect.signature(other).return_annotation)
    if ours is LLMProvider or name not in vars(LLMProvider):
        assert first_line(mine) == first_line(other)


@pytest.mark.parametrize(
    ("ours", "twin"),
    [(create_provider, blocking.create_provider), (from_config, blocking.from_config)],
)
def test_the_ways_in_are_the_same(ours: Callable[..., Any], twin: Callable[..., Any]) -> None:
    assert inspect.signature(ours) == inspect.signature(twin)
    assert first_line(ours) == first_line(twin)


def test_a_manager_is_made_with_the_same_arguments() -> None:
    ours, twin = (inspect.signature(each.__init__) for each in (ProviderManager, blocking.ProviderManager))
    assert [p.replace(annotation=None) for p in ours.parameters.values()] == [
        p.replace(annotation=None) for p in twin.parameters.values()
    ]
    assert [p.annotation for p in ours.parameters.values() if p.name != "providers"] == [
        p.annotation for p in twin.parameters.values() if p.name != "providers"
    ]


def test_what_instances_hold_has_its_twin() -> None:
    from understudy import ProviderConfig, Secret

    entry = ProviderConfig(provider="openai", api_key=Secret("k"), text_model="m")
    face = blocking.create_provider(entry)
    manager = blocking.ProviderManager([face])
    for each in (face, manager):
        for name in vars(each.wrapped):
            if not name.startswith("_") and name not in MACHINERY:
                assert hasattr(each, name), f"understudy.blocking.{type(each).__name__} has no {name}"


def test_what_is_exported_is_spelled_as_in_the_package() -> None:
    import understudy

    assert blocking.__all__ == sorted(blocking.__all__)
    assert set(blocking.__all__) <= set(understudy.__all__)


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a function; what the protocol leaves open to custom providers, as every built-in one has it."""
    found = inspect.signature(function).parameters.values()
    return [each.replace(annotation="Texts") if each.annotation == OPEN else each for each in found]


OPEN = "str | Sequence[str] | Any"


def returned(function: Callable[..., Any]) -> str:
    """What a function returns, as its twin writes it."""
    annotation = str(inspect.signature(function).return_annotation)
    return annotation.replace("AsyncIterator[Event]", "ResponseStream").replace("AsyncIterator", "Iterator")


def first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n")[0].split("\n")[0]
