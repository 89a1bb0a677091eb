"""Every row of the tables decides some case, so that a row which is changed, or which can never match, is noticed.

The kinds of all rows are replaced by marks. Then the kind of a case's failure is the mark of the row that decided it:
with any other kind in that row, the case would fail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import msgspec
import pytest

from tests.classification.cases.base import Case
from tests.classification.playing import failure_of
from tests.classification.test_cases import CASES
from tests.classification.test_servers import CELLS, SERVERS, ask
from understudy import providers
from understudy.dialects.classification import VERSION
from understudy.dialects.classification.codes import CODES, TYPES
from understudy.dialects.classification.rows import Row
from understudy.dialects.classification.statuses import STATUSES
from understudy.dialects.classification.words import WORDS

DIALECTS = ("openai", "responses", "anthropic", "gemini", "cohere", "ollama", "replicate")


def all_rows() -> dict[str, Row]:
    """Return every row by a name that says where it stands."""
    tables: dict[str, tuple[Any, ...]] = {"codes": CODES, "words": WORDS, "types": TYPES, "statuses": STATUSES}
    for name in DIALECTS:
        module = import_module(f"understudy.dialects.{name}.errors")
        tables[name] = getattr(module, "PREDICTIONS", module.RULES)
    tables |= {f"provider {name}": providers.row(name).error_rules for name in providers.types()}
    return {f"{table} {index}": row for table, rows in tables.items() for index, row in enumerate(rows)}


ROWS = all_rows()


@pytest.fixture
def marked() -> Iterator[None]:
    """Replace the kind of every row by its name."""
    kinds = {name: row.kind for name, row in ROWS.items()}
    for name, row in ROWS.items():
        msgspec.structs.force_setattr(row, "kind", name)
    yield
    for name, row in ROWS.items():
        msgspec.structs.force_setattr(row, "kind", kinds[name])


def test_every_row_has_a_source_and_a_date_that_the_version_covers() -> None:
    for name, row in ROWS.items():
        assert isinstance(row, Row), name
        assert row.source.page.startswith("https://"), name
        assert "2026-11-01" <= row.source.as_of <= VERSION, name
    assert len(ROWS) >= 250


@pytest.mark.usefixtures("marked")
def test_every_row_decides_a_case() -> None:
    decided = {str(failure_of(case).kind) for case in CASES}
    decided |= {str(kind) for row in (*CELLS, *SERVERS) for kind in ask(row)}
    idle = {name: _shown(row) for name, row in ROWS.items() if name not in decided}
    assert idle == {}


def _shown(row: Row) -> str:
    pattern = row.pattern.pattern if row.pattern else None
    fields: dict[str, object] = {
        "status": row.status or sorted(row.statuses),
        "code": row.code,
        "text": row.text,
        "pattern": pattern,
    }
    fields["header"] = row.header
    return " ".join(f"{name}={value}" for name, value in fields.items() if value)


def test_no_row_stands_twice() -> None:
    seen: dict[Any, str] = {}
    for name, row in ROWS.items():
        table = name.rpartition(" ")[0]
        key = (table, row.status, row.statuses, row.code, row.text, row.pattern, row.header)
        assert key not in seen, f"{name} repeats {seen.get(key)}"
        seen[key] = name


@pytest.mark.parametrize("case", [case for case in CASES if case.unknown], ids=str)
def test_an_unknown_code_is_kept(case: Case) -> None:
    assert failure_of(case).unknown_code == case.unknown


PINNED = ("2026-11-29", "8bb2d464dbf60359")


def test_the_version_is_that_of_these_rows() -> None:
    """A change of any row is a new version: set `VERSION` to the day, and this pair to what the test reports."""
    rows = [
        (name, str(row.kind), _shown(row), row.last, row.source.page, row.source.as_of) for name, row in ROWS.items()
    ]
    found = hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
    assert (VERSION, found) == PINNED
