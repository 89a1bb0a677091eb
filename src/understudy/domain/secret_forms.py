"""The forms of well-known secrets, by which those that the configuration does not name are recognised. Pure.

Each form begins with a word that is searched for first, which is much quicker than a regular expression: prompts are
long, and most hold no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

_WORD = "[A-Za-z0-9_-]"
_MODELS: Mapping[str, str] = {
    **dict.fromkeys(("sk-", "pk-", "rk-"), f"{_WORD}{{16,}}"),  # OpenAI, Anthropic, and many that follow them
    **dict.fromkeys(("gsk_", "r8_", "hf_", "xai-"), "[A-Za-z0-9]{20,}"),  # Groq, Replicate, Hugging Face, xAI
    "tgp_v1_": f"{_WORD}{{20,}}",  # Together
    "AIza": f"{_WORD}{{30,}}",  # Google
    "ya29.": r"[A-Za-z0-9_.-]{20,}",
    **dict.fromkeys(("AKIA", "ASIA"), "[A-Z0-9]{16}"),  # Amazon
    "eyJ": rf"{_WORD}{{8,}}\.eyJ{_WORD}{{8,}}\.{_WORD}+",  # JSON web tokens
}
KEY_FORMS = "|".join(re.escape(begins) + rest for begins, rest in _MODELS.items())
"""Keys of providers of models and of their clouds, as a regular expression."""

_OTHERS: Mapping[str, str] = {
    **dict.fromkeys(("ghp_", "gho_", "ghs_", "ghu_", "ghr_", "npm_"), "[A-Za-z0-9]{30,}"),  # GitHub, npm
    "github_pat_": "[A-Za-z0-9_]{40,}",
    "glpat-": f"{_WORD}{{20,}}",  # GitLab
    "xox": r"[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
    "usk-": f"{_WORD}{{20,}}",  # this gateway
    "pypi-": f"{_WORD}{{40,}}",
    **dict.fromkeys(("sk_live_", "sk_test_", "rk_live_", "rk_test_"), "[A-Za-z0-9]{16,}"),  # Stripe
    "SG.": rf"{_WORD}{{16,}}\.{_WORD}{{16,}}",  # SendGrid
    "dop_v1_": "[a-f0-9]{60,}",  # DigitalOcean
    "shp": "(?:at|ca|pa|ss)_[a-fA-F0-9]{30,}",  # Shopify
}
_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
"""No letter before it, unless that belongs to an escaped character, as in JSON inside a string."""

_STEMS = ("password", "passwd", "passphrase", "pwd", "secret", "credential")
_PAIRS = (
    *product(("api", "access", "private", "account"), ("key",)),
    *product(("access", "auth", "refresh", "session", "security", "bearer", "id"), ("token",)),
)
_NAMES = (*_STEMS, *(between.join(pair) for pair in _PAIRS for between in ("", "_", "-")))
_VALUE = (
    r"""[\w-]{0,24}\\?["']?\s{0,8}(?:=>|[:=])\s{0,8}(?P<secret>\\"(?:[^"\\]|\\[^"])*(?:\\"|$)|"(?:[^"\\]|\\.)*(?:"|$)"""
    r"""|'(?:[^'\\]|\\.)*(?:'|$)|[^\s"',;&<>{}()\\]{4,})"""
)
"""Behind a name: a value in quotes (of JSON inside a string, too), or up to the next blank."""
_SCHEME = r"\s{1,4}(?P<secret>(?=[^\s\d]{0,200}\d)[A-Za-z0-9._~+/=-]{12,})"
"""Behind `Bearer`: with a digit, for "basic understanding" is not a key."""
_HEADER = r"""\\?["']?\s{0,8}[:=]\s{0,8}\\?["']?(?:[a-z][\w-]{0,30} +)?(?P<secret>[^\s"'\\]{4,})"""
_QUERY = r"""[a-z-]{0,20}=(?P<secret>[^&\s"'#<>]+)"""
_PARAMETERS = ("key", "token", "sig", "code", "x-amz-s", "x-amz-c", "x-goog-s", "x-goog-c")
_ANY_CASE: tuple[tuple[str, str, str], ...] = (
    *((name, "", _VALUE) for name in _NAMES),
    *((name, _BEGINS, _SCHEME) for name in ("bearer", "basic", "token")),
    ("authorization", "", _HEADER),
    *((name, "(?<=[?&])", _QUERY) for name in _PARAMETERS),
    ("://", "", r"[^\s/@:]{0,200}:(?P<secret>[^\s/@]{1,200})(?=@)"),  # user and password of an address
)
_EXACT: tuple[tuple[str, str, str], ...] = (
    *((begins, _BEGINS, rest) for begins, rest in {**_MODELS, **_OTHERS}.items()),
    ("-----BEGIN ", "", r"[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----(?s:.*?)(?:-----END [A-Z0-9 ]{0,60}-----|\Z)"),
)
_FIELD = re.compile(rf"(?:.*[_-])?(?:{'|'.join(_NAMES)})s?", re.IGNORECASE)

REDACTED = "[redacted]"


def _compiled(forms: Iterable[tuple[str, str, str]], flags: re.RegexFlag) -> list[tuple[str, re.Pattern[str]]]:
    return [(begins, re.compile(before + re.escape(begins) + rest, flags)) for begins, before, rest in forms]


_SEARCHED = (_compiled(_EXACT, re.NOFLAG), _compiled(_ANY_CASE, re.IGNORECASE))


def without_secrets(text: str) -> str:
    """Return a text in which everything that has the form of a well-known secret is replaced by `[redacted]`: keys and
    tokens, private keys, passwords in addresses, and values behind names such as `password` or `api_key`."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters become two
        lower = "".join(each if len(each.lower()) > 1 else each.lower() for each in text)
    spans = sorted((*_spans(text, text, _SEARCHED[0]), *_spans(text, lower, _SEARCHED[1])))
    if not spans:
        return text
    kept: list[str] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            kept += (text[end:start], REDACTED)
        end = max(end, stop)
    return "".join((*kept, text[end:]))


def _spans(text: str, searched: str, forms: Iterable[tuple[str, re.Pattern[str]]]) -> Iterator[tuple[int, int]]:
    """Yield where secrets are. `searched`: the text in which their beginnings are looked for."""
    for begins, pattern in forms:
        at = searched.find(begins)
        while at >= 0:
            found = pattern.match(text, at)
            if found is not None:
                span = found.span("secret" if "secret" in pattern.groupindex else 0)
                yield span
            at = searched.find(begins, at + len(begins) if found is None else max(at + len(begins), found.end()))


def names_a_secret(field: str) -> bool:
    """Check whether the value of a JSON field of this name is a secret."""
    return _FIELD.fullmatch(field) is not None
