"""The log of disk calls, and the folders that a power cut could have left of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

SECTOR = 512
"""Bytes that a disk writes as a whole."""


class Call(NamedTuple):
    """One recorded call."""

    kind: str
    """`w` write, `t` truncate, `s` sync, `u` unlink, `m` mark."""
    path: str
    offset: int
    data: bytes


def calls_of(log: Path) -> list[Call]:
    """Read a log."""
    return list(_read(log.read_bytes()))


def _read(data: bytes) -> Iterator[Call]:
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<cH", data, at)
        path = data[at + 3 : at + 3 + length].decode()
        offset, size = struct.unpack_from("<qq", data, at + 3 + length)
        at += 19 + length
        yield Call(kind.decode(), path, offset, data[at : at + size])
        at += size


def cut(calls: list[Call], chance: Random | None) -> dict[str, bytes]:
    """Return the files as a power cut after these calls may leave them.

    What was synced is there. Of what came after the last sync of a file nothing is left or, with `chance`, any of
    its writes, in whole sectors, in whatever order the disk took them. That a file exists is taken to be kept.
    """
    files: dict[str, bytearray] = {}
    pending: dict[str, list[Call]] = {}
    for call in calls:
        if call.kind == "s":
            _apply(files, pending.pop(call.path, []))
            files.setdefault(call.path, bytearray())
        elif call.kind == "u":
            files.pop(call.path, None)
            pending.pop(call.path, None)
        elif call.kind in "wt":
            pending.setdefault(call.path, []).append(call)
    for path, waiting in pending.items():
        files.setdefault(path, bytearray())
        if chance is not None:
            _apply(files, [part for call in waiting for part in _torn(call) if chance.random() < 0.5])
    return {path: bytes(data) for path, data in files.items() if not path.endswith("-shm")}


def _torn(call: Call) -> Iterator[Call]:
    if call.kind == "t":
        yield call
        return
    for at in range(0, len(call.data), SECTOR):
        yield Call("w", call.path, call.offset + at, call.data[at : at + SECTOR])


def _apply(files: dict[str, bytearray], calls: list[Call]) -> None:
    for call in calls:
        data = files.setdefault(call.path, bytearray())
        end = call.offset + len(call.data)
        if call.kind == "t":
            data[call.offset :] = bytes(max(0, call.offset - len(data)))
            continue
        if len(data) < end:
            data.extend(bytes(end - len(data)))
        data[call.offset : end] = call.data
