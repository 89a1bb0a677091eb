"""Files of one value a line, edited in place: variables (`.env`) and the flat YAML of aider."""

from __future__ import annotations

import json
import re
from typing import Any

from understudy.cli.agents.edits.values import GONE, CannotEdit, Values

_VARIABLE = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)
_SAFE = re.compile(r"[\w.:/@+~-]+", re.ASCII)
_KEY = re.compile(r"^([A-Za-z][\w-]*)[ \t]*:(?:[ \t]+(.*?))?[ \t]*\r?$", re.MULTILINE)
_STRUCTURE = re.compile(r"^(---|\.\.\.|[\[{%&*!?|>\t])", re.MULTILINE)
_QUOTED = re.compile(r"""\"(?:[^\"\\]|\\.)*\"|'[^']*'|`[^`]*`""")
_UNTOUCHED = re.compile(r"[|>&*!\[{]")


def read_variables(text: str) -> dict[str, Any]:
    """Return the variables of a `.env` file; of several of the same name the last."""
    return {match[1]: _unquoted(match[2]) for match in _VARIABLE.finditer(text)}


def write_variables(text: str, values: Values) -> str:
    """Return the text with variables set or removed."""
    for (name,), value in values.items():
        line = None if value is GONE else f"{name}={_quoted_variable(str(value))}"
        text = _put(text, _VARIABLE, name, line)
    return text


def read_yaml(text: str) -> dict[str, Any]:
    """Return the values of the keys at the left margin, as they are written where they are no simple strings.

    Raise `CannotEdit` for a file that is more than a list of such keys.
    """
    if found := _STRUCTURE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise CannotEdit(f"line {line} is more than a key and its value")
    values: dict[str, Any] = {}
    blocks = list(_KEY.finditer(text))
    ends = [*(match.start() for match in blocks[1:]), len(text)]
    for match, end in zip(blocks, ends, strict=False):
        if match[1] in values:
            raise CannotEdit(f"the key {match[1]} is written twice")
        block = text[match.end() : end]
        nested = "\n".join(line for line in block.splitlines() if line.strip() and not line.lstrip().startswith("#"))
        values[match[1]] = _unquoted(match[2] or "") + (f"\n{nested}" if nested else "")
    return values


def write_yaml(text: str, values: Values) -> str:
    """Return the text with keys set or removed. Raise `CannotEdit` for a key whose value takes several lines."""
    present = read_yaml(text)
    for (name,), value in values.items():
        now = present.get(name, "")
        if "\n" in now or _UNTOUCHED.match(now):
            raise CannotEdit(f"the value of {name} takes more than a line")
        line = None if value is GONE else f"{name}: {_quoted_yaml(str(value))}"
        text = _put(text, _KEY, name, line)
    return text


def _put(text: str, pattern: re.Pattern[str], name: str, line: str | None) -> str:
    """Replace, add or remove the line of a name."""
    newline = "\r\n" if "\r\n" in text else "\n"
    found = [match for match in pattern.finditer(text) if match[1] == name]
    if not found:
        if line is None:
            return text
        return text + (newline if text and not text.endswith("\n") else "") + line + newline
    start, end = found[-1].span()
    if line is None:
        after = text.find("\n", end - 1 if text[end - 1 : end] == "\r" else end)
        return text[:start] + (text[after + 1 :] if after >= 0 else "")
    return text[:start] + line + ("\r" if text[end - 1 : end] == "\r" else "") + text[end:]


def _unquoted(written: str) -> str:
    if quoted := _QUOTED.match(written):
        inner = quoted.group()[1:-1]
        return str(json.loads(f'"{inner}"')) if written[0] == '"' and _is_json(inner) else inner
    return re.split(r"(?:^|[ \t]+)#", written, maxsplit=1)[0].rstrip()


def _is_json(inner: str) -> bool:
    try:
        json.loads(f'"{inner}"')
    except ValueError:
        return False
    return True


def _quoted_variable(value: str) -> str:
    if _SAFE.fullmatch(value):
        return value
    for quote in "'\"`":  # dotenv reads no escapes but \n in double quotes
        if quote not in value and not (quote == '"' and "\\" in value):
            return f"{quote}{value}{quote}"
    raise CannotEdit("a value contains all kinds of quotes")


def _quoted_yaml(value: str) -> str:
    plain = re.fullmatch(r"[a-z]+(?:://|/)[\w./:-]*[\w/-]", value, re.ASCII)  # cannot be read as anything but a string
    return value if plain else json.dumps(value)
