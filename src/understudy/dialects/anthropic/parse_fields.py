"""The fields of a request body, read one by one."""

from __future__ import annotations

from typing import Any

from understudy.dialects.anthropic.errors import bad_request
from understudy.domain.content import JsonObject

_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "list", dict: "dictionary"}


class Fields:
    """The top-level fields that no one has read yet."""

    def __init__(self, body: JsonObject) -> None:
        self.left = {name: value for name, value in body.items() if value is not None}

    def take(self, name: str, *kinds: type) -> Any:
        """Take a field out; `None` when it is missing. Raises `BadRequest` when it is of another kind."""
        value = self.left.pop(name, None)
        if value is None or (isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))):
            return value
        raise bad_request(f"{name}: Input should be a valid {_KINDS[kinds[0]]}")
