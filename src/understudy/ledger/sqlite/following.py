"""The connection of a writer, which follows its path: to another file, when that was put in the place of its own."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from understudy.domain.errors import ConfigError
from understudy.ledger.sqlite.opening import open_for_writing
from understudy.ledger.sqlite.place import Place
from understudy.ledger.sqlite.transaction import Transaction, UnderWay, under_way

logger = logging.getLogger("understudy")

LOOK = 1.0
"""Seconds after which a file that nothing is written to is looked for at its path. One that was just opened is left
alone as long: on a disk that gives a file another number at each look, something is written all the same."""
SETTLED = 0.1
"""Seconds before a file is made in place of one that was deleted: what is beside it may be deleted next."""
REPORTED = 3_600.0
"""Seconds for which it is reported that another file is used."""


class OpenedFile:
    """A file that is open to be written, by one thread."""

    def __init__(self, path: Path, changed: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Open the file, or make it. `changed` is called after another one is used. `clock`: seconds. Raise
        `ConfigError` if it cannot be opened."""
        self._changed = changed
        self._clock = clock
        self._place = Place(path)
        self._left: UnderWay | None = None
        """What was under way in a file that was left, until it is in the next one."""
        self._why = ""
        self._has_log = True
        self._opened_at = -LOOK
        self._notice: tuple[str, float] | None = None
        self.connection = self._open()

    def follow(self, owner: int) -> bool:
        """Use the file at the path if that is another one now, and return whether it is. What is under way of a writer,
        the `owner`, is carried over.

        Raise `sqlite3.Error` if that file cannot be used; the next call tries again.
        """
        if self._left is None:
            if self._clock() < self._opened_at + LOOK or not self._place.has_moved():
                return False
            time.sleep(SETTLED)
            self._why = "deleted" if self._place.is_empty else "replaced by another one"
            self._left = self._under_way(owner)
            self._place.leave(self.connection)
            logger.error(
                "the ledger %s was %s while it was in use, and what is kept from now on is in the new file: what only "
                "the former one holds is not counted any more, such as virtual keys, budgets and limits",
                self._place.path,
                self._why,
            )
        self.connection.close()
        try:
            self.connection = self._open()
        except ConfigError as error:
            raise sqlite3.OperationalError(error.message.partition("\n")[0]) from error
        self._carry_over(owner, self._left)
        self._left = None
        self._opened_at = self._clock()
        self._has_log = True
        self._note(f"the ledger {self._place.path} was {self._why} at {_now()} while it was in use")
        self._changed()
        return True

    def save(self) -> None:
        """Move what was written into the file at once if its log was deleted: no other process finds that."""
        if self._has_log and self._place.has_lost_log and not self._place.has_moved():
            self._has_log = False
            why = f"{self._place.path}-wal was deleted while it was in use"
            self._note(f"{why}: stop all processes that use the ledger, and start them again ({_now()})")
            logger.error("%s: stop all processes that use the ledger, and start them again", why)
        if not self._has_log:
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    @property
    def notice(self) -> str | None:
        """What is to be known of this file; `None` if nothing happened to it within the last hour."""
        if self._notice is None or self._clock() > self._notice[1] + REPORTED:
            return None
        return self._notice[0]

    def _note(self, notice: str) -> None:
        self._notice = (notice, self._clock())

    def _open(self) -> sqlite3.Connection:
        connection = open_for_writing(self._place.path)
        connection.row_factory = sqlite3.Row
        # A statement of many rows keeps the pages that it changes until it has ended. In a file that doubles the writes
        # of a busy gateway, and a folder for temporary files may be full, or missing in a container.
        connection.execute("PRAGMA temp_store = MEMORY")
        self._place.note()
        return connection

    def _under_way(self, owner: int) -> UnderWay:
        """Return what is under way, as far as the file that was there can still be read."""
        try:
            return under_way(self.connection, owner)
        except sqlite3.Error as error:
            logger.warning("what was under way in the former ledger could not be read: %s", error)
            return []

    def _carry_over(self, owner: int, left: UnderWay) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            transaction = Transaction(self.connection, owner)
            transaction.carry_over(left)
            transaction.finish()
            self.connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            raise


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
