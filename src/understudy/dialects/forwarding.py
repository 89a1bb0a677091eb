"""What passes between a caller and a provider of the same wire format beside the body: headers, by allow-lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter

from understudy.domain.bounded import BoundedDict
from understudy.wire.http import Headers

REMEMBERED = 64
"""Sets of names for which it is known what passes: clients and servers send the same names each time."""
LONGEST = 2048
"""Characters up to which a set of names is remembered."""

_name = itemgetter(0)


class HeaderRules:
    """Which headers pass. Whose account is used is the operator's choice, so names of keys, organizations and projects
    never do."""

    __slots__ = ("_known", "names", "never", "prefixes")

    def __init__(
        self, prefixes: tuple[str, ...] = (), names: frozenset[str] = frozenset(), never: tuple[str, ...] = ()
    ) -> None:
        """`never`: prefixes of names that do not pass all the same."""
        self.prefixes = prefixes
        self.names = names
        self.never = never
        self._known: BoundedDict[tuple[str, ...], tuple[tuple[int, str], ...]] = BoundedDict(REMEMBERED)
        """Of sets of names, those that pass: where they are, and in lower case."""

    def passed(self, headers: Iterable[tuple[str, str]]) -> Headers:
        """Return the headers that pass, with lower-case names; the values of a repeated one joined (RFC 9110 §5.3)."""
        given = tuple(headers)
        names = tuple(map(_name, given))
        places = self._known.get(names)
        if places is None:
            places = self._places(names)
        if not places:
            return ()
        found: dict[str, str] = {}
        for at, name in places:
            value = given[at][1]
            found[name] = f"{found[name]}, {value}" if name in found else value
        return tuple(found.items())

    def passed_of(self, headers: Mapping[str, str]) -> Headers:
        """Return the headers of an answer that pass: their names are in lower case, and none is repeated."""
        names = tuple(headers)
        places = self._known.get(names)
        if places is None:
            places = self._places(names)
        return tuple([(name, headers[name]) for _, name in places])

    def _places(self, names: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
        places = tuple((at, name.lower()) for at, name in enumerate(names) if self.passes(name.lower()))
        if sum(map(len, names)) <= LONGEST:
            self._known[names] = places
        return places

    def passes(self, name: str) -> bool:
        """Check whether a header with this name, in lower case, passes."""
        return (name in self.names or name.startswith(self.prefixes)) and not name.startswith(self.never)


NOTHING = HeaderRules()

ANSWERED = HeaderRules(
    prefixes=("anthropic-", "openai-", "x-ratelimit-"),
    names=frozenset({"request-id", "x-request-id", "retry-after", "retry-after-ms", "x-should-retry"}),
    never=("anthropic-organization", "anthropic-workspace", "openai-organization", "openai-project"),
)
"""Headers of an answer that a caller of the same wire format gets: its client reads them to pace itself, to decide
about retries, and to name the request to the provider's support."""


def answered_headers(headers: Mapping[str, str]) -> Headers:
    """Return the headers of an answer that its caller gets."""
    return ANSWERED.passed_of(headers)
