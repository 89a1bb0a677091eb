"""The private names of aiohttp that `understudy.transport.connections` extends: if one changes, this fails first.

What they do is tested over sockets beside this file; here is only that a new version still has them.
"""

from __future__ import annotations

import asyncio
import inspect
import tomllib
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter
from aiohttp.http_parser import HttpResponseParser
from yarl import URL

PROJECT = Path(__file__).parents[2] / "pyproject.toml"

RESPONSE = [
    *("self", "method", "url", "writer", "continue100", "timer"),
    *("request_info", "traces", "loop", "session", "stream_writer"),
]


def test_the_range_of_versions_is_closed() -> None:
    names = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    wanted = next(name for name in names if name.startswith("aiohttp"))
    assert wanted == "aiohttp>=3.14.5,<3.15"
    assert aiohttp.__version__.startswith("3.14.")


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (aiohttp.ClientRequest.send, ["self", "conn"]),
        (aiohttp.ClientRequest.write_bytes, ["self", "writer", "conn", "content_length"]),
        (getattr(aiohttp.TCPConnector, "_create_connection"), ["self", "req", "traces", "timeout"]),  # noqa: B009
        (getattr(aiohttp.BaseConnector, "_wait_for_available_connection"), ["self", "key", "traces"]),  # noqa: B009
        (getattr(aiohttp.BaseConnector, "_release"), ["self", "key", "protocol", "should_close"]),  # noqa: B009
        (aiohttp.ClientResponse.__init__, RESPONSE),
        (StreamWriter.__init__, ["self", "protocol", "loop", "on_chunk_sent", "on_headers_sent"]),
        (StreamWriter.write_headers, ["self", "status_line", "headers"]),
        (StreamWriter.write_eof, ["self", "chunk"]),
        (ResponseHandler.set_exception, ["self", "exc", "exc_cause"]),
        (ResponseHandler.start_timeout, ["self"]),
        (ResponseHandler.close, ["self"]),
        (ResponseHandler.abort, ["self"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_functions_have_their_parameters(function: Any, parameters: list[str]) -> None:
    assert list(inspect.signature(function).parameters) == parameters


async def test_objects_have_their_attributes() -> None:
    loop = asyncio.get_running_loop()
    handler = ResponseHandler(loop)
    for name in ("_parser", "_payload", "_buffer", "_tail", "_exception", "should_close"):
        assert hasattr(handler, name), name
    handler.set_response_params()
    assert isinstance(vars_of(handler, "_parser"), HttpResponseParser)
    connector = aiohttp.TCPConnector()
    session = aiohttp.ClientSession(connector=connector)
    assert vars_of(session, "_retry_connection") is True
    assert callable(vars_of(connector, "_factory"))
    assert len(vars_of(connector, "_conns")) == 0
    request = aiohttp.ClientRequest("POST", URL("http://127.0.0.1/"), data=b"x", loop=asyncio.get_running_loop())
    for name in ("_body", "_continue", "chunked", "proxy", "_timer", "_session", "response_class"):
        assert hasattr(request, name), name
    assert vars_of(request, "_body").size == 1
    await session.close()


async def test_the_parser_tells_of_a_message_that_has_begun() -> None:
    handler = ResponseHandler(asyncio.get_running_loop())
    handler.set_response_params()
    parser = vars_of(handler, "_parser")
    messages, upgraded, tail = parser.feed_data(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert (len(messages), messages[0][0].code, upgraded, tail) == (1, 200, False, b"")
    assert messages[0][0].raw_headers == ((b"content-length", b"0"),)
    assert parser.feed_eof() is None
    parser.feed_data(b"HTTP/1.1 2")
    assert parser.feed_eof() is not None


def vars_of(owner: object, name: str) -> Any:
    return getattr(owner, name)
