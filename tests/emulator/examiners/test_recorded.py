"""The judges judged: requests that a vendor answered in recorded traffic keep the rules of its examiner."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.conftest import RECORDINGS
from tests.contract.recordings import Recording, load
from tests.emulator.examiners.tables import actor
from understudy.wire.http import HttpRequest

PROVIDERS = ("cohere", "groq", "huggingface", "ollama", "replicate", "together")
# A partner's own address is the router's behind one more step.
_PARTNER = re.compile(r"^/[a-z-]+(?=/v1/)")

emulated = cache(actor)


def as_received(recording: Recording) -> HttpRequest:
    """Return a recorded request with the path in the request line instead of the URL."""
    sent = recording.http_request()
    path = urlsplit(sent.url).path
    return msgspec.structs.replace(sent, url=_PARTNER.sub("", path) if recording.provider == "huggingface" else path)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_a_vendor_answered_keeps_the_rules(provider: str, pytestconfig: pytest.Config) -> None:
    answered = [
        recording
        for recording in load(pytestconfig.stash[RECORDINGS])
        if recording.provider == provider and recording.request is not None and recording.response.status < 300
    ]
    complaints = {
        recording.name: (complaint.rule.name, complaint.words.message)
        for recording in answered
        if (complaint := emulated(provider).examine(as_received(recording)))
    }
    assert answered
    assert complaints == {}
