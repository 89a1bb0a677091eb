"""A failed tool is reported to the model at every provider: by a flag of the wire format, else in the text."""

from __future__ import annotations

import json
from typing import Any

import pytest

import understudy as u
from tests.sending.targets import FAMILIES, Family, Sender

PICTURE = u.Image(data="iVBORw0KGgo=", media_type="image/png")


def sent(family: Family, content: Any) -> tuple[str, tuple[u.Warning, ...]]:
    sender = Sender(family)
    call = u.ToolCall(id="call_1", name="look", arguments="{}")
    messages = (
        u.Message.user("Look."),
        u.Message.assistant((call,)),
        u.Message.tool(u.ToolResult(call_id="call_1", name="look", content=content, is_error=True)),
    )
    tool = u.Tool(name="look", parameters={"type": "object", "properties": {}})
    request = u.GenerationRequest(messages=messages, tools=(tool,))
    try:
        answer = sender.loop.run_until_complete(sender.llm.generate(request))
        (last, _) = sender.wire.sent[-1]
        return json.dumps(json.loads(last.body or b"{}")), answer.warnings
    finally:
        sender.close()


@pytest.mark.parametrize("family", [each for each in FAMILIES if each.provider != "replicate"], ids=str)
def test_a_failed_tool_is_reported_without_a_warning(family: Family) -> None:
    body, warnings = sent(family, "no such city")
    assert "Error: no such city" in body or '"is_error": true' in body or '"error": "no such city"' in body
    assert not [each for each in warnings if "is_error" in each.what]


def test_what_reports_an_error_already_stays_as_it_is() -> None:
    family = next(each for each in FAMILIES if each.provider == "openai")
    assert '"error 5: no such city"' in sent(family, "error 5: no such city")[0]
    assert '"Error: the tool failed."' in sent(family, "")[0]
    assert '"Error: (See the attachment' in sent(family, (PICTURE,))[0]
    assert "Error: look here" in sent(family, (u.Text("look here"), PICTURE))[0]
