"""Requests to OpenAI, each of which breaks one rule."""

from __future__ import annotations

from tests.emulator.examiners.tables import Table

TABLES: tuple[Table, ...] = ()
