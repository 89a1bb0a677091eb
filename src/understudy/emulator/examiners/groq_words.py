"""Groq's wording of a refusal, and the documents that most of its rules come from."""

from __future__ import annotations

from understudy.emulator.cast.base import Words

SDK = "groq 1.7.0: types/chat/completion_create_params.py"
REFERENCE = "https://console.groq.com/docs/api-reference"


def refuse(message: str, param: str | None = None) -> Words:
    """Return a refusal with 400."""
    return Words(400, message, "invalid_request_error", None, param)


def in_message(at: int, role: object, complaint: str) -> Words:
    """Return a complaint about a message."""
    return refuse(f"'messages.{at}' : for 'role:{role}' the following must be satisfied[('messages.{at}{complaint})]")
