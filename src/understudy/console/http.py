"""What the console is asked and what it answers: one request, a whole reply or a stream, and an error that says what to
do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from understudy.settings.console import SCOPES, Scope
from understudy.wire.http import Headers
from understudy.wire.json import visible

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

LARGEST = 1 << 20
"""Bytes of a body."""
MOST_FIELDS = 200
"""Fields of a form or a query."""

HTML: Headers = (("content-type", "text/html; charset=utf-8"),)
JSON: Headers = (("content-type", "application/json"),)


def json_of(value: object) -> bytes:
    """Encode as JSON of which a terminal interprets nothing."""
    return visible(msgspec.json.encode(value))


class ConsoleError(Exception):
    """Why a request is refused or failed. Its message says what is wrong and what to do; it never holds a secret."""

    def __init__(
        self, status: int, code: str, message: str, *, where: str | None = None, headers: Headers = ()
    ) -> None:
        """`code`: the reason in one word, for programs. `where`: the parameter or field concerned."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.where = where
        self.headers = headers


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""


class Streamed(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is sent piece by piece. If the caller leaves, the pieces are closed (`aclose`)."""

    pieces: AsyncGenerator[bytes]
    headers: Headers = ()
    status: int = 200


Answer = Reply | Streamed


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """Who operates the gateway in one request: whose key it is, and what that key may do."""

    name: str
    scope: Scope
    session: str | None = None
    """The id of the browser session; `None` for a request with the key itself."""
    csrf: str = ""
    """What each form of this session must send back in the field `csrf`; empty without a session."""

    def may(self, scope: Scope) -> bool:
        """Check whether something of a scope may be done."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


class Request:
    """One request to the console."""

    def __init__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        peer: str | None = None,
        body: Callable[[int], Awaitable[bytes]] | None = None,
        id: str = "",  # noqa: A002 - what it is
    ) -> None:
        """`headers` has names in lower case. `body` reads at most so many bytes, and raises beyond. `id`: the request
        id of the gateway."""
        self.method = "GET" if method == "HEAD" else method
        self.is_head = method == "HEAD"
        """Whether only the head of the answer is asked for."""
        self.path, _, self.query = url.partition("?")
        self.headers: Mapping[str, str] = headers or {}
        self.peer = peer
        self.id = id
        self.params: Mapping[str, str] = {}
        """The named parts of the path, decoded."""
        self._operator: Operator | None = None
        self._body = body
        self._read: bytes | None = None

    @property
    def operator(self) -> Operator:
        """Who asks. Raise `LookupError` on a route that is open to everyone, unless somebody is signed in."""
        if self._operator is None:
            raise LookupError("no operator is signed in")
        return self._operator

    @operator.setter
    def operator(self, operator: Operator) -> None:
        self._operator = operator

    @property
    def is_signed_in(self) -> bool:
        """Whether it is known who asks."""
        return self._operator is not None

    @property
    def is_secure(self) -> bool:
        """Whether the browser speaks TLS, to a proxy: what that adds can only make a cookie stricter."""
        forwarded = self.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
        return forwarded == "https" or self.headers.get("origin", "").lower().startswith("https://")

    @property
    def is_prefetch(self) -> bool:
        """Whether a browser asks by itself, for a page that its user may open later."""
        given = (self.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-purpose", "x-moz"))
        return any(value.strip().lower().startswith(("prefetch", "preview")) for value in given)

    @property
    def host(self) -> str:
        """The host and port under which the caller reached the gateway, in lower case."""
        return self.headers.get("host", "").lower()

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        """The cookies, by name, of several the first one.

        Browsers send those of all programs on this host, whose values may be anything (`http.cookies` would give up):
        they end no session of ours.
        """
        found: dict[str, str] = {}
        for pair in self.headers.get("cookie", "").split(";"):
            name, _, value = pair.partition("=")
            found.setdefault(name.strip(), value.strip().strip('"'))
        return found

    async def body(self) -> bytes:
        """Return the body, of at most `LARGEST` bytes. Raise `BadRequest` beyond, and `ClientGone`."""
        if self._read is None:
            self._read = b"" if self._body is None else await self._body(LARGEST)
        return self._read

    async def form(self) -> dict[str, list[str]]:
        """Return the fields of a form (`application/x-www-form-urlencoded`). Raise `ConsoleError`."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise ConsoleError(415, "unsupported_media_type", "send a form as application/x-www-form-urlencoded")
        return _fields(await self.body(), "the form")

    async def form_as(self, type: type[S]) -> S:  # noqa: A002 - as in msgspec
        """Return the fields of a form as a struct; those that are empty count as missing. Raise `ConsoleError`."""
        fields = {name: values for name, values in (await self.form()).items() if name != "csrf"}
        return _converted(fields, type)

    async def json_as(self, type: type[T]) -> T:  # noqa: A002 - as in msgspec
        """Return a JSON body as a struct; an empty body is an empty object. Raise `ConsoleError`."""
        body = await self.body()
        try:
            return msgspec.json.decode(body or b"{}", type=type)
        except msgspec.ValidationError as error:
            raise _invalid(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ConsoleError(400, "invalid_json", "the body is not valid JSON") from None

    def query_as(self, type: type[S]) -> S:  # noqa: A002 - as in msgspec
        """Return the query as a struct: numbers are read, repeated parameters become tuples, empty ones count as
        missing. Raise `ConsoleError`."""
        return _converted(_fields(self.query.encode("ascii", "replace"), "the query"), type)


def _fields(data: bytes, what: str) -> dict[str, list[str]]:
    """Return the fields of a form or a query, each with its values."""
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        message = f"{what} must be percent-encoded UTF-8 with at most {MOST_FIELDS} fields"
        raise ConsoleError(400, "invalid_form", message) from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _converted(fields: Mapping[str, list[str]], type: type[S]) -> S:  # noqa: A002 - as in msgspec
    """Return fields as a struct; a field whose type is a tuple takes all values, any other one the only one."""
    many = {each.encode_name for each in msgspec.structs.fields(type) if _is_list(each.type)}
    values: dict[str, Any] = {}
    for name, written in fields.items():
        given = [value for value in written if value.strip()]
        if not given:
            continue
        if name not in many and len(given) > 1:
            raise ConsoleError(400, "invalid_value", f"{name[:80]!r} is given more than once", where=name[:80])
        values[name] = given if name in many else given[0].strip()
    try:
        return msgspec.convert(values, type=type, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


def _is_list(kind: object) -> bool:
    return getattr(kind, "__origin__", kind) in (tuple, list)


def _invalid(error: msgspec.ValidationError) -> ConsoleError:
    """Return the refusal of a value, with the path of its field."""
    what, _, path = str(error).partition(" - at `$")
    where = path.rstrip("`").lstrip(".") or None
    return ConsoleError(400, "invalid_value", f"{where}: {what}" if where else what, where=where)
