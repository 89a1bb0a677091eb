"""How numbers are shown: what is not quite all or nothing never reads as such."""

from __future__ import annotations

import pytest

from understudy.console.pages.formats import reason, share


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 %"),
        (0.0000022, "< 0.1 %"),
        (0.00049, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.5, "50.0 %"),
        (0.9994, "99.9 %"),
        (0.99999, "> 99.9 %"),
        (1, "100 %"),
        (1.001, "101 %"),
        (None, "–"),
    ],
)
def test_a_share_is_never_rounded_to_another_meaning(value: float | None, shown: str) -> None:
    assert share(value) == shown


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        ("rate_limited: Rate limit of my_model: reached", "rate limited: Rate limit of my_model: reached"),
        ("circuit breaker: timeout_first_event: no content", "circuit breaker: timeout first event: no content"),
        ("a/m is not asked: server_error: server_error", "a/m is not asked: server error: server_error"),
        ("rate_limited", "rate_limited"),
        (None, None),
        ("overloaded: Overloaded", "Overloaded"),
        ("server_error: Server error in the model", "Server error in the model"),
        ("cooldown: rate_limited: Rate limited by org", "cooldown: Rate limited by org"),
        ("connect: 127.0.0.1:9 cannot be reached: refused", "connect: 127.0.0.1:9 cannot be reached: refused"),
    ],
)
def test_why_a_target_is_not_asked_has_words_for_our_names_only(why: str | None, shown: str | None) -> None:
    assert reason(why) == shown
