"""Compaction, as OpenAI performs it: a conversation as one item that only the account which made it can read.

The item `compaction_trigger` at the end of the input asks for one; the answer is one item `compaction`, which takes the
place of the conversation in later requests (https://developers.openai.com/api/docs/guides/compaction and
openai/codex, `codex-rs/core/src/compact_remote_v2.rs`).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import groupby

from msgspec.structs import replace

from understudy.domain.content import AnyPart, JsonObject, Opaque, Text
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest
from understudy.emulator.prompt import Prompt

_DIALECT = "responses"
_PREFIX = "gAAAAA"
_DIGEST = 16


def is_requested(request: GenerationRequest) -> bool:
    """Check whether a request asks for a compaction."""
    return bool(request.messages) and any(map(_is_trigger, request.messages[-1].parts))


def _is_trigger(part: AnyPart) -> bool:
    match part:
        case Opaque(dialect, {"type": "compaction_trigger"}):
            return dialect == _DIALECT
        case _:
            return False


def performed(prompt: Prompt, scripted: Iterable[AnyPart] | None, *, number: int, account: str) -> Opaque:
    """Return the item for a conversation: with the scripted text, else with the user's texts."""
    texts = [part.text for part in scripted or () if isinstance(part, Text)]
    summary = "".join(texts) if scripted is not None else "\n".join((*prompt.before, prompt.text))
    item: JsonObject = {"id": f"cmp_emulated{number:08d}", "type": "compaction"}
    return Opaque(_DIALECT, {**item, "encrypted_content": encrypt(summary, account)})


def opened(request: GenerationRequest, account: str) -> GenerationRequest:
    """Return a request as the model sees it: with the summaries in the place of the account's compactions."""
    if not any(_summary(part, account) for message in request.messages for part in message.parts):
        return request
    return replace(request, messages=tuple(each for message in request.messages for each in _opened(message, account)))


def _opened(message: Message, account: str) -> Iterator[Message]:
    """Yield a message in pieces: a summary is a message of its own."""
    for summary, group in groupby(message.parts, key=lambda part: _summary(part, account)):
        yield replace(message, content=tuple(group)) if summary is None else Message.user(summary)


def _summary(part: AnyPart, account: str) -> str | None:
    match part:
        case Opaque(dialect, {"type": "compaction", "encrypted_content": str(content)}) if dialect == _DIALECT:
            return decrypt(content, account)
        case _:
            return None


def encrypt(summary: str, account: str) -> str:
    """Return what stands for a summary. It hides nothing, but opens for its account alone."""
    data = summary.encode()
    return _PREFIX + urlsafe_b64encode(_digest(data, account) + data).decode()


def decrypt(content: str, account: str) -> str | None:
    """Return the summary; `None` if another account made it, or it was changed."""
    try:
        data = urlsafe_b64decode(content.removeprefix(_PREFIX))
        digest, summary = data[:_DIGEST], data[_DIGEST:]
        return summary.decode() if content.startswith(_PREFIX) and digest == _digest(summary, account) else None
    except ValueError:
        return None


def _digest(data: bytes, account: str) -> bytes:
    return blake2b(account.encode() + b"\0" + data, digest_size=_DIGEST).digest()
