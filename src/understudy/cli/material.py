"""The material of a question: words, standard input, files, images, a schema."""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from understudy.cli.terminal import is_terminal
from understudy.domain.content import AnyPart, File, Image, Text
from understudy.domain.errors import Misuse
from understudy.domain.messages import Message
from understudy.wire import json

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://|(data):", re.IGNORECASE)
_FENCES = re.compile(r"^\s*(`{3,})", re.MULTILINE)


def question(prompt: str, attachments: Iterable[AnyPart]) -> str | list[Message]:
    """Return the prompt, as a message if anything is attached to it."""
    parts = tuple(attachments)
    return [Message.user((Text(prompt), *parts))] if parts else prompt


def words_of(words: list[str]) -> str:
    """Return the prompt on the command line. Raise `Misuse` if it is not valid UTF-8."""
    prompt = " ".join(words)
    if not prompt.isprintable() and any("\ud800" <= character <= "\udfff" for character in prompt):
        try:  # in an ASCII locale the bytes of arguments are not decoded
            return os.fsencode(prompt).decode()
        except UnicodeError:
            raise Misuse("the prompt is not valid UTF-8") from None
    return prompt


def piped() -> bytes | None:
    """Return all of standard input; `None` if it is a terminal or closed."""
    if sys.stdin is None or sys.stdin.closed or is_terminal(sys.stdin):
        return None
    return sys.stdin.buffer.read()


def text_of(data: bytes, name: str) -> str:
    """Decode UTF-8. Raise `Misuse` if it is invalid."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Misuse(f"{name} is not valid UTF-8 (byte {error.start})") from error


def attachment(data: bytes, name: str) -> AnyPart:
    """Return a file's bytes as a part: an image, a PDF, or text labelled with the name. Raise `Misuse` if neither."""
    if data.startswith(b"%PDF-"):
        return File(data=base64.b64encode(data).decode("ascii"), media_type="application/pdf", name=name)
    try:
        return Image.from_bytes(data)
    except ValueError:
        pass
    if b"\0" in data:
        raise Misuse(f"{name} is not text, PDF, PNG, JPEG, GIF or WebP")
    return Text(labelled(text_of(data, name), name))


def labelled(text: str, name: str) -> str:
    """Return text under its name, in a fence that nothing inside it closes."""
    fence = "`" * max((len(found) + 1 for found in _FENCES.findall(text)), default=3)
    return f"{name}:\n{fence}\n{text.removesuffix(chr(10))}\n{fence}"


def file_attachment(path: Path, option: str = "--file") -> AnyPart:
    """Read a file to attach, named by `option`. Raise `Misuse` if that fails."""
    return attachment(read_bytes(path, option), path.name)


def image_attachment(where: str, option: str = "--image") -> Image:
    """Return the image at a path or URL. Raise `Misuse` if it is not an image, or the URL is invalid."""
    if scheme := _SCHEME.match(where):
        if (scheme[1] or scheme[2]).lower() not in ("http", "https", "data"):
            raise Misuse(f"{option} {where}: write a path, or an http or https URL")
        return Image(url=where).checked(option)
    data = read_bytes(Path(where), option)
    try:
        return Image.from_bytes(data)
    except ValueError as error:
        raise Misuse(f"{option} {where}: not a PNG, JPEG, GIF or WebP image") from error


def system_text(value: str, option: str = "--system") -> str:
    """Return the system prompt, read from a file if it is written `@path`. Raise `Misuse` if that fails."""
    if not value.startswith("@"):
        return value
    path = Path(value[1:])
    return text_of(read_bytes(path, option), str(path))


def schema_of(value: str) -> dict[str, Any]:
    """Return a JSON Schema, given inline or as a file (`path` or `@path`). Raise `Misuse` if it is invalid.

    It is checked here, so that an invalid one costs no request.
    """
    from understudy.engine.structured import form_of

    if value.lstrip().startswith("{"):
        text, name = value, "--schema"
    else:
        path = Path(value.removeprefix("@"))
        text, name = text_of(read_bytes(path, "--schema"), str(path)), f"--schema {path}"
    try:
        schema = json.decode_object(text)
    except json.BadJson as error:
        raise Misuse(f"{name}: not a JSON object: {error}") from error
    try:
        form_of(schema).parse("null")
    except Misuse as error:
        raise Misuse(f"{name}: {error}") from error
    except ValueError:
        pass  # `null` does not conform, but the schema itself is valid
    return schema


def read_bytes(path: Path, option: str) -> bytes:
    """Read a file named by an option. Raise `Misuse` with the reason if that fails."""
    try:
        return path.expanduser().read_bytes()
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Misuse(f"{option} {path}: {reason}") from error
