"""The environment of simulated configurations: keys that are missing in it are made up, since nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class KeysForSimulations(Mapping[str, str]):
    """An environment in which no key is missing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        if found := self._environ.get(name):
            return found
        if name.endswith(("KEY", "TOKEN")):
            return "simulated"
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)
