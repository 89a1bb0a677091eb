"""A secret is found in every form in which a server may repeat it, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from understudy.domain.failures import Failure, FailureKind
from understudy.domain.redaction import LARGEST_BODY, Redactor

KEY = "sk-proj-Canary5f2d9e77/a1c4+b0=&Zq"
REDACTOR = Redactor([KEY])


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def forms() -> dict[str, str]:
    """What a server may write, made by the standard library alone."""
    return {
        "as it is": KEY,
        "upper case": KEY.upper(),
        "lower case": KEY.lower(),
        "URL-encoded": quote(KEY, safe=""),
        "form-encoded": quote_plus(KEY),
        "URL-encoded in lower case": quote(KEY, safe="").lower(),
        "JSON": json.dumps(KEY),
        "JSON with escaped slashes": json.dumps(KEY).replace("/", "\\/"),
        "HTML": html.escape(KEY),
        "hexadecimal": KEY.encode().hex(),
        "JSON, every character escaped": "".join(f"\\u{ord(char):04x}" for char in KEY),
        "URL, every character escaped": "".join(f"%{ord(char):02X}" for char in KEY),
        "Base64": b64(KEY),
        "Base64 for URLs": base64.urlsafe_b64encode(KEY.encode()).decode(),
        "Base64 of a header": b64(f"Bearer {KEY}"),
        "Base64 of user and key": b64(f"u:{KEY}\n"),
        "Base64 in a longer text": b64(f"ab{KEY}cd"),
        "cut off": KEY[:20],
        "its end": KEY[-18:],
        "masked in the middle": f"{KEY[:7]}{'*' * 20}{KEY[-4:]}",
        "masked with dots": f"{KEY[:10]}...{KEY[-4:]}",
        "masked with an ellipsis": f"{KEY[:6]}…",
        "all but its end masked": f"{'*' * 12}{KEY[-4:]}",
        "twice": f"{KEY} {KEY}",
    }


def leaks(text: str, least: int = 6) -> list[str]:
    """The pieces of the key, in any encoding that this test knows, that a text still shows."""
    whole = [KEY, KEY.encode().hex(), *(b64("x" * offset + KEY)[4:-4] for offset in range(3))]
    pieces = {form[at : at + 10].lower() for form in whole for at in range(len(form) - 9)}
    pieces |= {KEY[:least].lower(), KEY[-least:].lower()}
    return [piece for piece in pieces if piece in text.lower()]


@pytest.mark.parametrize("name", forms())
def test_every_form_is_found_wherever_it_stands(name: str) -> None:
    form = forms()[name]
    for text in (form, f"Incorrect API key provided: {form}. See the docs.", f'{{"key":"{form}"}}', f"<b>{form}</b>"):
        clean = REDACTOR.text(text)
        assert "[key]" in clean
        assert leaks(clean) == [], clean
    assert REDACTOR.text(f"wrong key: {form} (see docs)").startswith("wrong key: ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The model `gpt-5` does not exist or you do not have access to it.",
        "keys begin with sk-proj-",
        "wait ... and try again *** or not xxxx",
        "sk-another-key-of-nobody-0123456789",
        "sk-a***z",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_a_short_secret_is_a_word_and_only_a_longer_one_is_looked_for() -> None:
    assert Redactor(["none"]).text("none of that is known") == "none of that is known"
    assert Redactor(["ollama-1"]).text("key ollama-1 for Ollama-1") == "key [key] for Ollama-1"


def test_several_secrets_and_texts_without_any() -> None:
    several = Redactor(["Session-token-0123456789", KEY])
    assert several.text(f"a {KEY} b session-TOKEN-0123456789 c") == "a [key] b [key] c"
    assert Redactor([]).text(KEY) == KEY


def test_all_that_a_provider_wrote_into_a_failure_is_cleaned() -> None:
    failure = Failure(
        kind=FailureKind.AUTHENTICATION,
        message=f"wrong key {KEY}",
        code=KEY,
        type=f"error for {b64(KEY)}",
        param=KEY.upper(),
        request_id=f"req-{KEY}",
        body={"error": {KEY: [KEY, {"deep": f"x{KEY}x"}, 1, None]}},
        status=401,
        retry_after=2.0,
    )
    clean = REDACTOR.failure(failure)
    assert leaks(repr(clean)) == []
    assert (clean.kind, clean.status, clean.retry_after) == (failure.kind, 401, 2.0)
    assert clean.body == {"error": {"[key]": ["[key]", {"deep": "x[key]x"}, 1, None]}}


def test_a_failure_without_secrets_is_not_changed() -> None:
    failure = Failure(kind=FailureKind.NOT_FOUND, message="no such model", body={"error": {"code": 404}})
    assert REDACTOR.failure(failure) == failure


def test_an_error_object_that_is_too_large_to_search_is_dropped() -> None:
    large = Failure(kind=FailureKind.SERVER_ERROR, message="m", body={"text": "x" * LARGEST_BODY})
    assert REDACTOR.failure(large).body is None


@pytest.mark.parametrize("length", [12, 13, 15, 16, 17, 31, 64])
def test_a_piece_is_found_wherever_it_begins(length: int) -> None:
    """Sixteen consecutive characters give a secret away, or all of a shorter one, at any place of a text."""
    secret = "".join(chr(ord("a") + at % 26) + str(at % 10) for at in range(length))[:length]
    redactor = Redactor([secret])
    size = min(16, length)
    for before in range(35):
        for start in (0, (length - size) // 2, length - size):
            found = redactor.text("_" * before + secret[start : start + size] + "_" * 3)
            assert found == "_" * before + "[key]" + "___"
    assert redactor.text(secret[:11] + "_") == secret[:11] + "_"
