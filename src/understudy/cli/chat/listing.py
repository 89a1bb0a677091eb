"""The list of saved conversations."""

from __future__ import annotations

import sys
import time

import msgspec

from understudy.cli.chat.session_files import Summary, sessions_folder, summaries
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, print_json, say, show


class SessionsResult(msgspec.Struct, frozen=True):
    """All sessions, the last used first."""

    sessions: tuple[Summary, ...]


def show_sessions(*, as_json: bool) -> None:
    """Print the list on stdout."""
    folder = sessions_folder()
    found = summaries(folder) if folder else []
    if as_json:
        print_json(SessionsResult(tuple(found)))
    elif found:
        table = plain_table()
        for title in ("id", "used", "turns", "answered by", "begins with"):
            table.add_column(title, no_wrap=title == "id", overflow="fold")
        for each in found:
            used = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.used))
            table.add_row(each.id, used, str(each.turns), clean_line(each.answered_by or ""), clean_line(each.title))
        show(table, sys.stdout)
    else:
        say(
            f"there are no sessions yet in {folder}"
            if folder
            else "sessions are not saved: this user has no home folder"
        )
