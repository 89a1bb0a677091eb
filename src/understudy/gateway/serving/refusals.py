"""What is answered to requests that never reach the application: small JSON bodies, then the connection is closed."""

from __future__ import annotations

import msgspec

from understudy.gateway.serving.heads import status_line


class Refusal(msgspec.Struct, frozen=True):
    """Why a request is refused before anything looks at its path."""

    status: int
    code: str
    message: str

    def body(self) -> bytes:
        """Return the JSON body."""
        error = {"type": "invalid_request_error", "code": self.code, "message": self.message}
        if self.status >= 500:
            error["type"] = "server_error"
        return msgspec.json.encode({"error": error})

    def reply(self, date: bytes = b"") -> bytes:
        """Return the whole response, which announces that the connection is closed. `date`: its line of the header."""
        body = self.body()
        again = b"retry-after: 1\r\n" if self.status == 503 else b""
        kind = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n" % len(body)
        return b"%b%b%b%b\r\n%b" % (status_line(self.status), date, again, kind, body)


MALFORMED = Refusal(400, "malformed_request", "the request is not valid HTTP/1.1")
HOST = Refusal(400, "invalid_host", "the request must have exactly one valid Host header")
TARGET = Refusal(400, "invalid_target", "the request target must be a path on this host, without a fragment")
FRAMING = Refusal(400, "invalid_framing", "Transfer-Encoding must be `chunked` alone, in HTTP/1.1")
LENGTH = Refusal(400, "invalid_content_length", "Content-Length must be one decimal number")
OVERHEAD = Refusal(400, "invalid_framing", "the chunks of the body consist almost only of framing")
METHOD = Refusal(405, "method_not_supported", "this server supports neither CONNECT nor TRACE")
SLOW_HEAD = Refusal(408, "request_timeout", "the header of the request took too long to arrive")
SLOW_BODY = Refusal(408, "request_timeout", "the body of the request arrived too slowly")
LONG_TARGET = Refusal(414, "uri_too_long", "the request target is too long")
EXPECTATION = Refusal(417, "expectation_failed", "the only supported Expect is 100-continue")
LARGE_HEAD = Refusal(431, "header_too_large", "the header of the request has too many or too large fields")
FULL = Refusal(503, "too_many_connections", "the server has too many open connections; try again shortly")
CRASHED = Refusal(500, "internal_error", "the gateway failed to answer; its log states why")
VERSION = Refusal(505, "http_version_not_supported", "use HTTP/1.1; behind nginx, configure `proxy_http_version 1.1`")
