"""What an agent needs to know of a gateway: where it is, the key, and the models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from understudy.domain.errors import Misuse
from understudy.domain.secret import Secret
from understudy.wire.http import key_complaint

OPEN = "understudy"
"""What agents that insist on a key send to a gateway without keys."""
_MODEL = re.compile(r"[\w.:/@+*~-]{1,200}")
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]/_~%-]+")


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway, as one agent uses it."""

    url: str
    """Without a slash at its end, and without the path of any API."""
    key: Secret | None = None
    headers: Mapping[str, str] = {}
    """Further headers that the agent sends."""
    models: tuple[str, ...] = ()
    """The names that the agent may choose from; the first is the one that it uses."""

    @property
    def model(self) -> str | None:
        """The model that the agent uses; `None` for its own default."""
        return self.models[0] if self.models else None

    @property
    def token(self) -> str:
        """What the agent sends as its key. The caller must not print it."""
        return self.key.reveal() if self.key else OPEN

    def fields(self) -> dict[str, str]:
        """Return what the templates of the rows may contain."""
        headers = ",".join(f'"{name}"="{value}"' for name, value in self.headers.items())
        of_codex = f",http_headers={{{headers}}}" if headers else ""
        return {"url": self.url, "key": self.token, "model": self.model or "", "http_headers": of_codex}


def read_url(written: str, option: str = "--url") -> str:
    """Return the address of a gateway. Raise `Misuse` for anything that an agent could misread."""
    url = written.strip().rstrip("/")
    complaint = f"{option} is not the address of a gateway: got {written!r}; write http://HOST:PORT"
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise Misuse(complaint) from error
    if not named or not _URL.fullmatch(url):
        raise Misuse(complaint)
    if parts.path.endswith("/v1"):
        raise Misuse(f"{option} must not contain the path of an API: write {url.removesuffix('/v1')}")
    return url


def read_key(written: str | None) -> Secret | None:
    """Return a key. Raise `Misuse`, without repeating it, if no header can carry it."""
    if written is None or not written.strip():
        return None
    key = written.strip()
    if complaint := key_complaint(key):
        raise Misuse(f"the key of the gateway {complaint}; use printable ASCII without blanks")
    return Secret(key)


def read_model(written: str | None) -> tuple[str, ...]:
    """Return the model that was named, if any. Raise `Misuse` for a name that no gateway has."""
    if written is None:
        return ()
    if not _MODEL.fullmatch(written):
        raise Misuse(f"--model is not the name of a model: got {written!r}")
    return (written,)
