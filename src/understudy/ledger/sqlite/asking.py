"""What a file knows of the attempts of a batch, asked at once before any of it is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.changes import Known
from understudy.ledger.entries import EntryState
from understudy.ledger.reserving import Reservation
from understudy.ledger.rows import id_of
from understudy.ledger.sqlite.statements import questions

_STATES = {state.value: state for state in EntryState}


class Answers:
    """What was found out."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.known: dict[str, Known] = {}
        """Attempts that have an entry."""
        self.opened: set[str] = set()
        """Requests of which an attempt has an entry, as far as they matter."""
        self.holding: set[str] = set()
        """Attempts that hold something."""
        self._connection = connection

    def ask(self, items: Sequence[AttemptStart | Reservation | CapturedDocument]) -> None:
        """Find out what matters for a batch: of a request only whether an attempt that is new opens it."""
        begin: dict[str, str] = {}
        end: dict[str, str] = {}
        for item in items:
            if isinstance(item, AttemptRecord):
                end[item.attempt_id] = item.request_id
            elif isinstance(item, AttemptStart):
                begin[item.attempt_id] = item.request_id
            elif isinstance(item, Reservation):
                begin[item.start.attempt_id] = item.start.request_id
        self._ask({**begin, **end}, dict.fromkeys(begin.values()))
        # What ends here and began before is nearly always known.
        new = {end[attempt]: None for attempt in end if attempt not in begin and attempt not in self.known}
        self._ask((), new)

    def _ask(self, attempts: Collection[str], requests: Collection[str]) -> None:
        of_attempts, of_requests = ({id_of(each): each for each in ids} for ids in (attempts, requests))
        for question, values in questions([*of_attempts], [*of_requests]):
            entries, opened = self._connection.execute(question, values).fetchone()
            for entry in entries.split(",") if entries else ():
                id_, state, opens, holds = entry.split()
                attempt = of_attempts[bytes.fromhex(id_)]
                self.known[attempt] = Known(_STATES[state], opens == "1")
                if holds == "1":
                    self.holding.add(attempt)
            if opened:
                self.opened.update(of_requests[bytes.fromhex(id_)] for id_ in opened.split(","))
