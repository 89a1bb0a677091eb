"""Messages, help and documentation are worded as a native reader expects: phrases that must be translated back fail."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from understudy.cli.app import COMMANDS, app

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "understudy"

PHRASES = {
    r"(?<![Tt]here )\b(?:is|are|was|were) none\b": "invalid, unknown, missing, or not a …",
    r"(?<![Tt]here )\b(?:is|are|was) no (?!longer\b|more\b|less\b|later\b|worse\b|different\b)\w+": "is not a …",
    r"\b[Ll]eav\w* (?:\w+ ){0,3}away\b|\bleft away\b": "omit, leave out, remove",
    r"\b(?:[Nn]obody|[Ww]hoever|[Ss]omebody|[Ee]verybody)\b": "no target, the caller, all users, …",
    r"\b[Ss]et(?:s|ting)? (?:\w+ )?aside\b": "in cooldown, put in cooldown",
    r"\b[Pp]ass(?:es|ed)? over\b": "skip, omit, ignore",
    r"\bwant(?:s|ed)\b": "requires, needs, expects",
    r"\b(?:has|have|had) (?:not )?got\b": "lacks, does not support",
    r"\btold\b|\btells\b": "reports, states, distinguishes",
    r"\bbe it\b": "whether it is …",
    r"\b(?:[Ff]or|its) want of\b": "because … is missing",
    r"\bof (?:one's|a user's|users') own\b": "custom, user-defined",
    r"\b[Hh]alf a character\b": "a lone surrogate",
    r"\b(?:as of when|what is theirs|who is there|who asks)\b": "say it in full",
    r"\b(?:breaks?|broke|broken|breaking) off\b": "interrupted, truncated",
    r"\bat most so (?:many|much)\b|\bso many (?:of|percent|tokens|seconds)\b": "at most N",
    r"\bno address of\b": "not a valid URL for …",
    r"\bc[ao]mes? of\b|\bbecame of\b": "the result, the outcome",
    r"\bg[ai]ves? (?:the|a|an) \w+ up\b": "abandon, cancel",
    r"\bnever begun\b|\bbegins? twice\b": "was never started, started twice",
    r"\btries (?:were|was|are)\b|\bworth \S+ tries\b": "attempts",
    r"(?<!emulated )\b(?:API|[Mm]odel|[Ss]erver|[Pp]rovider|[Dd]ialect)s? knows?\b": "supports, is known to",
    r"\b(?:target|provider|manager|it) is well\b": "healthy",
    r"\bin PEM form\b": "in PEM format",
    r"=…: it must be\b": "… must be …, got …",
    r"\bthere is no other\b(?! \w)": "because there is no other …",
}
"""What must not be written, and what says it instead."""

EXCEPTIONS: dict[str, str] = {
    "You have not told me your name": "a sentence of an emulated model, said to a person",
}
"""Passages that may hold such a phrase, and why."""

_ELSEWHERE = re.compile(r"\bfault model|\bwire card|the design's word|\.\./shared\b")
"""References to documents that are not in the repository."""

_FORBIDDEN = re.compile("|".join(f"(?:{phrase})" for phrase in PHRASES))


def found_in(text: str) -> list[str]:
    """Return the forbidden phrases of a text, each where it stands and with what to write instead."""
    text = " ".join(text.split())
    for passage in EXCEPTIONS:
        text = text.replace(passage, "")
    return [
        f"{text[max(0, match.start() - 40) : match.end() + 40]!r}: write {_instead(match[0])}"
        for match in _FORBIDDEN.finditer(text)
    ]


def _instead(phrase: str) -> str:
    return next(words for pattern, words in PHRASES.items() if re.search(pattern, phrase))


def strings_of(path: Path) -> Iterator[str]:
    """Yield the string literals of a module that are not docstrings, and its f-strings with their values left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(map(id, node.values))
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_messages_are_plain_english(path: Path) -> None:
    assert [each for text in strings_of(path) for each in found_in(text)] == []


def test_nothing_refers_to_a_document_that_is_not_here() -> None:
    files = (each for room in ("src", "tests", "docs", "benchmarks") for each in (ROOT / room).rglob("*"))
    texts = {each: each.read_text(encoding="utf-8") for each in files if each.suffix in (".py", ".md")}
    assert [path.name for path, text in texts.items() if _ELSEWHERE.search(text)] == [Path(__file__).name]


PAGES = (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_manual_is_plain_english(page: Path) -> None:
    assert found_in(page.read_text(encoding="utf-8")) == []


def test_unreleased_changes_are_plain_english() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert found_in(changes.partition("## Unreleased\n")[2].partition("\n## ")[0]) == []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_plain_english(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert found_in(shown.output) == []
