"""The laws of the accounts, checked over a ledger's file with nothing but SQL: any suite may call it at any commit."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

FINAL = "('succeeded', 'failed', 'aborted', 'unknown')"

LAWS = {
    "spent is the sum of what attempts were charged (I2)": """
        SELECT budget, subject, unit, start FROM balances AS each WHERE unit = 'money' AND spent <> (
            SELECT COALESCE(SUM(charged), 0) FROM holds
            WHERE (holds.budget, holds.subject, holds.unit, holds.start)
                = (each.budget, each.subject, each.unit, each.start))
    """,
    "reserved is the sum of open holds (I2)": """
        SELECT budget, subject, unit, start FROM balances AS each WHERE reserved <> (
            SELECT COALESCE(SUM(amount), 0) FROM holds
            WHERE charged IS NULL AND (holds.budget, holds.subject, holds.unit, holds.start)
                = (each.budget, each.subject, each.unit, each.start))
    """,
    "every hold has an entry, and a balance unless it is nothing": """
        SELECT hex(attempt) FROM holds AS each
        WHERE NOT EXISTS (SELECT 1 FROM entries WHERE id = each.attempt)
           OR (amount <> 0 OR COALESCE(charged, 0) <> 0) AND NOT EXISTS (
                SELECT 1 FROM balances WHERE (balances.budget, balances.subject, balances.unit, balances.start)
                    = (each.budget, each.subject, each.unit, each.start))
    """,
    "a hold is open exactly as long as its attempt is under way (I5, I12)": f"""
        SELECT hex(attempt) FROM holds JOIN entries ON id = attempt WHERE (charged IS NULL) = (state IN {FINAL})
    """,
    "nothing is negative (I6)": """
        SELECT budget FROM balances WHERE spent < 0 OR reserved < 0 OR overrun < 0
        UNION ALL SELECT hex(attempt) FROM holds WHERE amount < 0 OR charged < 0
    """,
    "money is whole (I6)": """
        SELECT budget FROM balances WHERE typeof(spent) <> 'integer' OR typeof(reserved) <> 'integer'
        UNION ALL SELECT hex(id) FROM entries WHERE cost IS NOT NULL AND typeof(cost) <> 'integer'
    """,
    "what was charged is what the attempt cost (I7)": """
        SELECT hex(attempt) FROM holds JOIN entries ON id = attempt
        WHERE unit = 'money' AND charged IS NOT NULL AND cost IS NOT NULL AND charged <> cost
    """,
    "an unknown cost is never refunded (A1)": """
        SELECT hex(attempt) FROM holds JOIN entries ON id = attempt
        WHERE unit = 'money' AND charged <> if_unknown AND (state = 'unknown' OR cost IS NULL)
          AND COALESCE(cost_basis, 'unknown') NOT IN ('not_sent', 'refused')
    """,
    "the overrun is what went beyond the holds (I3)": """
        SELECT budget, subject, start FROM balances AS each WHERE unit = 'money' AND overrun <> (
            SELECT COALESCE(SUM(MAX(0, charged - amount)), 0) FROM holds
            WHERE is_bound AND charged IS NOT NULL AND (holds.budget, holds.subject, holds.unit, holds.start)
                = (each.budget, each.subject, each.unit, each.start))
    """,
    "the sums by day are those of the entries": """
        SELECT day FROM days AS each WHERE dimension = '' AND cost <> (
            SELECT COALESCE(SUM(cost), 0) FROM entries
            WHERE state <> 'started' AND started / 86400000000 = each.day)
    """,
}
"""Queries that return what breaks a law."""


def check_money(path: Path, ceilings: dict[str, int] | None = None) -> None:
    """Fail if a law is broken. `ceilings`: by budget, what each of its balances may come to."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("BEGIN")
        for law, query in LAWS.items():
            assert connection.execute(query).fetchall() == [], law
        for budget, ceiling in (ceilings or {}).items():
            query = "SELECT subject, start, spent, reserved, overrun FROM balances WHERE budget = ? AND unit = 'money'"
            for subject, begins, spent, reserved, overrun in connection.execute(query, (budget,)):
                assert spent - overrun + reserved <= ceiling, (budget, subject, begins, spent, reserved, overrun)
