"""Bodies that begin as an earlier one did: judged by what is found without the earlier one, and by a scan."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.forwarding.scanner import scan
from understudy.wire import growing, members
from understudy.wire.bounds import MIB
from understudy.wire.growing import Beginnings, growing_members, remember
from understudy.wire.json import BadJson, JsonTooLarge
from understudy.wire.members import Members, RepeatedMember

COMPACT, SPACED = (",", ":"), (", ", ": ")
_found: Callable[[bytes], Members] = vars(members)["_found"]
_continued: Callable[..., Members | None] = vars(growing)["_continued"]
WORDS = (b'"image_url"', b'"file"')


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Beginnings:
    """Keep beginnings of a hundred bytes."""
    found = Beginnings()
    monkeypatch.setattr(growing, "LEAST", 100)
    monkeypatch.setattr(growing, "_MARKS", (1_000_000, 100_000, 10_000, 3_000, 1_000, 300, 100))
    monkeypatch.setattr(growing, "_kept", found)
    monkeypatch.setattr(members, "_latest", ())
    return found


def said(number: int, **more: Any) -> dict[str, Any]:
    return {"role": ("user", "assistant")[number % 2], "content": f'{number}: "é" \\ {{"role": 1}} ' * 3, **more}


def body(messages: Any, form: tuple[str, str] = SPACED, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": messages, **more}, separators=form, ensure_ascii=False).encode()


def read(data: bytes) -> Members:
    """Read a body as the outline of a request does."""
    found, begun = growing_members(data, "messages")
    found.check_routing()
    found.entries("messages")
    remember(found, "messages", begun)
    return found


def anew(data: bytes) -> Members:
    """Read a body of which nothing is known."""
    data.decode()
    return _found(bytes(bytearray(data)))


def assert_same(found: Members, data: bytes) -> None:
    judged, general = scan(data).members, anew(data)
    assert list(found.named.items()) == list(general.named.items())
    assert [(each.name, each.start, each.value, each.end) for each in found.spans] == [
        (each.key, each.start, each.value, each.end) for each in judged
    ]
    assert found.entries("messages") == general.entries("messages")
    said_so = any(each.may_have(WORDS) for each in general.outside_texts("messages"))
    assert said_so <= any(each.may_have(WORDS) for each in found.outside_texts("messages"))


@pytest.mark.parametrize("form", [COMPACT, SPACED])
def test_of_a_body_that_has_grown_only_the_rest_is_read(
    form: tuple[str, str], kept: Beginnings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    read(body([said(n) for n in range(10)], form, tools=tools))
    assert len(kept) == 1
    grown = [body([said(n) for n in range(count)], form, tools=tools, temperature=1.0) for count in range(10, 40, 3)]
    with monkeypatch.context() as patch:
        patch.setattr(members, "_found", None)
        found = [read(data) for data in grown]
    for each, data in zip(found, grown, strict=True):
        assert_same(each, data)
    assert len(kept) == 1


def test_the_last_messages_may_have_changed(kept: Beginnings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client moves the mark of its cache from the last message to a new one."""
    read(body([*(said(n) for n in range(9)), said(9, cache=True)]))
    monkeypatch.setattr(members, "_found", None)
    read(body([*(said(n) for n in range(11)), said(11, cache=True)]))
    assert len(kept) == 1


@pytest.mark.parametrize(
    "rest",
    [
        b'{"role": "user", "content": "x"}], "model": "other"}',
        b'{"role": "user", "content": "x"}], "Model": "other"}',
        b'{"role": "user", "content": "x"}], "mod\\u0065l": "other"}',
        b'{"role": "user", "content": "x"}], "stream": true, "stream": false}',
        b'{"role": "user", "content": "x"}], "stream": true, "n": [], "stream": false, "n": []}',
    ],
)
def test_a_routing_member_that_is_repeated_behind_is_noticed(rest: bytes) -> None:
    whole = body([said(n) for n in range(10)])
    read(whole)
    with pytest.raises(RepeatedMember):
        read(whole[: whole.rindex(b'{"role"')] + rest)


@pytest.mark.parametrize(
    ("rest", "is_text"),
    [
        (b"", True),
        (b"]}", True),
        (b"1]}", True),
        (b'{"role": "user"}]', True),
        (b'{"role": "user"}}', True),
        (b'{"role": "user"}]}]}', True),
        (b'{"role": "user"} {"role": "user"}]}', True),
        (b'{"role": "user", "content": "\xff"}]}', False),
        (b'{"role": "user", "content": "\n"}]}', True),
        (b'{"role": "user"}], "messages": [7]}', True),
    ],
)
def test_a_rest_that_is_invalid_is_not_accepted(rest: bytes, *, is_text: bool) -> None:
    whole = body([said(n) for n in range(10)])
    read(whole)
    with pytest.raises(BadJson if is_text else UnicodeError):
        read(whole[: whole.rindex(b'{"role"')] + rest)


