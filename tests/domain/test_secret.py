"""A secret never leaves by any door but `reveal()`."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import pprint
import traceback

import msgspec
import pytest
from rich.pretty import pretty_repr

from understudy.domain.errors import ConfigError, LLMError
from understudy.domain.secret import Secret, SecretHeader

VALUE = "sk-canary-7f3a9"
SURROGATE = VALUE + "\udcff"
"""What `os.environ` makes of a byte that is no UTF-8."""


class Holder(msgspec.Struct):
    key: Secret
    others: tuple[Secret, ...] = ()


def test_reveal_is_the_way_to_the_value() -> None:
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize("value", [None, lambda: VALUE, VALUE.encode(), Secret(VALUE)])
def test_only_a_text_can_be_one_and_nothing_else_is_repeated(value: object) -> None:
    with pytest.raises(TypeError, match="a Secret holds a string, not ") as caught:
        Secret(value)  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(VALUE)),
        str(Secret(VALUE)),
        f"{Secret(VALUE)}",
        f"{Secret(VALUE)!r:>60}",
        f"{Secret(VALUE)!s}",
        f"{Secret(VALUE)!a}",
        format(Secret(VALUE), "<60"),
        "%s %r" % (Secret(VALUE), Secret(VALUE)),  # noqa: UP031 - logging formats this way
        "{0} {0!r}".format(Secret(VALUE)),
        str([Secret(VALUE), {"key": Secret(VALUE)}, (Secret(VALUE),)]),
        pprint.pformat({"key": Secret(VALUE)}),
        repr(Holder(Secret(VALUE), (Secret(VALUE),))),
        json.dumps({"key": Secret(VALUE)}, default=str),
        msgspec.json.encode({"key": Secret(VALUE)}, enc_hook=str).decode(),
    ],
)
def test_no_form_of_text_shows_it(shown: str) -> None:
    assert "canary" not in shown
    assert "Secret('…')" in shown or "Secret('\\u2026')" in shown


@pytest.mark.parametrize(
    "encode",
    [
        json.dumps,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        vars,
        lambda secret: secret.__getstate__(),
        lambda secret: secret.__reduce_ex__(4),
        lambda secret: msgspec.json.encode(Holder(secret)),
        lambda secret: msgspec.structs.asdict(copy.deepcopy(Holder(secret))),
        lambda secret: pickle.dumps({"nested": [secret]}),
    ],
)
def test_no_encoder_takes_it_and_none_repeats_it_in_its_refusal(encode: object) -> None:
    assert callable(encode)
    with pytest.raises(TypeError) as caught:
        encode(Secret(VALUE))
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("level", [logging.DEBUG, logging.CRITICAL])
def test_no_log_shows_it(level: int) -> None:
    stream = io.StringIO()
    logger = logging.Logger("test", level)
    logger.addHandler(logging.StreamHandler(stream))
    secret = Secret(VALUE)
    logger.log(level, "key %s %r", secret, secret)
    try:
        raise ConfigError(f"bad key {secret}")
    except LLMError:
        logger.exception("failed with %s", {"key": secret})
    assert "Secret('…')" in stream.getvalue()
    assert "canary" not in stream.getvalue()


def test_no_traceback_shows_it_not_even_with_locals() -> None:
    def fails() -> None:
        secret = Secret(VALUE)
        assert secret
        raise ConfigError("no", failure=None)

    with pytest.raises(ConfigError) as caught:
        fails()
    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "secret = Secret('…')" in told
    assert "canary" not in told


def test_comparing_tells_only_whether_they_are_equal() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE), Secret("other")}) == 2
    assert hash(Secret(VALUE)) != hash(VALUE)


def test_a_value_that_is_no_utf_8_can_be_compared_without_being_shown() -> None:
    assert Secret(SURROGATE) == Secret(SURROGATE)
    assert Secret(SURROGATE) != Secret(VALUE)


def test_the_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret(VALUE)


def test_nothing_can_be_hung_on_it() -> None:
    with pytest.raises(AttributeError):
        Secret(VALUE).note = "x"  # type: ignore[attr-defined]


def test_a_header_that_holds_a_key_is_sent_as_it_is_and_shown_by_nobody() -> None:
    header = SecretHeader(f"Bearer {VALUE}")
    assert header == f"Bearer {VALUE}"
    assert header.encode() == f"Bearer {VALUE}".encode()
    assert "".join(header) == f"Bearer {VALUE}"
    tools = [repr(header), repr([header]), pprint.pformat({"a": header}), repr(header[3:])]
    tools += [pretty_repr({"a": header}, max_string=longest) for longest in (3, 12, None)]
    assert all("Bear" not in shown and "canary" not in shown for shown in tools), tools
    for encode in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            encode(header)
