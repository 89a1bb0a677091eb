"""What is sent to a webhook: a document of ours, or one for Slack; and its signature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from understudy.domain.secret import Secret
from understudy.settings.alerts import Form
from understudy.telemetry.alerts.rules import Alert

LONGEST = 300
"""Characters of a name or a reason."""
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PREFIX = "whsec_"
"""How secrets of Standard Webhooks begin, whose rest is in Base64."""


def body_of(alert: Alert, form: Form, host: str) -> bytes:
    """Return the body of a message. `host`: the machine that sends it."""
    return msgspec.json.encode(_slack(alert, host) if form == "slack" else _document(alert, host))


def headers_of(message_id: str, body: bytes, secret: Secret | None, now: float) -> tuple[tuple[str, str], ...]:
    """Return the headers of a message, with its signature where there is a secret.

    They are those of Standard Webhooks (https://www.standardwebhooks.com): `webhook-signature` is `v1,` and, in Base64,
    the HMAC-SHA-256 of id, timestamp and body, with full stops between them.
    """
    timestamp = str(int(now))
    found = (("content-type", "application/json"), ("webhook-id", message_id), ("webhook-timestamp", timestamp))
    if secret is None:
        return found
    signed = b"%b.%b.%b" % (message_id.encode(), timestamp.encode(), body)
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return (*found, ("webhook-signature", f"v1,{base64.b64encode(digest).decode()}"))


def message_id(alert: Alert) -> str:
    """Return the id of a message, which a repetition has, too."""
    return hashlib.sha256(f"{alert.id}:{alert.status}".encode("utf-8", "replace")).hexdigest()[:32]


def _key(secret: Secret) -> bytes:
    text = secret.reveal()
    if text.startswith(_PREFIX):
        try:
            return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass  # a secret of one's own that begins so
    return text.encode()


def _document(alert: Alert, host: str) -> dict[str, Any]:
    return {
        "id": message_id(alert),
        "kind": str(alert.kind),
        "status": alert.status,
        "severity": alert.severity,
        "subject": _clean(alert.subject),
        "summary": _clean(alert.summary),
        "why": None if alert.why is None else _clean(alert.why),
        "value": alert.value,
        "threshold": alert.threshold,
        "since": _iso(alert.since),
        "at": _iso(alert.at),
        "host": _clean(host),
    }


def _slack(alert: Alert, host: str) -> dict[str, Any]:
    """Return a message for Slack. Its text is plain: nothing in it is a link, a mention or a format."""
    mark = "\u2705" if alert.status == "resolved" else "\U0001f534" if alert.severity == "critical" else "\u26a0\ufe0f"
    lines = [f"{mark} {_escaped(alert.summary)}"]
    if alert.why is not None:
        lines.append(_escaped(alert.why))
    lines.append(f"{_escaped(host)}, since {_iso(alert.since)}")
    text = {"type": "plain_text", "text": "\n".join(lines), "emoji": False}
    return {"text": lines[0], "mrkdwn": False, "blocks": [{"type": "section", "text": text}]}


def _escaped(text: str) -> str:
    """Return a text in which Slack finds no control sequence: https://docs.slack.dev/messaging/formatting-message-text"""
    return _clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clean(text: str) -> str:
    return _UNSAFE.sub("\ufffd", text[:LONGEST])


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
