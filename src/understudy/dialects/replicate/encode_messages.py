"""Encodes conversations for models with one prompt: the text of a single turn, or a transcript of all."""

from __future__ import annotations

import msgspec

from understudy.dialects.base import WarningLog
from understudy.dialects.media import fit, is_web_url, recast, text_of
from understudy.dialects.quirks import Quirks
from understudy.dialects.replicate.wire import NAME
from understudy.domain.content import (
    AnyPart,
    Audio,
    Citation,
    File,
    Image,
    JsonObject,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.messages import Message, Role

IMAGE_TYPES = Quirks().image_types
"""Models here read what nearly all models do; their inputs do not state types."""

_SPEAKER = {Role.USER: "User", Role.ASSISTANT: "Assistant", Role.TOOL: "Tool"}


class TranscriptTurn(msgspec.Struct, frozen=True):
    """One turn as text."""

    role: Role
    text: str


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as text, with its images."""

    system: str
    turns: tuple[TranscriptTurn, ...]
    images: tuple[Image, ...]

    def prompt(self, notes: WarningLog) -> str:
        """Return the one prompt: the user's text, or a transcript that ends where the model continues."""
        match self.turns:
            case ():
                return ""
            case (TranscriptTurn(role=Role.USER, text=text),):
                return text
            case turns:
                notes.emulate("messages", "the model accepts one prompt: the conversation is sent as a transcript")
                said = [f"{_SPEAKER[turn.role]}: {turn.text}" for turn in turns]
                begun = turns[-1].role is Role.ASSISTANT
                return "\n\n".join(said if begun else [*said, "Assistant:"])

    def messages(self) -> list[JsonObject]:
        """Return the turns in OpenAI's form, which some models accept. Results of tools become the user's text."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        spoken = [
            {"role": "assistant" if turn.role is Role.ASSISTANT else "user", "content": turn.text}
            for turn in self.turns
        ]
        return [*system, *spoken]


def encode_messages(messages: tuple[Message, ...], notes: WarningLog) -> Transcript:
    """Convert messages to text. What text cannot express is dropped, with a warning."""
    writer = _Writer(notes)
    system: list[str] = []
    turns: list[TranscriptTurn] = []
    for message in messages:
        if message.name is not None:
            notes.drop("name", "message names are not supported here")
        text = writer.text(message)
        if message.role in (Role.SYSTEM, Role.DEVELOPER):
            if turns:
                notes.emulate("messages", "a system message in the middle was moved to the system prompt")
            system.append(text)
        elif text or message.role is Role.USER:
            turns.append(TranscriptTurn(message.role, text))
    if not turns and system:
        notes.emulate("messages", "the system message is sent as a user message, because there is no other message")
        turns.append(TranscriptTurn(Role.USER, system.pop()))
    return Transcript(system="\n\n".join(filter(None, system)), turns=tuple(turns), images=tuple(writer.images))


class _Writer:
    """Writes parts as text, and gathers the images among them."""

    def __init__(self, notes: WarningLog) -> None:
        self._notes = notes
        self.images: list[Image] = []

    def text(self, message: Message) -> str:
        if isinstance(message.content, str):
            return message.content
        pieces = [piece for part in message.content if (piece := self._part(part))]
        # Text stays unchanged; only calls and their results get lines of their own.
        plain = all(isinstance(part, Text | Refusal) for part in message.content)
        return ("" if plain else "\n").join(pieces)

    def _part(self, part: AnyPart) -> str:
        self._note_fields(part)
        match part:
            case Text(text) | Refusal(text):
                return text
            case Image():
                self._image(part)
            case ToolCall(name=name, arguments=arguments):
                self._notes.emulate("tool call", "predictions have no tools: the call is sent as text")
                return f"[called {name} with {arguments}]"
            case ToolResult():
                self._notes.emulate("tool result", "predictions have no tools: the result is sent as text")
                content = part.content
                text = content if isinstance(content, str) else "\n".join(filter(None, map(self._part, content)))
                return f"[{part.name or 'the tool'} answered] {text}"
            case Thinking():
                self._notes.drop("thinking", "predictions do not accept thinking")
            case Audio():
                self._notes.drop("audio", "conversations contain text and images only")
            case File():
                return self._file(part)
            case Opaque(dialect=dialect):
                reason = "prompts are text" if dialect == NAME else f"only the {dialect} dialect supports it"
                self._notes.drop("opaque part", reason)
            case Citation():
                self._notes.drop("citations", "prompts have no citations")
        return ""

    def _note_fields(self, part: AnyPart) -> None:
        """Note fields of a part that text cannot express."""
        if part.cache is not None:
            self._notes.drop("cache", "the API has no control of prompt caches")
        if isinstance(part, Text) and part.citations:
            self._notes.drop("citations", "prompts have no citations")
        if isinstance(part, Image) and part.detail not in (None, "auto"):
            self._notes.drop("image detail", "the API has no field for it")

    def _image(self, part: Image) -> None:
        image = fit(part, IMAGE_TYPES, self._notes)
        if image is not None and image.url is not None and not is_web_url(image.url):
            self._notes.drop("image url", "only http and https URLs are accepted")
        elif image is not None:
            self.images.append(image)

    def _file(self, file: File) -> str:
        if isinstance(other := recast(file), Image):
            self._notes.emulate("file", "it is sent as image, which its type is")
            return self._part(other)
        text = text_of(file)
        if text is None:
            self._notes.drop("file", "conversations contain text and images only")
        else:
            self._notes.emulate("file", "its text was added to the message")
        return text or ""
