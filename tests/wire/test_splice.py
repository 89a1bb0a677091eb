"""JSON objects that are changed in their own bytes. What comes out is written here by hand, byte for byte."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.forwarding.bodies import disordered, odd
from tests.forwarding.scanner import scan
from understudy.wire.json import BadJson, JsonTooLarge
from understudy.wire.members import RepeatedMember, spans_of
from understudy.wire.splice import SplicedObject, peek, receive


def changed(data: bytes, change: Callable[[SplicedObject], object]) -> bytes:
    body = SplicedObject(data)
    change(body)
    return body.to_bytes()


def setting(**values: Any) -> Callable[[SplicedObject], object]:
    return lambda body: body.update(values)


def removing(*names: str) -> Callable[[SplicedObject], object]:
    return lambda body: [body.pop(name) for name in names]


@pytest.mark.parametrize(
    ("before", "values", "after"),
    [
        (b' { "model" : "a" ,\n "n":1.0 } ', {"model": "b"}, b' { "model" : "b" ,\n "n":1.0 } '),
        (b'{"mod\\u0065l":1}', {"model": 2}, b'{"mod\\u0065l":2}'),
        (b'{"n":1.0}', {"n": 1}, b'{"n":1.0}'),
        (b'{"n":1}', {"n": True}, b'{"n":true}'),
        (b'{"n":true}', {"n": 1}, b'{"n":1}'),
        (b'{"n":null}', {"n": 0}, b'{"n":0}'),
        (b"{}", {"a": 1, "b": [2]}, b'{"a":1,"b":[2]}'),
        (b" { } ", {"a": 1}, b' { "a":1} '),
        (b'{"a":1 }', {"b": 2}, b'{"a":1,"b":2 }'),
        (b'\xef\xbb\xbf{"a":1}', {"a": 2}, b'\xef\xbb\xbf{"a":2}'),
        (b'{"a":1,"a":2,"b":3, "a" : 4}', {"a": 9}, b'{"b":3, "a" : 9}'),
        (b'{"s":"\\ud800","n":1e400,"m":"x"}', {"m": "y"}, b'{"s":"\\ud800","n":1e400,"m":"y"}'),
        (b'{"\xc3\xa9":1 ,"\\ud800":2, "m":3}', {"m": 4}, b'{"\xc3\xa9":1 ,"\\ud800":2, "m":4}'),
    ],
)
def test_values_are_replaced_and_inserted(before: bytes, values: dict[str, Any], after: bytes) -> None:
    assert changed(before, setting(**values)) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"a":{"m":1},"m":1}', b'{"a":{"m":1},"m":2}'),
        (b'{"m":1,"a":{"m":1}}', b'{"m":2,"a":{"m":1}}'),
        (b'{"a":"m","m" : 1}', b'{"a":"m","m" : 2}'),
        (b'{"m":"m"}', b'{"m":2}'),
        (b'{"a":"\\"m\\":","m":1}', b'{"a":"\\"m\\":","m":2}'),
        (b'{"\\u006d":1,"a":{"m":1}}', b'{"\\u006d":2,"a":{"m":1}}'),
        (b'{"\\u006d":1,"a":"m"}', b'{"\\u006d":2,"a":"m"}'),
        (b'{"m":1,"\\u006d":1,"a":3}', b'{"\\u006d":2,"a":3}'),
        (b'{"m":1,"a":3,"m":1}', b'{"a":3,"m":2}'),
    ],
)
def test_a_key_that_occurs_elsewhere_is_told_apart(before: bytes, after: bytes) -> None:
    assert changed(before, setting(m=2)) == after
    assert changed(before, setting(m=2, z=[3])) == after[:-1] + b',"z":[3]}'


@pytest.mark.parametrize(
    ("names", "after"),
    [
        ("a", b'{ "b":2 ,"c":3 }'),
        ("b", b'{ "a":1 ,"c":3 }'),
        ("c", b'{ "a":1 , "b":2 }'),
        ("ab", b'{ "c":3 }'),
        ("bc", b'{ "a":1 }'),
        ("ac", b'{ "b":2 }'),
        ("abc", b"{  }"),
    ],
)
def test_members_are_removed_with_one_comma(names: str, after: bytes) -> None:
    assert changed(b'{ "a":1 , "b":2 ,"c":3 }', removing(*names)) == after


def test_every_occurrence_of_a_member_is_removed() -> None:
    assert changed(b'{"a":1,"b":2,"a":3}', removing("a")) == b'{"b":2}'


def test_only_what_changes_inside_of_a_value_is_new() -> None:
    def change(body: SplicedObject) -> None:
        body["m"][1]["role"] = "user"
        del body["m"][1]["name"]
        body["o"]["x"]["new"] = None

    before = b'{"m": [ {"n":1.0}, {"role" : "system", "name":"z", "x": 1e400, "y":"\\u0041"} ], "o":{"x":{"a": 1.50}}}'
    after = b'{"m": [ {"n":1.0}, {"role" : "user", "x": 1e400, "y":"\\u0041"} ], "o":{"x":{"a": 1.50,"new":null}}}'
    assert changed(before, change) == after


def test_elements_that_remain_keep_their_spelling() -> None:
    def change(body: SplicedObject) -> None:
        body["l"] = [*body["l"][1:], {"b": 2}, 5]

    assert changed(b'{"l":[ 1, 2.0 , {"a":"\\u0041"}, "\\ud800"]}', change) == (
        b'{"l":[2.0,{"a":"\\u0041"},"\\ud800",{"b":2},5]}'
    )


def test_what_is_only_read_is_not_changed() -> None:
    data = b'{"a": {"b":1.0}, "c": 1e400}'
    body = SplicedObject(data)
    assert dict(body) == {"a": {"b": 1.0}, "c": None}
    body["a"] = {"b": 1}
    body["c"] = None
    assert body.to_bytes() is data


def test_it_is_a_mapping() -> None:
    body = SplicedObject(b'{"a":1,"b":2,"a":3}')
    assert (len(body), list(body), body["a"], body.get("z"), "z" in body) == (2, ["a", "b"], 3, None, False)
    body["z"] = 1
    del body["b"]
    assert list(body) == ["a", "z"]
    with pytest.raises(KeyError):
        del body["b"]
    with pytest.raises(KeyError):
        body["b"]
    body["b"] = 4
    assert body.to_bytes() == b'{"a":1,"b":4,"a":3,"z":1}'


def test_mentions_are_never_overlooked() -> None:
    body = SplicedObject(b'{"m":[{"name":1}],"e":"n\\u0061me","o":"other"}')
    assert body.may_mention("m", "zz", "name")
    assert body.may_mention("e", "name")
    assert not body.may_mention("o", "name")
    assert not body.may_mention("absent", "name")


@pytest.mark.parametrize(
    "data",
    [
        b'{"model":1,"model":1}',
        b'{"model":1,"mod\\u0065l":2}',
        b'{"stream":true,"a":{"stream":1},"stream":false}',
        b'{"model":1,"MODEL":2}',
        b'{"Model":1,"messages":[],"Model":2}',
        b'{"model":1,"Stream":true,"Stream":false}',
        b'{"\xc5\xbftream":1,"stream":2}',
        b'{"model":"\\ud800","model":2}',
        b'{"a":1,"model":"x","a":{"model":"x"},"model":"y"}',
    ],
)
def test_who_names_model_or_stream_twice_is_refused(data: bytes) -> None:
    for read in (SplicedObject, receive, peek):
        with pytest.raises(RepeatedMember, match=r"has more than one '(model|stream)'; send it once"):
            read(data)


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b" ",
            b"[]",
            b"1",
            b'"x"',
            b"null",
            b"{",
            b'{"a"}',
            b'{"a":}',
            b'{"a":1,}',
            b'{"a":1}x',
            b"{,}",
            b"\xff",
        ),
        *(b'{"a":tru}', b'{"a":NaN}', b'{"a":01}', b'{"a":"\\ud800",}', b'{"a":"\\ud800"', b'{"a":1e400,"b":nan}'),
        *(b'{"\xff":1}', b'{"a":"\n"}', b'{"a":"\\ud800","b":Infinity}', b"{'a':1}", b'{"a":1 /**/}', b'{"a":"\x00"}'),
    ],
)
def test_anything_else_is_bad_json(data: bytes) -> None:
    for read in (SplicedObject, receive, peek):
        with pytest.raises(BadJson):
            read(data)


def test_bombs_are_too_large() -> None:
    for bomb in (b"[" * 100_000, b'{"a":' * 100_000):
        with pytest.raises(BadJson):
            SplicedObject(b'{"a":' + bomb)
    with pytest.raises(JsonTooLarge):
        receive(b'{"a":' + b"[" * 70 + b"]" * 70 + b"}")


def test_what_has_no_value_in_python_is_mended_for_readers() -> None:
    data = b'{"a":"x\\ud83d","b":1e400,"c":[-2E+999],"d":"\\ud83d\\ude00 \\\\ud800","e":%b,"f":1.5}' % (b"9" * 5000)
    found = receive(data)
    assert found.value == {"a": "x�", "b": None, "c": [None], "d": "😀 \\ud800", "e": None, "f": 1.5}
    assert found.flaws == ("numbers", "text")
    assert json.loads(found.text) == found.value


def test_peeking_reads_some_members() -> None:
    assert peek(b'{"model":"m","x":[[[1]]],"stream":true}', "model", "stream", "user") == ["m", True, None]


def test_spans_agree_with_a_scan_byte_by_byte() -> None:
    for number in range(300):
        dice = random.Random(number)
        fields = {name: odd(dice) for name in "abc"}
        data = disordered({**fields, "model": "m", "é": 1}, dice)
        judged = scan(data).members
        found = [(span.start, span.value, span.end) for span in spans_of(data)]
        assert found == [(member.start, member.value, member.end) for member in judged], data


def test_any_change_is_what_json_makes_of_it() -> None:
    """Random changes of random objects, judged by `json`, which knows nothing of bytes."""
    for number in range(300):
        dice = random.Random(number)
        data = json.dumps({name: _plain(dice) for name in "abcdef"[: dice.randrange(7)]}, indent=dice.choice((None, 1)))
        body, wanted = SplicedObject(data.encode()), json.loads(data)
        for _ in range(dice.randrange(4)):
            name, value = dice.choice("abcdefgh"), _plain(dice)
            if dice.random() < 0.5:
                body.pop(name, None)
                wanted.pop(name, None)
            else:
                body[name] = wanted[name] = value
        assert json.loads(body.to_bytes()) == wanted


def _plain(dice: random.Random, depth: int = 0) -> Any:
    roll = dice.random()
    if roll < 0.3 and depth < 3:
        return {dice.choice("xyz"): _plain(dice, depth + 1) for _ in range(dice.randrange(4))}
    if roll < 0.5 and depth < 3:
        return [_plain(dice, depth + 1) for _ in range(dice.randrange(4))]
    return dice.choice((1, 2.5, "s", True, None, "é😀"))
