"""Tools in OpenAI's form. The same tools are sent with each step of an agent, so their bytes are remembered."""

from __future__ import annotations

from operator import attrgetter

import msgspec

from understudy.dialects.base import WarningLog
from understudy.dialects.openai.wire import NAME
from understudy.dialects.quirks import Quirks
from understudy.dialects.tool_schemas import encode_tool_schema
from understudy.domain.bounded import BoundedDict
from understudy.domain.content import Json, JsonObject
from understudy.domain.messages import AnyTool, CheckedTools, OpaqueTool, are_functions
from understudy.wire.json import encode

_LONGEST = 128 << 10
"""Bytes of tools that are remembered: with the number of them, this bounds the memory."""
REMEMBERED: BoundedDict[bytes, msgspec.Raw] = BoundedDict(16)
"""How tools are sent, by the tools as JSON: by what they hold, because a caller may change a schema in place."""
_special = attrgetter("cache", "strict", "extra")
_NOTHING_SPECIAL = (None, None, None)


def encode_tools(tools: tuple[AnyTool, ...], quirks: Quirks, notes: WarningLog) -> list[Json]:
    """Encode tools, with a warning for what they cannot have."""
    return [_tool(tool, quirks, notes) for tool in tools]


def encode_plain_tools(tools: tuple[AnyTool, ...], quirks: Quirks, notes: WarningLog) -> list[Json] | msgspec.Raw:
    """Encode tools that no quirk concerns: into bytes, if they are functions that nothing special is asked of."""
    if type(tools) is CheckedTools and (known := REMEMBERED.get(tools.written)) is not None:
        return known
    if not are_functions(tools) or list(map(_special, tools)).count(_NOTHING_SPECIAL) < len(tools):
        return encode_tools(tools, quirks, notes)
    key = encode(tools)  # a schema may have been changed since it was checked
    sent = REMEMBERED.get(key)
    if sent is None:
        sent = msgspec.Raw(encode(encode_tools(tools, quirks, notes)))
        if len(key) <= _LONGEST:
            REMEMBERED[key] = sent
    return sent


def _tool(tool: AnyTool, quirks: Quirks, notes: WarningLog) -> Json:
    if isinstance(tool, OpaqueTool):
        return tool.json
    if tool.cache is not None:
        notes.drop("cache", "tools are cached automatically here, without cache marks")
    extra = (tool.extra or {}).get(NAME, {})
    function: JsonObject = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    parameters, strict = encode_tool_schema(tool, quirks, notes)
    function |= {key: value for key, value in (("parameters", parameters), ("strict", strict)) if value is not None}
    return {"type": "function"} | extra | {"function": function | extra.get("function", {})}
