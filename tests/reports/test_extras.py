"""Files that need a library of an extra: Parquet and plots. Skipped where it is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import CostBasis, Outcome
from understudy.domain.errors import Misuse
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import Cost, Money
from understudy.domain.usage import Usage
from understudy.ledger.entries import EntryState, LedgerEntry
from understudy.reports import export
from understudy.reports.plots import write_usage_png
from understudy.reports.usage import UsageResult

PNG = b"\x89PNG\r\n\x1a\n"


def entries() -> list[LedgerEntry]:
    """Return an attempt that succeeded, one that failed, and one under way."""
    won = ended(
        start(1, started=NOON, session="s1", labels={"team": "a"}, streamed=True),
        first_event=0.25,
        usage=Usage(input=2**53, output=7, reasoning=1),
        cost=Cost(amount=Money(2**53), source="genai-prices", as_of="2026-11-01"),
    )
    failure = Failure(kind=FailureKind.RATE_LIMITED, message="slow down")
    lost = ended(
        start(2, started=NOON + 1),
        Outcome.FAILED,
        failure=failure,
        cost=None,
        cost_basis=CostBasis.REFUSED,
        usage=Usage(),
    )
    return [
        LedgerEntry(state=EntryState.SUCCEEDED, start=won, record=won),
        LedgerEntry(state=EntryState.FAILED, start=lost, record=lost),
        LedgerEntry(state=EntryState.STARTED, start=start(3, started=NOON + 2)),
    ]


def test_parquet_holds_what_csv_holds_in_types_that_do_not_change(tmp_path: Path, monkeypatch: Any) -> None:
    parquet = pytest.importorskip(
        "pyarrow.parquet", reason="pyarrow is not installed: pip install 'understudy[parquet]'"
    )
    monkeypatch.setattr(export, "_GROUP", 2)
    whole, empty = tmp_path / "whole.parquet", tmp_path / "empty.parquet"
    export.write_parquet(entries(), whole)
    export.write_parquet([], empty)
    table = parquet.read_table(whole)
    assert tuple(table.column_names) == export.COLUMNS
    assert table.to_pylist() == list(export.rows(entries()))
    assert parquet.ParquetFile(whole).num_row_groups == 2, "not all of it is in memory at once"
    assert parquet.read_table(empty).schema.equals(table.schema)
    types = {name: str(table.schema.field(name).type) for name in export.COLUMNS}
    assert "null" not in types.values()
    wanted = {
        "cost_nano_usd": "int64",
        "audio_input": "int64",
        "started": "double",
        "streamed": "bool",
        "route": "string",
    }
    assert wanted.items() <= types.items()
    first = table.to_pylist()[0]
    assert (first["input"], first["cost_nano_usd"]) == (2**53, 2**53)
    with pytest.raises(Misuse, match="cannot be written"):
        export.write_parquet(entries(), tmp_path / "no folder" / "x.parquet")


def results(count: int, cost: str = "0.5", name: str = "model {}") -> list[UsageResult]:
    fields: dict[str, Any] = {name: 0 for name in UsageResult.__struct_fields__ if name not in ("value", "cost_usd")}
    return [
        UsageResult(
            **{**fields, "value": name.format(number), "cost_usd": cost, "input_tokens": 10, "output_tokens": 3}
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("by", "shown"),
    [
        ("day", results(40, name="2026-11-{:02}")),
        ("model", results(3)),
        ("model", results(3, cost="0")),
        ("tag", results(2, name="price=$\\frac{{{}}}$ \x1b[31m\n" + "x" * 300)),
        ("key", []),
    ],
    ids=["days", "money", "no money", "odd names", "nothing"],
)
def test_a_plot_is_drawn_whatever_is_in_it(tmp_path: Path, by: str, shown: list[UsageResult]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'understudy[plots]'")
    path = tmp_path / "usage.png"
    write_usage_png(path, by, shown)
    data = path.read_bytes()
    assert data.startswith(PNG)
    width, height = (int.from_bytes(data[at : at + 4]) for at in (16, 20))
    assert 300 < width < 2_000
    assert 300 < height < 1_000
    with pytest.raises(Misuse, match="cannot be written"):
        write_usage_png(tmp_path / "no folder" / "x.png", by, shown)


@pytest.mark.parametrize("module", ["pyarrow", "matplotlib"])
def test_a_missing_library_is_named_with_its_extra(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    monkeypatch.setitem(__import__("sys").modules, f"{module}.figure", None)
    with pytest.raises(Misuse, match=f"needs {module}: pip install 'understudy"):
        if module == "pyarrow":
            export.write_parquet([], tmp_path / "x")
        else:
            write_usage_png(tmp_path / "x", "day", [])
