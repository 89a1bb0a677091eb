"""What a target needs otherwise is changed in the bytes of a body, and nothing around it. Every result is written by
hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.driving import open_only
from tests.contract.native import GEMINI
from tests.contract.targets import server_of
from understudy import dialects
from understudy.dialects.base import Endpoint
from understudy.dialects.quirks import Quirks
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpRequest

PATHS = {
    "openai": "/chat/completions",
    "responses": "/responses",
    "anthropic": "/v1/messages",
    "gemini": f"{GEMINI}:generateContent",
    "cohere": "/v2/chat",
    "ollama": "/api/chat",
}


def sent(
    dialect: str, body: bytes, quirks: Quirks | None = None, *, configured: dict[str, Any] | None = None, **place: Any
) -> bytes:
    inbound = server_of(dialect).parse(HttpRequest("POST", PATHS[dialect], (), body))
    assert isinstance(inbound.request, GenerationRequest)
    request = inbound.request.with_defaults(**(configured or {}))
    endpoint = Endpoint(provider="p", base_url="http://p.invalid", quirks=quirks or Quirks(), **{"model": "m", **place})
    return (
        open_only(dialects.load(dialect).open(Operation.CHAT, request, endpoint, stream=inbound.stream)).request.body
        or b""
    )


def test_roles_of_messages() -> None:
    body = (
        b'{"model":"m", "messages" : [ {"role" : "system","content":"a\\u0041", "n": 1.0},\n'
        b'{"role":"user","content":"b"} ]}'
    )
    assert sent("openai", body, Quirks(system_role="developer")) == body.replace(b'"system"', b'"developer"')
    assert sent("openai", body, Quirks(system_role="system")) is body


def test_names_and_marks_of_messages() -> None:
    body = (
        b'{"model":"m","messages":[{"role":"user", "name":"x" , "content":[{"type":"text", "text":"\\u0041",'
        b' "prompt_cache_breakpoint":{} , "zz":1.0}]}], "zz":{"name":1E2}}'
    )
    quirks = Quirks(message_names=False, refused=frozenset({"cache"}))
    assert sent("openai", body, quirks) == (
        b'{"model":"m","messages":[{"role":"user" , "content":[{"type":"text", "text":"\\u0041" , "zz":1.0}]}],'
        b' "zz":{"name":1E2}}'
    )


def test_fields_of_chat_completions() -> None:
    body = (
        b'{ "max_tokens":100, "temperature":0.50 , "model":"alias","messages":[{"role":"user","content":"a"}], '
        b'"stop" : "x"}'
    )
    quirks = Quirks(other_max_tokens=False, refused=frozenset({"temperature"}), stop_as_list=True)
    assert sent("openai", body, quirks) == (
        b'{ "model":"m","messages":[{"role":"user","content":"a"}], "stop" : ["x"],"max_completion_tokens":100}'
    )


def test_defaults_of_the_entry_and_of_the_configuration() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"a"}], "top_p":null ,"zz":1.0 }'
    assert sent("openai", body, configured={"temperature": 0.5}, options={"top_p": 1, "seed": 7}) == (
        b'{"model":"m","messages":[{"role":"user","content":"a"}], "top_p":1 ,"zz":1.0,"temperature":0.5,"seed":7 }'
    )
    cohere = b'{"model":"m","messages":[{"role":"user","content":"a"}], "zz":1.0}'
    assert sent("cohere", cohere, configured={"max_tokens": 5}) == cohere[:-1] + b',"max_tokens":5}'
    ollama = (
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"stream":false, "options":{ "top_k" : 2.0}, "zz":1.0}'
    )
    assert sent("ollama", ollama, options={"num_ctx": 9}) == ollama.replace(b"2.0}", b'2.0,"num_ctx":9}')


def test_the_prompt_of_the_responses_api() -> None:
    body = (
        b'{"model":"m","input":[ {"role":"user","content":[{"type":"input_text","text":"\\u0041" ,'
        b'"prompt_cache_breakpoint":{"a":1}}], "zz":1.0} ],"reasoning":{"effort" : "max","zz":1.0}}'
    )
    assert sent("responses", body, Quirks(efforts=frozenset({"high"}))) == (
        b'{"model":"m","input":[ {"role":"user","content":[{"type":"input_text","text":"\\u0041"}], "zz":1.0} ],'
        b'"reasoning":{"effort" : "high","zz":1.0}}'
    )


def test_another_model_of_anthropic() -> None:
    body = (
        b'{"model":"alias","max_tokens":64,"temperature" : 0.5, "messages":[{"role":"user","content":"\\u0041"}],'
        b'"thinking":{ "type":"adaptive" , "zz":1.0}, "output_config" : {"effort":"max", "zz":1.0}}'
    )
    quirks = Quirks(refused=frozenset({"temperature"}), efforts=frozenset({"low", "high"}))
    assert sent("anthropic", body, quirks) == (
        b'{"model":"m","max_tokens":64, "messages":[{"role":"user","content":"\\u0041"}],'
        b'"thinking":{ "type":"adaptive" , "zz":1.0}, "output_config" : {"effort":"high", "zz":1.0}}'
    )


@pytest.mark.parametrize("name", ["generationConfig", "generation_config"])
def test_settings_of_gemini(name: str) -> None:
    body = (
        b'{"contents":[{"parts":[{"text":"\\u0041"}]}], "%b" : {"temperature": 1.0, "maxOutputTokens" : 9000}, '
        b'"zz":1.0}' % name.encode()
    )
    assert sent("gemini", body, Quirks(max_output_tokens=100)) == body.replace(b"9000", b"100")


def test_signatures_of_gemini() -> None:
    body = (
        b'{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[ {"functionCall":{"name":"f",'
        b'"args":{"x":1.0}} } ]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"y":1E2}}}]}]}'
    )
    signed = b'"args":{"x":1.0}},"thoughtSignature":"c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=" } ]}'
    assert sent("gemini", body, Quirks(thought_signatures=True)) == body.replace(b'"args":{"x":1.0}} } ]}', signed)
    assert sent("gemini", body) is body


def test_a_model_in_a_body_of_gemini_agrees_with_the_url() -> None:
    body = b'{"contents":[{"parts":[{"text":"a"}]}], "model" : "models/other"}'
    assert sent("gemini", body) == body.replace(b"other", b"m")
    assert sent("gemini", body.replace(b"models/other", b"m")) == body.replace(b"models/other", b"m")


def test_streaming_is_switched_off_in_place() -> None:
    for dialect, switched in (
        ("openai", b"false"),
        ("anthropic", b"false"),
        ("cohere", b"false"),
        ("ollama", b"false"),
    ):
        body = b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a"}], "stream" : true , "zz":1.0}'
        inbound = server_of(dialect).parse(HttpRequest("POST", PATHS[dialect], (), body))
        endpoint = Endpoint(provider="p", base_url="http://p.invalid", model="m")
        opened = dialects.load(dialect).open(Operation.CHAT, inbound.request, endpoint)
        assert open_only(opened).request.body == body.replace(b"true", switched)
