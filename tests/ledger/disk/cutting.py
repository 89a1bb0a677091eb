"""Records what a program with a ledger does to the disk, and cuts the power at many points of it.

python -m tests.ledger.disk.cutting FOLDER [--points N] [--attempts N]
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import argparse
import sys
from concurrent.futures import Future
from pathlib import Path
from random import Random
from typing import Any

from tests.ledger.disk.log import Call, calls_of, cut
from tests.ledger.disk.shim import Disk
from tests.ledger.disk.workload import complaints, perform
from understudy.domain.errors import ConfigError
from understudy.ledger.sqlite import writer
from understudy.ledger.sqlite.store import SqliteLedger


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--attempts", type=int, default=40)
    parser.add_argument("--lax", action="store_true", help="promise without the sync, which the cuts must show")
    given = parser.parse_args()
    if given.lax:
        writer.Writer._write = _without_sync  # type: ignore[method-assign]
    home, log = given.folder / "home", given.folder / "log"
    home.mkdir()
    disk = Disk()
    disk.record(log)
    disk.watch(home)
    perform(home / "ledger.db", disk.mark, given.attempts)
    calls = calls_of(log)
    kept = [at for at, call in enumerate(calls) if call.kind == "m"]
    chance, wrong = Random(1), []
    # Just after each promise, when it is the youngest, and anywhere.
    points = (kept * given.points)[: given.points // 2]
    points += [chance.randrange(len(calls)) for _ in range(given.points - len(points))]
    for number, point in enumerate(points):
        after = calls[: point + 1]
        for how in (None, Random(number)):
            wrong += [f"after call {point}, {how and 'torn'}: {each}" for each in _judged(given.folder, after, how)]
    written = sum(len(call.data) for call in calls)
    summary = f"{len(calls)} calls, {written} bytes, {len(kept)} promises, {2 * len(points)} cuts"
    sys.stdout.write("".join(f"{line}\n" for line in (summary, *wrong)))
    return 0


def _without_sync(self: writer.Writer, batch: list[Any]) -> None:
    self._transact([item for item in batch if not isinstance(item, Future)])


def _judged(folder: Path, calls: list[Call], chance: Random | None) -> list[str]:
    files = cut(calls, chance)
    if not files:
        return []
    left = folder / "left"
    left.mkdir(exist_ok=True)
    for old in left.iterdir():
        old.unlink()
    for path, data in files.items():
        (left / Path(path).name).write_bytes(data)
    told = [call.data.decode() for call in calls if call.kind == "m"]
    try:
        SqliteLedger(left / "ledger.db").close()
    except ConfigError as error:
        return [f"what is left cannot be opened: {error}"]
    return complaints(left / "ledger.db", told, whole=False)


if __name__ == "__main__":
    sys.exit(main())
