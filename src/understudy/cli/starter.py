"""Renders a first understudy.toml: its entries, with a comment on every key where it first appears."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from understudy.config.schema import FALLBACK, PROVIDER
from understudy.domain.rules import Rule
from understudy.providers.base import ProviderRow
from understudy.providers.environment import key_variable

_HEAD = """\
# The providers that are asked, in order of priority: if one fails, the next is tried.
#
#   understudy check     checks all entries, at no cost
#   understudy explain   shows which targets would be asked, and why
#
# All keys: docs/configuration.md; what each provider requires: docs/providers.md.
# Do not write API keys here: a reference such as ${OPENAI_API_KEY} reads the variable when understudy starts,
# and an entry whose variable is not set is disabled.
"""
_LATER = ("max_tokens", "temperature", "timeout", "base_url")
"""Keys shown as comments in the first entry."""
_LIMITS = ("max_retries", "max_attempts", "deadline", "max_wait")
_WIDTH = 100
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


class Starter(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to write."""

    row: ProviderRow
    name: str
    text_model: str | None
    credential: tuple[str, str] | None
    """`api_key` or `token`, and the variable it is read from; `None` where no key is required."""


def starter_entries(picked: Iterable[tuple[ProviderRow, str | None]], environ: Mapping[str, str]) -> list[Starter]:
    """Return entries for providers and models, with unique names and the variables that hold their keys."""
    entries: list[Starter] = []
    seen: dict[str, int] = {}
    for row, model in picked:
        count = seen[row.type] = seen.get(row.type, 0) + 1
        entries.append(
            Starter(
                row=row,
                name=row.type if count == 1 else f"{row.type}-{count}",
                text_model=model or row.text_model,
                credential=_credential(row, environ),
            )
        )
    return entries


def _credential(row: ProviderRow, environ: Mapping[str, str]) -> tuple[str, str] | None:
    if variable := key_variable(row, environ):
        return "token" if variable in row.token_variables else "api_key", variable
    return ("api_key", row.key_variables[0]) if row.key_required and row.key_variables else None


def write(entries: Sequence[Starter], strategy: str) -> str:
    """Return the text of a configuration."""
    explained: set[str] = set()
    blocks = [_HEAD]
    for place, entry in enumerate(entries, start=1):
        lines = [f"# ---- {entry.row.title} ----", "", "[[llm.providers]]"]
        for key, value in _values(entry, place):
            lines += [*_once(key, PROVIDER, explained), f"{key} = {value}"]
        if place == 1:
            lines += ["", "# Further keys, for this entry and the others:"]
            for key in _LATER:
                example = _text(entry.row.base_url) if key == "base_url" else PROVIDER[key].example
                lines += [*_once(key, PROVIDER, explained, optional=True), f"# {key} = {example}"]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join([*blocks, _fallback(strategy), *_tasks(entries, strategy)])


def _values(entry: Starter, place: int) -> Iterator[tuple[str, str]]:
    row = entry.row
    yield "provider", _text(row.type)
    yield "name", _text(entry.name)
    yield "priority", str(place)
    if entry.credential:
        key, variable = entry.credential
        yield key, f'"${{{variable}}}"'
    if row.base_url_required:
        variables = row.base_url_variables
        yield "base_url", f'"${{{variables[0]}:-{row.base_url}}}"' if variables else _text(row.base_url)
    if entry.text_model:
        yield "text_model", _text(entry.text_model)
    if row.embedding_model:
        yield "embedding_model", _text(row.embedding_model)


def _fallback(strategy: str) -> str:
    lines = ["# ---- when one fails ----", "", "[llm.fallback]"]
    lines += [*comment(FALLBACK["strategy"].meaning), f"strategy = {_text(strategy)}"]
    for key in _LIMITS:
        rule = FALLBACK[key]
        lines += ["", *_once(key, FALLBACK, set(), optional=True), f"# {key} = {rule.example}"]
    return "\n".join(lines) + "\n"


def _tasks(entries: Sequence[Starter], strategy: str) -> Iterator[str]:
    """Yield the lists of targets by task, where the strategy uses them."""
    if strategy == "task_based":
        order = ", ".join(_text(entry.name) for entry in entries)
        lines = [
            "# ---- targets by task ----",
            "",
            "[llm.tasks]",
            *comment("each key is a task, each value its targets in the order in which they are tried"),
            *comment("how tasks are detected: docs/choosing.md"),
            f"code = [{order}]",
            f"default = [{order}]",
        ]
        yield "\n".join(lines) + "\n"


def _once(key: str, rules: Mapping[str, Rule], explained: set[str], *, optional: bool = False) -> list[str]:
    """Return the comment on a key, unless it was written above."""
    if key in explained:
        return []
    explained.add(key)
    rule = rules[key]
    return comment(f"{rule.meaning}. When unset: {rule.unset}" if optional else rule.meaning)


def comment(text: str) -> list[str]:
    """Return the lines of a comment, as a sentence."""
    plain = _LINK.sub(r"\1", text)
    sentence = plain[:1].upper() + plain[1:] + "."
    return textwrap.wrap(sentence, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _text(value: str) -> str:
    """Return a string as TOML; what looks like a reference is escaped."""
    return msgspec.json.encode(value.replace("${", "$${")).decode()
