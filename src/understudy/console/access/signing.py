"""Signs what browsers keep: under a key that is derived from the gateway's secret, so all its processes accept it."""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.domain.secret import Secret


def signed(content: bytes, purpose: str, secrets: Sequence[Secret]) -> str:
    """Return a content with its signature, in letters that cookies and URLs may hold."""
    return f"{_base64(content)}.{_base64(_mac(content, purpose, secrets[0]))}"


def opened(text: str, purpose: str, secrets: Sequence[Secret]) -> bytes | None:
    """Return a content that was signed for the same purpose with a known secret; `None` for anything else."""
    content, _, mac = text.partition(".")
    found, given = _bytes(content), _bytes(mac)
    if found is None or given is None:
        return None
    valid = [hmac.compare_digest(_mac(found, purpose, secret), given) for secret in secrets]
    return found if any(valid) else None


def derived(content: str, purpose: str, secrets: Sequence[Secret]) -> str:
    """Return what nobody can guess who knows the content and not the secret."""
    return _base64(_mac(content.encode(), purpose, secrets[0]))


def _mac(content: bytes, purpose: str, secret: Secret) -> bytes:
    key = hmac.digest(secret.reveal().encode("utf-8", "surrogatepass"), f"understudy {purpose} 1".encode(), "sha256")
    return hmac.digest(key, content, "sha256")


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes | None:
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return data if _base64(data) == text else None
