"""The options of `understudy chat`."""

from __future__ import annotations

from typing import Annotated

import typer

from understudy.cli.options import FilesOption, ImagesOption, JsonOption, MidstreamOption, ModelOptions, TimeoutOption


def _session_ids(incomplete: str) -> list[str]:
    from understudy.cli.chat.session_files import LAST, ids, sessions_folder

    folder = sessions_folder()
    known = [LAST, *(ids(folder) if folder else [])]
    return [each for each in known if each.startswith(incomplete)]


class ChatOptions(ModelOptions, frozen=True, kw_only=True):
    """The options of `chat`."""

    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROMPT...",
            show_default=False,
            help="The first question; quotes are not needed. The chat continues after its answer.",
        ),
    ] = None
    image: ImagesOption = None
    file: FilesOption = None
    timeout: TimeoutOption = None
    on_midstream_error: MidstreamOption = None
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            "-r",
            metavar="ID",
            autocompletion=_session_ids,
            help="Continue an earlier conversation: its id, the beginning of its id, or `last` for the one used last.",
        ),
    ] = None
    resume_last: Annotated[
        bool, typer.Option("--continue", "-c", help="Continue the last conversation: --resume last.")
    ] = False
    list_all: Annotated[bool, typer.Option("--list", help="List the saved conversations, and exit.")] = False
    no_save: Annotated[
        bool, typer.Option("--no-save", help="Save neither this conversation nor the input typed in it.")
    ] = False
    as_json: JsonOption = False
