"""The fields of a request body, read one by one."""

from __future__ import annotations

from typing import Any

from understudy.dialects.anthropic.errors import bad_request
from understudy.domain.content import JsonObject

_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "list", dict: "dictionary"}


class Fields:
    """The fields that have not been read yet."""

    def __init__(self, body: JsonObject) -> None:
        self.left = {name: value for name, value in body.items() if value is not None}

    def take(self, name: str, *kinds: type) -> Any:
        """Remove and return a field; `None` if it is missing. Raise `BadRequest` if it is of another kind."""
        value = self.left.pop(name, None)
        if value is None or (isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))):
            return value
        raise bad_request(f"{name}: Input should be a valid {_KINDS[kinds[0]]}")
