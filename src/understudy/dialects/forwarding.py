"""What passes between a caller and a provider of the same wire format beside the body: headers, by allow-lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from understudy.wire.http import Headers


class HeaderRules(msgspec.Struct, frozen=True):
    """Which headers pass. Whose account is used is the operator's choice, so names of keys, organizations and projects
    never do."""

    prefixes: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    never: tuple[str, ...] = ()
    """Prefixes of names that do not pass all the same."""

    def passed(self, headers: Iterable[tuple[str, str]]) -> Headers:
        """Return the headers that pass, with lower-case names; the values of a repeated one joined (RFC 9110 §5.3)."""
        found: dict[str, str] = {}
        for header, value in headers:
            name = header.lower()
            if self.passes(name):
                found[name] = f"{found[name]}, {value}" if name in found else value
        return tuple(found.items())

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
    return ANSWERED.passed(headers.items())
