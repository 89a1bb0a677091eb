"""The comparison of counted work with what is committed: it fails for a change of the code, and not for a machine."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from benchmarks import callgrind, counts, works

HERE = {"python": "3.11.7 (main) [GCC 12.2.0]", "libc": "glibc 2.36"}
FOUND = {
    "opcodes": {"a warm call": 6_000.0, "a row of the ledger": 1_600.0},
    "instructions": {"a warm call": 500_000.0, "a row of the ledger": 430_000.0},
    "allocations": {"a warm call": 300.0, "a row of the ledger": 260.0},
}
CALLS = {
    "opcodes": "6,240 bytecode instructions",
    "instructions": "520,000 instructions",
    "allocations": "312 allocations",
}


def committed(here: dict[str, str] | None = None) -> dict[str, Any]:
    """What is committed when these counts are written."""
    return tomllib.loads(counts.text_of(FOUND, {}, here or HERE))


def scaled(measure: str, factor: float) -> dict[str, Any]:
    return FOUND | {measure: FOUND[measure] | {"a warm call": FOUND[measure]["a warm call"] * factor}}


def test_what_is_as_committed_holds() -> None:
    assert counts.compared(FOUND, committed(), HERE) == ("", True)


@pytest.mark.parametrize("factor", [1.029, 0.971])
@pytest.mark.parametrize("measure", counts.MEASURES)
def test_what_differs_by_less_than_three_per_cent_holds(measure: str, factor: float) -> None:
    assert counts.compared(scaled(measure, factor), committed(), HERE) == ("", True)


@pytest.mark.parametrize("measure", counts.MEASURES)
def test_a_count_that_rose_is_named_with_by_how_much_and_what_to_do(measure: str) -> None:
    said, holds = counts.compared(scaled(measure, 1.04), committed(), HERE)
    assert not holds
    first, *advice = said.splitlines()
    assert first.startswith(f"a warm call: {CALLS[measure]}, 4.0% above the ")
    assert first.endswith(" in counts.toml")
    assert "make count ARGS=--write" in advice[1]
    assert "say why in the message of the commit" in advice[1]


@pytest.mark.parametrize("measure", counts.MEASURES)
def test_a_count_that_fell_must_be_committed(measure: str) -> None:
    said, holds = counts.compared(scaled(measure, 0.96), committed(), HERE)
    assert not holds
    assert "4.0% below the " in said.splitlines()[0]


@pytest.mark.parametrize("changed", HERE)
def test_another_build_compares_bytecode_alone_and_says_why(changed: str) -> None:
    elsewhere = HERE | {changed: "another"}
    more = scaled("instructions", 1.2) | {"allocations": scaled("allocations", 1.2)["allocations"]}
    said, holds = counts.compared(more, committed(), elsewhere)
    assert holds
    assert said == f"instructions and allocations are not compared: {changed} is another, not {HERE[changed]}\n"
    said, holds = counts.compared(more | {"opcodes": scaled("opcodes", 1.04)["opcodes"]}, committed(), elsewhere)
    assert not holds
    assert "6,240 bytecode instructions, 4.0% above" in said


def test_another_version_of_python_has_counts_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    known = committed()
    monkeypatch.setattr(counts, "python", lambda: "3.99")
    alone = {"opcodes": scaled("opcodes", 1.3)["opcodes"]}
    said, holds = counts.compared(alone, known, {})
    assert (said, holds) == ("bytecode instructions are not compared: none are committed for Python 3.99\n", True)
    both = tomllib.loads(counts.text_of(alone, known, {}))
    assert set(both["opcodes"]) == {"3.99", *known["opcodes"]}
    assert both["instructions"] == known["instructions"], "what was not counted stays"
    assert counts.compared(alone, both, {}) == ("", True)


def test_what_is_missing_on_either_side_is_named() -> None:
    known = committed()
    fewer = FOUND | {"opcodes": {"a warm call": 6_000.0, "a new thing": 5.0}}
    said, holds = counts.compared(fewer, known, HERE)
    assert not holds
    assert said.splitlines()[:2] == [
        "a new thing: 5 bytecode instructions, and none are committed",
        "a row of the ledger: bytecode instructions are committed, and it is not counted",
    ]


def test_chunks_are_what_a_longer_stream_takes_more() -> None:
    raw = {"call": 1.0, "stream": 300.0, "longer": 500.0, "proxied": 2.0, "proxied stream": 700.0}
    raw |= {"proxied 40 KB": 5.0, "proxied 1 MB": 6.0}
    found = counts.units(raw | {"proxied longer": 1_000.0, "row": 3.0, "import and a manager": 4.0})
    assert found == {
        "import and a manager": 4.0,
        "a warm call": 1.0,
        "a streamed chunk": 2.0,
        "a proxied request (1 KB)": 2.0,
        "a proxied request (40 KB)": 5.0,
        "a proxied request (1 MB)": 6.0,
        "a proxied chunk": 3.0,
        "a row of the ledger": 3.0,
    }


def test_what_is_committed_can_be_read_and_names_all_that_is_counted() -> None:
    known = tomllib.loads(counts.FILE.read_text())
    names = set(counts.units(dict.fromkeys(("import and a manager", *works.PLANS), 1.0)))
    assert all(set(each) == names for each in known["opcodes"].values())
    assert set(known["instructions"]) == set(known["allocations"]) == names
    assert set(known["conditions"]) >= {"python", "libc", "machine", "valgrind"}


def test_allocations_are_the_calls_of_malloc_between_two_marks() -> None:
    dump = """summary: 5042
fn=list_append
12 3
cob=/lib/libc.so.6
cfi=./malloc/malloc.c
cfn=malloc
calls=17 3292
12 900
cfn=realloc'2
calls=4 3424
12 100
cfn=free
calls=21 3353
12 80
totals: 5042
"""
    assert callgrind.segment_of(dump) == callgrind.Segment(5_042, 21)


def test_bytecode_is_counted_the_same_each_time() -> None:
    pytest.importorskip("uvloop", reason="the gateway is counted on uvloop's loop")
    assert counts.opcodes() == pytest.approx(counts.opcodes(), rel=0.01)
