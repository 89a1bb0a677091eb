"""What a question is made of: words, standard input, files, images, a schema."""

from __future__ import annotations

import base64
import contextlib
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

_FENCES = re.compile(r"^\s*(`{3,})", re.MULTILINE)


def question(prompt: str, attachments: Iterable[AnyPart]) -> str | list[Message]:
    """Return what to ask: a plain prompt, or a message of the prompt and what is attached to it."""
    parts = tuple(attachments)
    return [Message.user((Text(prompt), *parts))] if parts else prompt


def words_of(words: list[str]) -> str:
    """Return the prompt on the command line. Raises `Misuse` for bytes that are no text."""
    prompt = " ".join(words)
    if not prompt.isprintable() and any("\ud800" <= character <= "\udfff" for character in prompt):
        raise Misuse("the prompt is not UTF-8 text")
    return prompt


def piped() -> bytes | None:
    """Return all of standard input; `None` when it is a terminal or closed."""
    if sys.stdin is None or sys.stdin.closed or is_terminal(sys.stdin):
        return None
    return sys.stdin.buffer.read()


def text_of(data: bytes, name: str) -> str:
    """Decode text. Raises `Misuse` when it is none."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Misuse(f"{name} is not UTF-8 text (byte {error.start})") from error


def attachment(data: bytes, name: str) -> AnyPart:
    """Return a part of a file's bytes: an image, a PDF, or a text labelled with the name. Raises `Misuse`."""
    if data.startswith(b"%PDF-"):
        return File(data=base64.b64encode(data).decode("ascii"), media_type="application/pdf", name=name)
    try:
        return Image.from_bytes(data)
    except ValueError:
        pass
    if b"\0" in data:
        raise Misuse(f"{name} is neither text nor PDF nor a PNG, JPEG, GIF or WebP image")
    return Text(labelled(text_of(data, name), name))


def labelled(text: str, name: str) -> str:
    """Put a text into a fence that nothing inside of it closes, under its name."""
    fence = "`" * max((len(found) + 1 for found in _FENCES.findall(text)), default=3)
    return f"{name}:\n{fence}\n{text.removesuffix(chr(10))}\n{fence}"


def file_attachment(path: Path, option: str = "--file") -> AnyPart:
    """Read a file to attach, which `option` names. Raises `Misuse`."""
    return attachment(read_bytes(path, option), path.name)


def image_attachment(where: str, option: str = "--image") -> Image:
    """Return the image at a path or URL. Raises `Misuse`."""
    if where.startswith(("http://", "https://")):
        return Image(url=where)
    data = read_bytes(Path(where), option)
    try:
        return Image.from_bytes(data)
    except ValueError as error:
        raise Misuse(f"{option} {where}: not a PNG, JPEG, GIF or WebP image") from error


def system_text(value: str, option: str = "--system") -> str:
    """Return the system prompt, read from a file when it is written `@path`. Raises `Misuse`."""
    if not value.startswith("@"):
        return value
    path = Path(value[1:])
    return text_of(read_bytes(path, option), str(path))


def schema_of(value: str) -> dict[str, Any]:
    """Return a JSON Schema that is written out, or stands in a file (`path` or `@path`). Raises `Misuse`.

    It is checked here, so that a broken one costs no request.
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
    with contextlib.suppress(ValueError):  # that `null` does not fit says that the schema itself is sound
        form_of(schema).parse("null")
    return schema


def read_bytes(path: Path, option: str) -> bytes:
    """Read a file that an option names. Raises `Misuse` with the reason when that is not possible."""
    try:
        return path.expanduser().read_bytes()
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Misuse(f"{option} {path}: {reason}") from error
