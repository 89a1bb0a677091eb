"""Real requests that a vendor answered are accepted, and those that it refused for their form are refused alike."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import RECORDINGS
from tests.emulator.examiners.tables import actor
from understudy.emulator.examiners import Complaint, wires
from understudy.wire.http import HttpRequest

FOLDERS = {"gemini": "google", "azure_openai": "azure-openai"}
"""Where the folder of a provider has another name."""

WITHOUT_VERSION = "azure-chat-basic.yaml"
"""A recording whose recorder kept no query, without which the service knows no such address."""

DROPPED = {"anthropic-version": "2023-06-01", "anthropic-beta": "mcp-client-2025-04-04"}
"""Headers that a service needs for some recorded requests and the recorders dropped."""

PARTNER = re.compile(r"^/[a-z-]+(?=/v1/)")
"""The first step of an address at one of the partners behind Hugging Face's router, which has the rest in common."""

REDACTED = re.compile(r"signature_REDACTED_\d+")
SKIPPED = b64encode(b"skip_thought_signature_validator").decode()
"""What recorders put in place of a signature, and the documented placeholder for one."""

NO_FORM = ("invalid_api_key", "invalid_image_url", "tool_use_failed", "model_not_found", "DeploymentNotFound")
"""Codes of refusals for another reason than the form of the request."""


def recordings(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the recorded calls of providers with an examiner, with their names."""
    providers = {provider for provider, _ in wires()}
    found = []
    for path in sorted(folder.glob("*/*.json")):
        provider = FOLDERS.get(path.parent.name, path.parent.name)
        recorded = json.loads(path.read_text())
        request = recorded["request"]
        if provider in providers and request and request["method"] == "POST" and isinstance(request["body"], dict):
            found.append((provider, recorded))
    return found


def complaint(provider: str, request: dict[str, Any]) -> Complaint | None:
    """Return what the examiner of a provider says about a recorded request."""
    address = urlsplit(request["url"])
    path = PARTNER.sub("", address.path) if provider == "huggingface" else address.path
    path = f"{path}?{address.query}" if address.query else path
    headers = tuple({**DROPPED, **(request.get("headers") or {})}.items())
    body = REDACTED.sub(SKIPPED, json.dumps(request["body"]))
    return actor(provider).examine(HttpRequest("POST", path, headers, body.encode()))


def test_requests_that_were_answered_are_accepted(pytestconfig: pytest.Config) -> None:
    refused = [
        (recorded["source"], found.rule.name, found.words.message)
        for provider, recorded in recordings(pytestconfig.stash[RECORDINGS])
        if recorded["response"]["status"] < 300 and WITHOUT_VERSION not in recorded["source"]
        if (found := complaint(provider, recorded["request"])) is not None
    ]
    assert refused == []


def test_what_openai_refused_for_its_form_is_refused_in_the_same_words(pytestconfig: pytest.Config) -> None:
    count = 0
    for provider, recorded in recordings(pytestconfig.stash[RECORDINGS]):
        if provider not in ("openai", "azure-openai") or recorded["response"]["status"] != 400:
            continue
        error = json.loads(recorded["response"]["body"])["error"]
        if error["code"] in NO_FORM:
            continue
        found = complaint(provider, recorded["request"])
        assert found is not None, error
        count += 1
        words = found.words
        assert (words.message, words.code, words.param) == (error["message"], error["code"], error["param"])
    assert count > 0


def test_what_anthropic_refused_for_its_form_is_refused_in_the_same_words(pytestconfig: pytest.Config) -> None:
    count = 0
    for provider, recorded in recordings(pytestconfig.stash[RECORDINGS]):
        if provider != "anthropic" or recorded["response"]["status"] != 400:
            continue
        error = json.loads(recorded["response"]["body"])["error"]
        found = complaint(provider, recorded["request"])
        assert found is not None, error
        count += 1
        assert (found.words.message, found.words.type) == (error["message"], error["type"])
    assert count > 0
