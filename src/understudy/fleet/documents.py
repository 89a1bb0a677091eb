"""How snapshots, orders and minutes are written in a file or database: MessagePack, which newer and older versions of
the structs can read as far as they know its fields."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from understudy.fleet.orders import Order
from understudy.fleet.store import History
from understudy.telemetry.snapshot import Snapshot

T = TypeVar("T")
encode = msgspec.msgpack.Encoder().encode
_snapshots = msgspec.msgpack.Decoder(Snapshot)
_orders = msgspec.msgpack.Decoder(Order)
_histories = msgspec.msgpack.Decoder(History)


def snapshot_in(document: bytes) -> Snapshot | None:
    """Return a snapshot; `None` if another version wrote it in a form that this one cannot read."""
    return _read(_snapshots, document)


def order_in(document: bytes) -> Order | None:
    """Return an order, as for `snapshot_in`."""
    return _read(_orders, document)


def history_in(document: bytes) -> History:
    """Return what happened in a minute; nothing, as for `snapshot_in`."""
    return _read(_histories, document) or History()


def _read(decoder: msgspec.msgpack.Decoder[T], document: bytes) -> T | None:
    try:
        return decoder.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
