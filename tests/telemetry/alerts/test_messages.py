"""What webhooks receive: the document, Slack's form, and the signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from understudy.domain.secret import Secret
from understudy.telemetry.alerts.messages import body_of, headers_of, message_id
from understudy.telemetry.alerts.rules import Alert, Kind

ALERT = Alert(
    id="target_down:openai/gpt-5::1000",
    kind=Kind.TARGET_DOWN,
    status="firing",
    subject="openai/gpt-5",
    severity="critical",
    summary="openai/gpt-5 is down",
    why="server_error: HTTP 500",
    since=1_700_000_000.7,
    at=1_700_000_030.2,
)
HOSTILE = "<!channel> <https://evil.example|click> & \x1b[31mred\x1b[0m \u202egnp\u2069 \ud800"


def test_the_document() -> None:
    assert json.loads(body_of(ALERT, "json", "host-1")) == {
        "id": message_id(ALERT),
        "kind": "target_down",
        "status": "firing",
        "severity": "critical",
        "subject": "openai/gpt-5",
        "summary": "openai/gpt-5 is down",
        "why": "server_error: HTTP 500",
        "value": None,
        "threshold": None,
        "since": "2023-11-14T22:13:20Z",
        "at": "2023-11-14T22:13:50Z",
        "host": "host-1",
    }


def test_slack_gets_plain_text_without_control_sequences_of_its_own() -> None:
    hostile = msgspec.structs.replace(ALERT, summary=f"{HOSTILE} is down", why=HOSTILE)
    message = json.loads(body_of(hostile, "slack", "host-1"))
    (block,) = message["blocks"]
    text = block["text"]["text"]
    assert block["text"]["type"] == "plain_text"
    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; " in text
    for part in (text, message["text"]):
        assert "<" not in part
        assert not set(part.replace("\n", "")) & {"\x1b", "\u202e", "\u2069", "\ud800"}


def test_names_in_the_document_have_no_control_characters_and_an_end() -> None:
    body = body_of(msgspec.structs.replace(ALERT, subject=HOSTILE + "x" * 5000), "json", "h")
    subject = json.loads(body)["subject"]
    assert len(subject) == 300
    assert "\x1b" not in subject
    assert "\u202e" not in subject


def test_the_signature_by_hand() -> None:
    body = b'{"a":1}'
    headers = dict(headers_of("msg_1", body, Secret("a-secret-of-ours-1234"), 1_700_000_000.9))
    digest = hmac.new(b"a-secret-of-ours-1234", b'msg_1.1700000000.{"a":1}', hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert headers["webhook-timestamp"] == "1700000000"
    assert "webhook-signature" not in dict(headers_of("msg_1", body, None, 0))


def test_the_official_library_verifies_what_is_signed() -> None:
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    body = body_of(ALERT, "json", "host-1")
    headers = dict(headers_of(message_id(ALERT), body, Secret(secret), datetime.now(UTC).timestamp()))
    assert Webhook(secret).verify(body.decode(), headers)["subject"] == "openai/gpt-5"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.decode().replace("gpt-5", "gpt-6"), headers)


def test_an_alert_and_its_end_are_two_messages_and_a_repetition_is_the_same() -> None:
    ended = msgspec.structs.replace(ALERT, status="resolved", summary="up", at=1_700_000_500)
    assert message_id(ALERT) != message_id(ended)
    assert message_id(ALERT) == message_id(msgspec.structs.replace(ALERT, at=1_700_000_099))
