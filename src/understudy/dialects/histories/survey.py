"""One look at a conversation, which decides what steps it needs: an ordinary one passes without any."""

from __future__ import annotations

from understudy.dialects.base import Dialect, Endpoint
from understudy.dialects.histories.arguments import is_object
from understudy.dialects.histories.foreign import is_foreign
from understudy.dialects.histories.texts import is_void
from understudy.domain.content import AnyPart, Opaque, Provenance, Refusal, Text, Thinking, ToolCall, ToolResult
from understudy.domain.messages import Message, Role


class Survey:
    """What the messages hold that a step may have to change.

    Every message of every call is looked at, so types are compared directly: `isinstance` and `match` cost several
    times as much where a part is of another type.
    """

    __slots__ = (
        "_dialect",
        "_endpoint",
        "_rules",
        "calls",
        "foreign",
        "marks",
        "names",
        "odd",
        "parts_in_results",
        "void",
    )

    def __init__(self, messages: tuple[Message, ...], dialect: Dialect, endpoint: Endpoint) -> None:
        self._dialect, self._endpoint, self._rules = dialect.name, endpoint, dialect.history
        self.calls = False
        """Calls, results, or messages of tools."""
        self.names: set[str] = set()
        """The names in calls and results."""
        self.foreign = False
        """Parts by another provider or server of this dialect."""
        self.void = False
        """Text that the wire format refuses because it holds nothing."""
        self.odd = False
        """Arguments that are not an object, where they must be."""
        self.marks = False
        """Cache marks."""
        self.parts_in_results = False
        """Results that consist of parts. The steps look into them."""
        seen: Provenance | None = None
        demanding = not dialect.history.empty_text
        for message in messages:
            content = message.content
            if isinstance(content, str):
                if demanding and is_void(content, self._rules):
                    self.void = True
                if message.role is Role.TOOL:
                    self.calls = True
                continue
            if not content:
                self.void = True
            for part in content:
                origin = self._see(part)
                # All parts of an answer have the same origin.
                if origin is not None and origin is not seen:
                    seen = origin
                    self.foreign = self.foreign or is_foreign(origin, self._dialect, endpoint)

    def _see(self, part: AnyPart) -> Provenance | None:
        """Note what is in a part, and return its origin."""
        if part.cache is not None:
            self.marks = True
        if type(part) is ToolCall:
            self.calls = True
            self.names.add(part.name)
            if self._rules.object_arguments and not self.odd and not is_object(part.arguments):
                self.odd = True
            return part.provenance
        if type(part) is ToolResult:
            self._see_result(part)
            return None
        if type(part) is Text or type(part) is Refusal:
            if is_void(part.text, self._rules):
                self.void = True
            return part.provenance
        return part.provenance if type(part) is Thinking or type(part) is Opaque else None

    def _see_result(self, result: ToolResult) -> None:
        self.calls = True
        if result.name is not None:
            self.names.add(result.name)
        if not isinstance(result.content, str):
            self.void = self.marks = self.parts_in_results = True
        elif is_void(result.content, self._rules):
            self.void = True
