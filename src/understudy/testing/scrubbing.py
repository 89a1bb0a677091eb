"""Removes secrets from what is recorded.

Headers, query parameters and JSON fields that hold keys are removed by their names, and their values wherever a body
repeats them, in every form that `understudy.domain.redaction` recognises. Whatever has the form of a well-known key is
removed as well, even if it was never sent as one. Other secrets cannot be guessed: the test names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from understudy.domain.misuse import Misuse
from understudy.domain.redaction import HIDDEN, LEAST_SECRET, Redactor
from understudy.domain.secret import Secret, SecretHeader
from understudy.domain.secret_forms import KEY_FORMS
from understudy.wire.http import Headers

REQUEST_HEADERS = frozenset({"content-type", "accept", "anthropic-version", "anthropic-beta", "prefer"})
"""Headers of requests that are recorded; all others are left out."""
RESPONSE_HEADERS = frozenset(
    {
        *("content-type", "date", "location", "retry-after", "retry-after-ms", "x-ms-retry-after-ms"),
        *("x-should-retry", "x-request-id", "request-id", "x-inference-provider"),
    }
)
"""Headers of responses that are recorded: those that the library reads."""

_SECRET_NAME = re.compile(
    r"(?:.*[-_])?(?:key|api[-_]?key|authorization|token|(?:client[-_]?)?secret|password|passwd|signature|sig|credential"
    r"|cookies?)",
    re.IGNORECASE,
)
"""Names of headers and parameters whose value is a secret."""
_SECRET_FIELD = re.compile(
    r"(?:.*[-_])?(?:api[-_]?key|authorization|(?:authorization|access|refresh|auth|bearer|session|security)[-_]?token"
    r"|(?:client[-_]?)?secret|password|passwd|cookies?)",
    re.IGNORECASE,
)
"""Names of JSON fields whose value is a secret: fewer, for a `token` may be one of text, and a `signature` one of
thinking, which must come back."""
_ORGANISATION = re.compile(
    r"(?:openai-(?:organization|project)|anthropic-organization-id|x-goog-user-project|x-hf-bill-to)", re.IGNORECASE
)
"""Headers that name an account: of OpenAI, Anthropic, Google and Hugging Face."""
_SHAPES = re.compile(rf"\b(?:{KEY_FORMS}|(?:org|proj|user)[-_][A-Za-z0-9]{{16,}})")  # the last: OpenAI's accounts
LEAST_FIELD = 8
"""Characters of a JSON field from which its value is a secret elsewhere too, and not a word such as `string`."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,19} +(?=\S)")


class Scrubber:
    """Removes secrets, and learns them from the requests and responses that it is shown."""

    def __init__(self, secrets: Iterable[str | Secret] = ()) -> None:
        """`secrets` are further ones. Raise `Misuse` for one that is too short to be recognised."""
        self._known: dict[str, None] = {}
        for each in secrets:
            value = each.reveal() if isinstance(each, Secret) else each
            if len(value) < LEAST_SECRET:
                raise Misuse(
                    f"secrets: each needs at least {LEAST_SECRET} characters, so that it is not mistaken for a word"
                )
            self._known[value] = None
        self._redactor = Redactor(self._known)
        self.learned = 0
        """Grows when a secret becomes known."""

    def learn(self, headers: Headers | Mapping[str, str], url: str = "") -> None:
        """Note the secrets in headers and in an address."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        found = [secret for name, value in pairs for secret in _secrets_in(name, value)]
        parts = urlsplit(url)
        found += [value for name, value in parse_qsl(parts.query) if is_secret(name)]
        found += [part for part in (parts.username, parts.password) if part]
        self._add(found)

    def learn_body(self, value: Any) -> None:
        """Note the secrets that a JSON value holds in fields that are named for them."""
        self._add(_secrets_of_fields(value))

    def _add(self, found: Iterable[str]) -> None:
        new = [value for value in found if len(value) >= LEAST_SECRET and value not in self._known and value != HIDDEN]
        if new:
            self._known.update(dict.fromkeys(new))
            self._redactor = Redactor(self._known)
            self.learned += 1

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        return _SHAPES.sub(HIDDEN, self._redactor.text(text))

    def value(self, value: Any) -> Any:
        """Return a JSON value without secrets; fields that are named for one are removed as a whole."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(each) for each in value]
            case dict():
                return {
                    self.text(name): HIDDEN
                    if isinstance(each, str) and _SECRET_FIELD.fullmatch(name)
                    else self.value(each)
                    for name, each in value.items()
                }
            case _:
                return value

    def url(self, url: str) -> str:
        """Return an address without user, password and secret parameters."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        pairs = [(name, HIDDEN if is_secret(name) else value) for name, value in parse_qsl(parts.query, True)]
        query = "&".join(f"{quote(name, safe='')}={quote(self.text(value), safe='[]')}" for name, value in pairs)
        return self.text(urlunsplit((parts.scheme, host, parts.path, query, "")))

    def headers(self, headers: Headers | Mapping[str, str], kept: frozenset[str]) -> dict[str, str]:
        """Return the headers of `kept`, without secrets, in the order of their names."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        return {name.lower(): self.text(value) for name, value in sorted(pairs) if name.lower() in kept}


def is_secret(name: str) -> bool:
    """Check whether a header or parameter of this name holds a secret."""
    return bool(_SECRET_NAME.fullmatch(name) or _ORGANISATION.fullmatch(name))


def _secrets_in(name: str, value: str) -> Iterator[str]:
    if not isinstance(value, SecretHeader) and not is_secret(name):
        return
    value = str(value)
    if "cookie" in name.lower():
        yield from (each.partition("=")[2].strip() for each in value.split(";"))
        return
    yield _SCHEME.sub("", value, count=1)


def _secrets_of_fields(value: Any) -> Iterator[str]:
    match value:
        case list():
            for each in value:
                yield from _secrets_of_fields(each)
        case dict():
            for name, each in value.items():
                if isinstance(each, str) and _SECRET_FIELD.fullmatch(name):
                    if len(each) >= LEAST_FIELD:
                        yield _SCHEME.sub("", each, count=1)
                else:
                    yield from _secrets_of_fields(each)