def test_of_repeated_messages_the_last_count() -> None:
    whole = body([said(n) for n in range(10)])
    read(whole)
    assert len(read(whole[:-1] + b', "messages": [{"role": "user"}]}').entries("messages")) == 1


def test_a_beginning_ends_with_a_message(kept: Beginnings) -> None:
    """What begins like a message may be within one."""
    read(body([*(said(n) for n in range(9)), said(9, x=[{"role": "y"}] * 4)]))
    assert len(kept) == 0
    read(body([*(said(n) for n in range(9)), said(9, x=[{"role": "y"}] * 4), *map(said, range(4))]))
    assert len(kept) == 1


def test_a_member_ahead_of_the_messages_may_be_repeated_behind() -> None:
    begun = json.dumps({"n": 1, "messages": [said(n) for n in range(10)]}).encode()
    read(begun)
    assert_same(read(begun[:-1] + b', "n": 2}'), begun[:-1] + b', "n": 2}')


def test_images_are_found_in_the_beginning_and_behind_it() -> None:
    image = {"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "x" * 200}]}
    for first, last in ((said(0), image), (image, said(0)), (said(0), said(0))):
        read(body([first, *(said(n) for n in range(10))]))
        found = read(body([first, *(said(n) for n in range(10)), last, *(said(n) for n in range(10))]))
        assert any(each.may_have(WORDS) for each in found.outside_texts("messages")) is (image in (first, last))


def test_deep_nesting_is_refused_however_a_body_begins() -> None:
    deep = [*(said(n) for n in range(10)), said(1, x=json.loads("[" * 70 + "]" * 70)), *(said(n) for n in range(10))]
    read(body(deep))
    with pytest.raises(JsonTooLarge):
        read(body([*deep, said(1, y="x" * MIB)]))
    plain = [*(said(n) for n in range(10)), said(1, y="x" * MIB), *(said(n) for n in range(10))]
    read(body(plain))
    assert_same(read(body([*plain, said(2)])), body([*plain, said(2)]))
    with pytest.raises(JsonTooLarge):
        read(body([*plain, said(1, x=json.loads("[" * 70 + "]" * 70))]))


def test_what_is_kept_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    few = Beginnings(total=20_000)
    monkeypatch.setattr(growing, "_kept", few)
    for conversation in range(50):
        read(body([said(n + 100 * conversation) for n in range(20)]))
        assert 0 < few.weight <= 20_000
    assert 1 < len(few) < 10


def test_anything_is_read_as_without_the_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that are cut, mixed and changed somewhere, in the beginning or behind it."""
    dice, continued = random.Random(5), 0
    bases = [body([said(n) for n in range(count)], form) for count in (6, 12, 20) for form in (COMPACT, SPACED)]
    ends = [b"]}", b'], "n": 1}', b'],"n":1}', b'], "model": "x"}', b'],"n":[],"n":[]}', b'}], "n": 1}', b""]

    def counted(*given: Any) -> Members | None:
        nonlocal continued
        found = _continued(*given)
        continued += found is not None
        return found

    monkeypatch.setattr(growing, "_continued", counted)
    for _ in range(2_000):
        base, other = dice.choice(bases), dice.choice(bases)
        data = base[: dice.choice((base.rfind(b"]"), place_in(base, dice)))]
        data += dice.choice((b"", b", ", b",")) + other[place_in(other, dice) : -2] * dice.randrange(2)
        data += dice.choice(ends)
        assert outcome(read, data) == outcome(anew, data), data
    assert continued > 50


def place_in(data: bytes, dice: random.Random) -> int:
    """Return the beginning of a message, or any place."""
    somewhere = dice.randrange(len(data))
    return somewhere if dice.random() < 0.1 else data.rfind(b'{"role"', 0, somewhere) % len(data)


def outcome(reading: Callable[[bytes], Members], data: bytes) -> Any:
    """Return what was found, or whether a repeated member was."""
    try:
        found = reading(data)
        found.check_routing()
        return list(found.named.items()), found.spans, found.entries("messages")
    except (BadJson, UnicodeError) as error:
        return isinstance(error, RepeatedMember)
