"""Entries of the ledger for other programs: JSON lines, CSV and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import msgspec

from understudy.domain.errors import Misuse
from understudy.ledger.entries import LedgerEntry
from understudy.ledger.rows import TOKENS

_START = ("request_id", "attempt_id", "number", "started", "provider", "provider_type", "model", "operation")
_PLACE = ("streamed", "batch", "route", "task", "session")
_END = ("duration", "first_event", "answered_model", "service_tier")
COLUMNS = (
    *(*_START, "state", *_PLACE, "labels", *_END, "failure", *TOKENS, "tools"),
    *("cost_nano_usd", "cost_basis", "price_source", "price_date"),
)
"""The columns of CSV and Parquet."""


def write_json_lines(entries: Iterable[LedgerEntry], stream: TextIO) -> None:
    """Write one entry a line, as `understudy log show --json` has them."""
    for entry in entries:
        stream.write(msgspec.json.encode(entry).decode() + "\n")


def write_csv(entries: Iterable[LedgerEntry], stream: TextIO) -> None:
    """Write one entry a line, with a header. What a spreadsheet would compute is quoted."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows(entries):
        writer.writerow([cell(row[name]) for name in COLUMNS])


def write_parquet(entries: Iterable[LedgerEntry], path: Path) -> None:
    """Write a Parquet file, bit by bit. Its columns have the same types whatever is in them.

    Raise `Misuse` if pyarrow is not installed, or the file cannot be written.
    """
    try:
        import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]
        from pyarrow import parquet  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise Misuse("Parquet needs pyarrow: pip install 'understudy[parquet]'") from error
    schema: Any = pyarrow.schema([(name, getattr(pyarrow, _TYPES.get(name, "string"))()) for name in COLUMNS])
    pending = rows(entries)
    try:
        with parquet.ParquetWriter(path, schema) as writer:
            while batch := list(islice(pending, _GROUP)):
                writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
    except OSError as error:
        raise Misuse(f"{path} cannot be written: {error.strerror or error}") from error


_GROUP = 50_000
"""Rows that are held in memory and written at once."""
_TYPES = {
    **dict.fromkeys(("number", "batch", *TOKENS, "cost_nano_usd"), "int64"),
    **dict.fromkeys(("started", "duration", "first_event"), "float64"),
    "streamed": "bool_",
}
"""Types of Parquet's columns; the others are strings."""


def rows(entries: Iterable[LedgerEntry]) -> Iterator[dict[str, Any]]:
    """Yield each entry as a flat row; what is unknown is `None`."""
    for entry in entries:
        start, record = entry.start, entry.record
        row: dict[str, Any] = dict.fromkeys(COLUMNS)
        row |= {name: getattr(start, name) for name in (*_START, *_PLACE)}
        row |= {"operation": start.operation.value, "state": entry.state.value}
        row["labels"] = msgspec.json.encode(start.labels).decode() if start.labels else None
        if record is not None:
            row |= {name: getattr(record, name) for name in _END}
            row |= {name: getattr(record.usage, name) for name in TOKENS}
            row["tools"] = msgspec.json.encode(record.usage.tools).decode() if record.usage.tools else None
            row |= {
                "failure": record.failure.kind.value if record.failure else None,
                "cost_basis": record.cost_basis.value,
            }
            if (cost := record.cost) is not None:
                row |= {"cost_nano_usd": cost.amount.nano_usd, "price_source": cost.source, "price_date": cost.as_of}
        yield row


_COMPUTED = ("=", "+", "-", "@", "\t", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""
_SHOWN: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **{code: f"<U+{code:04X}>" for code in range(0x80, 0xA0)},
    **{code: f"<U+{code:04X}>" for code in (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))},
}
"""Control characters as what can be seen, such as ␛, and CR with them, which `csv` does not quote and which ends a row;
and those that have text run from right to left."""


def cell(value: object) -> object:
    """Return a cell of a spreadsheet. What it would compute is quoted and control characters are shown, because callers
    choose names."""
    if not isinstance(value, str):
        return value
    shown = value.translate(_SHOWN)
    return f"'{shown}" if shown[:1] in _COMPUTED else shown
