"""What authenticates a request: a key in a header, or the token source and signer of clouds that require more
(docs/authentication.md).

A `Signer` signs every complete request; a `TokenSource` is called for a token before each one. Both are custom code:
whatever it raises becomes a failure that repeats none of its words, since they may hold secrets.
"""

from __future__ import annotations

import inspect
import re
from functools import lru_cache
from pathlib import PurePath

import msgspec

from understudy.domain.failures import Failure
from understudy.domain.redaction import Redactor
from understudy.domain.secret import Secret, SecretHeader
from understudy.providers.base import Auth
from understudy.settings import Signer, TokenSource
from understudy.wire.http import HttpRequest, key_complaint


class NotSigned(Exception):
    """A signature or token could not be obtained.

    The message is safe to show; the original exception may hold secrets and is not propagated.
    """


class Credential(msgspec.Struct, frozen=True):
    """A key, the header that carries it, and where it may go: only to URLs of `origin`, a scheme with host and port."""

    auth: Auth
    secret: Secret | None
    origin: str
    token: TokenSource | None = None
    """Called for the key at every send, in place of `secret`."""
    sign: Signer | None = None
    """Signs every complete request."""
    further: tuple[Secret, ...] = ()
    """Other secrets, such as those that signing put into headers, which must not come back in errors."""
    header: tuple[tuple[str, str], ...] = ()
    """The header with the key, made once; empty without a key."""
    home: str = ""
    """How URLs begin to which it may go, made once."""
    is_fixed: bool = True
    """Whether it is the same for every request, so that `attach` is enough."""

    def __post_init__(self) -> None:
        key = self.secret.reveal() if self.secret is not None else ""
        header = ((self.auth.header, SecretHeader(self.auth.prefix + key)),) if key else ()
        msgspec.structs.force_setattr(self, "header", header)
        msgspec.structs.force_setattr(self, "home", f"{self.origin}/")
        msgspec.structs.force_setattr(self, "is_fixed", self.token is None and self.sign is None)

    def __repr__(self) -> str:
        """Omit the functions: their own representations may show their arguments."""
        return f"Credential({self.auth!r}, {self.secret!r}, {self.origin!r})"

    @property
    def authenticates(self) -> bool:
        """Whether requests carry anything that a provider could refuse."""
        return bool(self.secret) or self.token is not None or self.sign is not None

    async def equip(self, request: HttpRequest, attempt_id: str) -> tuple[HttpRequest, Credential]:
        """Return the request as it is to be sent, and the credential that knows what it carries. Raises `NotSigned`."""
        if self.is_fixed or not self._covers(request.url):
            return self.attach(request, attempt_id), self
        secret = self.secret if self.token is None else await token_of(self.token)
        used = msgspec.structs.replace(self, secret=secret)
        plain = used.attach(request, attempt_id)
        if self.sign is None:
            return plain, used
        signed = await sign_with(self.sign, plain)
        if not self._covers(signed.url):
            raise NotSigned(
                "the signer changed the request's address to one outside base_url, where the key must not be sent"
            )
        return hidden(plain, signed), used.knowing(changed_values(plain, signed))

    def knowing(self, secrets: tuple[Secret, ...]) -> Credential:
        """Return the credential with more secrets that must not come back in errors."""
        return msgspec.structs.replace(self, further=(*self.further, *secrets))

    def _covers(self, url: str) -> bool:
        return url.startswith(self.home)

    def attach(self, request: HttpRequest, attempt_id: str) -> HttpRequest:
        """Return the request with the key and the attempt's id in its headers."""
        headers = request.headers
        if request.url.startswith(self.home):
            headers = (*headers, ("x-client-request-id", attempt_id), *self.header)
        return HttpRequest(request.method, request.url, headers, request.body)

    def scrub(self, failure: Failure) -> Failure:
        """Return the failure without the key and other secrets, which some providers repeat in their errors."""
        return self.redactor.failure(failure)

    @property
    def redactor(self) -> Redactor:
        """The redactor of the key, and of other secrets sent with it, for text that a provider wrote."""
        return _redactor((self.secret, *self.further))

    def clean_name(self, name: str) -> str:
        """Return a name that a provider wrote, such as a model's, without secrets. Results are remembered."""
        return _clean_name(self.redactor, name)


@lru_cache(maxsize=256)
def _redactor(secrets: tuple[Secret | None, ...]) -> Redactor:
    return Redactor(each.reveal() for each in secrets if each is not None)


@lru_cache(maxsize=1024)
def _clean_name(redactor: Redactor, name: str) -> str:
    return redactor.text(name)


async def sign_with(sign: Signer, request: HttpRequest) -> HttpRequest:
    """Sign a request. Raises `NotSigned`."""
    try:
        given: object = sign(request)
        signed = await given if inspect.isawaitable(given) else given
    except Exception as error:
        raise NotSigned(_raised("the signer", error)) from error
    if not isinstance(signed, HttpRequest):
        raise NotSigned(f"the signer returned {type(signed).__name__} instead of a request")
    return signed


async def token_of(source: TokenSource) -> Secret:
    """Return a token from its source. Raises `NotSigned`, also for a token that no header can carry."""

    try:
        found = source()
        token = await found if inspect.isawaitable(found) else found
    except Exception as error:
        raise NotSigned(_raised("the token source", error)) from error
    if isinstance(token, str):
        token = Secret(token)
    if not isinstance(token, Secret):
        raise NotSigned(f"the token source returned {type(token).__name__} instead of a token")
    if complaint := key_complaint(token.reveal()):
        raise NotSigned(f"the token {complaint}")
    return token


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,19} +(?=\S)")
"""An authentication scheme (RFC 9110 §11.1) ahead of its parameters; it is not a secret itself."""


def changed_values(before: HttpRequest, after: HttpRequest) -> tuple[Secret, ...]:
    """Return the values that signing put into headers, to be kept out of errors: each without its scheme.

    The host is not a secret, though many signers write it.
    """
    old = set(before.headers)
    values = [value for name, value in after.headers if (name, value) not in old and name.lower() != "host"]
    return tuple(Secret(part) for value in values if (part := _SCHEME.sub("", value, count=1)))


def hidden(before: HttpRequest, after: HttpRequest) -> HttpRequest:
    """Return a signed request with the values that signing put into its headers hidden from tracebacks."""
    old = set(before.headers)
    headers = tuple(each if each in old else (each[0], SecretHeader(each[1])) for each in after.headers)
    return HttpRequest(after.method, after.url, headers, after.body)


def _raised(source: str, error: Exception) -> str:
    """Return which error was raised where; its own words may hold a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" ({PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace is not None else ""
    return f"{source} raised {type(error).__name__}{where}"
