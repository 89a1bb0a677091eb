"""A server of raw sockets in a process of its own: it prints its port, and sends the bomb that the address names."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import threading
from urllib.parse import unquote

from tests.hostile.bombs.table import BOMBS, JSON, Bomb
from tests.hostile.bombs.wires import WIRES

SCHEMA = b'{"owner":"owner","name":"name","latest_version":{"id":"v","openapi_schema":{"components":{"schemas":{"Input":{"properties":{"prompt":{"type":"string"}}}}}}}}'  # noqa: E501
_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)


def serve(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        while length and len(body) < int(length[1]):
            body += connection.recv(65536)
        path = head.split(b" ")[1].decode()
        name, wire = unquote(path.split("/")[1]), path.split("/")[2]
        if wire == "replicate" and (reply := prediction(path, BOMBS[name])):
            write(connection, "200 OK", JSON, (), [reply], chunked=False)
            return
        bomb = BOMBS[name]
        kind = bomb.kind or (WIRES[wire].kind if bomb.mode == "stream" and bomb.status == 200 else JSON)
        write(connection, f"{bomb.status} X", kind, bomb.headers, bomb.send(wire), chunked=bomb.chunked)


def prediction(path: str, bomb: Bomb) -> bytes | None:
    """The steps of a prediction before the one that matters."""
    if "/models/" in path:
        return SCHEMA
    if path.endswith("/predictions") and bomb.mode == "stream":
        where = "/".join(path.split("/")[:3])
        return b'{"id":"p","status":"starting","urls":{"stream":"%b/flow"}}' % where.encode()
    return b"{}" if path.endswith("/cancel") else None


def write(connection: socket.socket, status: str, kind: str, headers, pieces, *, chunked: bool) -> None:  # type: ignore[no-untyped-def]
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", "connection: close", *headers]
    if chunked:
        lines.append("transfer-encoding: chunked")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    if not chunked:
        for piece in pieces:
            connection.sendall(piece)
        return
    buffer = b""
    for piece in pieces:
        buffer += b"%x\r\n%b\r\n" % (len(piece), piece)
        if len(buffer) > 65536:
            connection.sendall(buffer)
            buffer = b""
    connection.sendall(buffer + b"0\r\n\r\n")


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    sys.stdin.read()  # Until the one who started it closes it, or dies.


def accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
