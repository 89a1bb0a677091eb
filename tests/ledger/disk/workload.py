"""What a program does with a ledger, while it tells which attempts it was promised are kept."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from tests.ledger.made import NOON, ended, start, uuid_of
from understudy.domain.errors import ConfigError
from understudy.ledger.sqlite import writer
from understudy.ledger.sqlite.store import SqliteLedger

ATTEMPTS = 8
TRIES = 6
"""How often the program asks whether what it wrote is kept, if the disk fails."""

Tell = Callable[[str], None]


def perform(path: Path, tell: Tell, attempts: int = ATTEMPTS) -> None:
    """Keep some attempts. Tells `refused: why`, or of each attempt `begun ID` and `ended ID` once that is kept."""
    writer.PAUSES = (0.001,) * 4  # type: ignore[attr-defined]  # a disk that fails here is mended by the next call
    try:
        ledger = SqliteLedger(path)
    except ConfigError as error:
        tell(f"refused: {error}")
        return
    for seed in range(1, attempts + 1):
        begun = start(seed, started=NOON + seed)
        ledger.begin(begun)
        if _is_kept(ledger):
            tell(f"begun {begun.attempt_id}")
        if seed % 4:
            ledger.record(ended(begun))
            if seed % 2 and _is_kept(ledger):
                tell(f"ended {begun.attempt_id}")
    ledger.close()
    tell("closed")


def _is_kept(ledger: SqliteLedger) -> bool:
    for _ in range(TRIES):
        try:
            ledger.flush(5)
        except sqlite3.Error:
            continue
        return True
    return False


def complaints(path: Path, told: list[str], *, whole: bool, attempts: int = ATTEMPTS) -> list[str]:
    """Return what is wrong with a file. `whole`: everything is to be there, as no call failed twice."""
    if any(each.startswith("refused: ") for each in told):
        SqliteLedger(path).close()  # a disk that works again has a ledger that works
        return [] if len(told) == 1 else [f"went on after it was refused: {told}"]
    with sqlite3.connect(path) as connection:
        (flaw,) = connection.execute("PRAGMA integrity_check").fetchone()
        states: dict[str, str] = {
            id_.hex(): state for id_, state in connection.execute("SELECT id, state FROM entries")
        }
        summed = connection.execute("SELECT coalesce(sum(attempts), 0) FROM days WHERE dimension = 'provider'")
        (counted,) = summed.fetchone()
    connection.close()
    wrong = [f"integrity: {flaw}"] * (flaw != "ok")
    for line in told:
        word, _, attempt = line.partition(" ")
        state = states.get(attempt.replace("-", ""))
        if (word == "begun" and state is None) or (word == "ended" and state != "succeeded"):
            wrong.append(f"{line} was acknowledged, but it is {state}")
    # Where this takes longer than a lease, what had begun was given up, and counts, too.
    if counted != sum(state != "started" for state in states.values()):
        wrong.append(f"sums of {counted} attempts over {states}")
    if whole and states != _all(attempts):
        wrong.append(f"not everything is there: {states}")
    return wrong


def _all(attempts: int) -> dict[str, str]:
    ids = ((seed, uuid_of(seed, NOON + seed).replace("-", "")) for seed in range(1, attempts + 1))
    return {id_: "succeeded" if seed % 4 else "started" for seed, id_ in ids}
