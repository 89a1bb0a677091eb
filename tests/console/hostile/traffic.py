"""Sends the corpus through a running gateway: as models, prompts, sessions, tags and the errors of providers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

from tests.console.hostile.corpus import ALL, in_header
from understudy.emulator import Emulator, Fault


def send(url: str, body: Mapping[str, object], headers: Mapping[str, str]) -> int:
    """Send a chat completion; return its status."""
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def attack(url: str, key: str, emulator: Emulator, provider: str = "openai") -> None:
    """Send each text of the corpus in each place that takes it."""
    caller = {"authorization": f"Bearer {key}"}
    for name, text in ALL.items():
        label = {"x-understudy-labels": f"{name.replace(' ', '-')}={in_header(text) or 'none'}"}
        chat = {"messages": [{"role": "user", "content": f"{name}: {text}"}]}
        # As prompt, session and tag of a request that is answered.
        send(url, {**chat, "model": provider, "user": text[:500]}, {**caller, **label})
        # As the name of a model that the provider does not know, whose error repeats it.
        send(url, {**chat, "model": f"{provider}/{text[:300]}"}, caller)
        # As the words of a provider's error.
        emulator.script(provider, [Fault.status(500, message=text)] * 4)
        send(url, {**chat, "model": provider}, {**caller, **label})
        emulator.script(provider)
