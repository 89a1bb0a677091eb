"""What a mistaken word was probably meant to be, and how a wrong value is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from understudy.domain.regexes import regex

_SHOWN = regex(r"[\w .,:/+-]{1,32}")
_LIKE_A_KEY = regex(r"\b(?:sk|pk|rk|gsk|hf|r8|xai|co|AIza|key|ya29|ghp|eyJ)[-_.]?\w{4}|[A-Za-z0-9_-]{24}|://[^/\s]*@")


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word most similar to `word`, at least by `cutoff` (0 to 1)."""
    from difflib import get_close_matches  # only mistakes pay for this import

    forms = {each.lower().replace("-", "_"): each for each in known}
    found = get_close_matches(word.lower().replace("-", "_"), forms, n=1, cutoff=cutoff)
    return forms[found[0]] if found else None


def suggestion(word: object, known: Iterable[str], meant: Mapping[str, str] | None = None) -> str:
    """Return what to write instead of an unknown word, for the end of a sentence.

    `meant` maps words of other tools to known ones. Without a similar word, all known ones are listed.
    """
    known = [str(each) for each in known]  # of an enumeration, the values
    if isinstance(word, str):
        foreign = (meant or {}).get(word.lower().replace("-", "_"))
        guess = foreign if foreign in known else nearest(word, known)
        if guess:
            return f"did you mean {guess!r}?"
    return f"expected one of {', '.join(known)}" if known else "there are none"


def shown(value: object) -> str:
    """Return a wrong value for an error message: a number or a short word as it is written in Python, for anything
    else only its type, because it may be long or a secret."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, (int, float)):
        text = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a huge number"
        return text if len(text) <= 40 else type(value).__name__
    if isinstance(value, str):
        return repr(str(value)) if _SHOWN.fullmatch(value) and not _LIKE_A_KEY.search(value) else "a string"
    return kind_of(value)


def kind_of(value: object) -> str:
    """Return the type of a value, with its article: "a string", "a dict", "None", "an Image"."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = _KINDS.get(type(value), type(value).__name__)
    return name if " " in name or name == "bytes" else f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


_KINDS = {str: "a string", bool: "a boolean", int: "a whole number", float: "a decimal number", bytes: "bytes"}
