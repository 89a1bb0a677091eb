"""Shell completion: entries and models of the configuration, efforts, providers, files.

It runs while the user types, so it uses no network, and an invalid configuration offers nothing instead of an error.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from understudy.config import Config


def targets(context: typer.Context, incomplete: str) -> list[str]:
    """Offer `entry`, `entry/model` and routes."""
    config = _configuration(context)
    return _matching((*targets_of(config), *(route.name for route in config.routes)) if config else (), incomplete)


def embedding_targets(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the entries that have an embedding model, each alone and with it, and routes."""
    config = _configuration(context)
    if config is None:
        return []
    models = {entry.entry: entry.embedding_model for entry in config.providers if entry.embedding_model}
    named = (f"{entry}/{model}" for entry, model in models.items())
    return _matching((*models, *named, *(route.name for route in config.routes)), incomplete)


def target_lists(context: typer.Context, incomplete: str) -> list[str]:
    """Offer entries for the last place of a list with commas, except those already in it."""
    config = _configuration(context)
    return _last_of_list(targets_of(config) if config else (), incomplete)


def midstream_modes(incomplete: str) -> list[str]:
    """Offer the modes of `on_midstream_error`."""
    from typing import get_args

    from understudy.domain.failures import OnMidstreamError

    return _matching(get_args(OnMidstreamError), incomplete)


def efforts(incomplete: str) -> list[str]:
    """Offer reasoning efforts."""
    from understudy.domain.requests import EFFORTS

    return _matching(EFFORTS, incomplete)


def provider_types(incomplete: str) -> list[str]:
    """Offer provider types."""
    from understudy import providers

    return _matching(providers.types(), incomplete)


def files_behind_at(incomplete: str) -> list[str]:
    """Offer files after an `@`, where shells do not recognise the start of a path."""
    if not incomplete.startswith("@"):
        return []
    return _matching((f"@{path}" for path in _paths(incomplete[1:])), incomplete)


def tasks(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the tasks of the configuration."""
    config = _configuration(context)
    return _matching(config.fallback.tasks if config else (), incomplete)


def entries(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of all entries, for the last place of a list with commas."""
    config = _configuration(context)
    return _last_of_list((entry.entry for entry in config.providers) if config else (), incomplete)


def targets_of(config: Config) -> list[str]:
    """Return the names of all entries, and each with its model."""
    entries = config.providers
    return [
        *(entry.entry for entry in entries),
        *(f"{entry.entry}/{entry.text_model}" for entry in entries if entry.text_model),
    ]


def _configuration(context: Any) -> Config | None:
    """Read the configuration that `--config` names, after the command or before it; `None` if it cannot be read."""
    from understudy.config import load
    from understudy.domain.errors import LLMError

    path = None
    while context is not None and path is None:
        path, context = context.params.get("config"), context.parent
    try:
        # Without a configuration file the default may be a local Ollama; it is not probed here.
        return load(path and Path(path), probe=lambda _: True)
    except (LLMError, OSError):
        return None


def complete_in_bash(run: Callable[[], object]) -> None:
    """Run completion for bash, which breaks words at colons and replaces only the last piece."""
    kept = join_words(os.environ)
    held = io.StringIO()
    try:
        with contextlib.redirect_stdout(held):
            run()
    finally:
        sys.stdout.write("".join(line.removeprefix(kept) for line in held.getvalue().splitlines(keepends=True)))


def join_words(environ: MutableMapping[str, str]) -> str:
    """Restore the words that bash has split: it passes `ollama/qwen3:8b` and `--model=openai` as three words each.

    Change the words in `environ` to what was typed. Return the part of the current word that bash keeps.
    """
    words = environ.get("COMP_WORDS", "").split("\n")
    at = place = int(environ.get("COMP_CWORD") or 0)
    joined: list[str] = []
    glue = False
    for index, word in enumerate(words):
        colons = bool(word) and not word.strip(":")
        if joined and (glue or colons):
            joined[-1] += word
            place -= index <= at
        elif word == "=" and index < at and joined and joined[-1].startswith("--"):
            place -= 1
        else:
            joined.append(word)
        glue = colons
    environ["COMP_WORDS"] = "\n".join(joined)
    environ["COMP_CWORD"] = str(place)
    current = joined[place] if place < len(joined) else ""
    return current[: current.rfind(":") + 1]


def _matching(values: Iterable[str], incomplete: str) -> list[str]:
    return [value for value in values if value.startswith(incomplete)]


def _last_of_list(values: Iterable[str], incomplete: str) -> list[str]:
    """Offer values for the last place of a list with commas, except those already in it."""
    ahead, comma, last = incomplete.rpartition(",")
    taken = ahead.split(",")
    return [f"{ahead}{comma}{value}" for value in _matching(values, last) if value not in taken]


def _paths(begun: str) -> Iterator[str]:
    """Yield paths with this beginning; folders end with a slash."""
    folder, slash, name = begun.rpartition("/")
    try:
        for path in sorted(Path(folder + slash or ".").expanduser().iterdir()):
            if path.name.startswith(name) and (name or not path.name.startswith(".")):
                yield f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}"
    except (OSError, RuntimeError):  # the latter if `~` cannot be expanded
        return
