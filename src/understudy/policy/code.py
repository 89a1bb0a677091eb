"""Whether a question contains code or asks for it: plain patterns, with the words of a few languages.

They favour precision over completeness: a question that they miss has the default task. A caller can name the task.
"""

from __future__ import annotations

import re

FENCE = "```"
ENOUGH = 3
"""Lines that look like code; one or two may be prose."""

_SURE_LINE = re.compile(
    r"[ \t]*(?:(?:async )?def \w+\(|class \w+(?:\([\w, .]*\))?:[ \t]*$|from [\w.]+ import \w|import [^'\"]+ from ['\"]"
    r"|#include[ \t]*[<\"]|#!/|<\?php|(?:export )?(?:async )?function \w*\(|(?:const|let|var) [\w{}, ]+="
    r"|(?:pub )?fn \w+[(<]|func (?:\([^()]+\) )?\w+\(|public (?:static|final|abstract|class|void|interface) "
    r"|SELECT\b.+\bFROM\b|INSERT INTO \w|CREATE TABLE \w|Traceback \(most recent|File \"[^\"]+\", line"
    r"|at [\w$.<>]+\(.*\)$)"
)
"""One is enough: definitions, imports, SQL statements, stack traces."""
_ERROR = re.compile(r"[A-Za-z](?:Error|Exception): ")

_SIGNS = frozenset("=()[]")
_WORD = re.compile(r"[^\W\d_]+")
_NAMED = re.compile(
    r"(?<![\w-])(?:JavaScript|TypeScript|C\+\+|C#|Kotlin|PHP|SQL|HTML|CSS|regex(?:es|p)?|regular expressions?"
    r"|Dockerfiles?|unit ?tests?|stack ?traces?|source code|code ?base|pull requests?|merge conflicts?"
    r"|refactor(?:ing|ed)?|debug(?:ging)?|(?:bash|shell|python|perl|ruby) scripts?"
    r"|git (?:rebase|merge|commit|push|checkout|bisect))(?![\w+#-])|代码|函数|コード|関数|코드|함수",
    re.IGNORECASE,
)
"""Words that rarely occur elsewhere."""

_LANGUAGE = r"(?:Python|Java|Rust|Golang|(?<=in )Go|Ruby|Swift|Perl|Scala|Haskell|Lua|React|Django)"
_OTHER_NOUNS = (
    r"Funktion(?:en)?|Skripte?|Programme?|Klassen?|fonctions?|función|funciones|funzion[ei]|função|funções"
    r"|функци\w+|программ\w+|скрипт\w*"
)
_NOUN = (
    r"(?i:code|functions?|scripts?|programs?|class(?:es)?|methods?|algorithms?|components?|loops?|lists?|dicts?"
    rf"|strings?|arrays?|exceptions?|{_OTHER_NOUNS})"
)
_LANGUAGE_BESIDE_NOUN = re.compile(
    rf"\b{_LANGUAGE}\b[^.?!\n]{{0,60}}\b{_NOUN}\b|\b{_NOUN}\b[^.?!\n]{{0,60}}\b{_LANGUAGE}\b"
)
"""Names of languages have other meanings, too, so they must be written as usual, and near a programming term."""

_ASKED = re.compile(
    r"\b(?:write|implement|create|make|generate|build|fix|optimi[sz]e|port|complete)\b(?! about)[^.?!\n]{0,40}?"
    r"\b(?:code|functions?)\b(?! of\b)"
    r"|\b(?:write|implement|create|make|generate|build)\b[^.?!\n]{0,40}"
    r"\b(?:programs?|scripts?|methods?|class(?:es)?|quer(?:y|ies)) (?:that|which|to)\b"
    r"|\b(?:explain|review|test|improve|check|fix|simplify|complete|translate) (?:this|the following|my|our) "
    r"(?:code|function|class|method|query|API)\b"
    r"|\b(?:fix|find|solve)\b[^.?!\n]{0,30}\bbugs?\b"
    r"|\b(?:implement|parse|sort|write|rewrite|port|translate)\b[^.?!\n]{0,60}"
    r"\b(?:in|to) (?:python|rust|java|golang|ruby|perl|haskell|lua)\b"
    r"|\b(?:schreibe?|erstelle|implementiere|écri[st]|écrivez|escrib[ea]|scrivi|escreva|напиши\w*)\b[^.?!\n]{0,40}"
    rf"\b(?:code|{_OTHER_NOUNS})\b",
    re.IGNORECASE,
)


_TELLING = frozenset(
    """
    javascript typescript c kotlin php sql html css regex regexes regexp regular dockerfile dockerfiles unit
    unittest unittests stack stacktrace stacktraces source code codebase pull merge refactor refactoring refactored
    debug debugging git python java rust golang go ruby swift perl scala haskell lua react django function functions
    script scripts program programs method methods class classes query queries api bug bugs funktion funktionen
    skript skripte programm programme klasse klassen fonction fonctions función funciones funzione funzioni função
    funções
    """.split()  # noqa: SIM905 - words read better without their quotes
)
_TELLING_PARTS = ("代码", "函数", "コード", "関数", "코드", "함수", "функци", "программ", "скрипт")
"""A text without any of these words and parts of words is not searched by the slower patterns."""


def is_code(text: str) -> bool:
    """Check whether a question is about code."""
    if FENCE in text or _holds_code(text):
        return True
    words = text.lower()
    if _TELLING.isdisjoint(_WORD.findall(words)) and not any(part in words for part in _TELLING_PARTS):
        return False
    return any(pattern.search(text) for pattern in (_NAMED, _LANGUAGE_BESIDE_NOUN, _ASKED))


def _holds_code(text: str) -> bool:
    found = 0
    for line in text.splitlines():
        if _SURE_LINE.match(line):
            return True
        found += line.endswith(("{", "}")) or (line.endswith(";") and not _SIGNS.isdisjoint(line))
    return found >= ENOUGH or (": " in text and _ERROR.search(text) is not None)
