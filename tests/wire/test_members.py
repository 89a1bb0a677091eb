"""Where the members of a body are, and whether the routing ones are repeated: judged by a scan byte by byte.

Most bodies are written evenly, and those are read by the lengths of their members alone. So the bodies here are nearly
even ones, with values that imitate members.
"""

from __future__ import annotations

import random

import pytest

from tests.forwarding.scanner import scan
from understudy.wire.members import RepeatedMember, members_of

KEYS = ("model", "stream", "Model", "x", "", "a,b", ", ", "\\u006dodel", "m\\u00f6", "\u00e9", 'q\\"', "\\\\", " x")
VALUES = (
    *("1", "2", "true", '"m"', '""', "[]", "{}", '", "', '"a, "', '{"model":1}', '{"y":1,"model":"z"}'),
    *('{"y": 1, "model": "z"}', '[1, {"x": 2, "model": 3}]', '",\\"model\\":\\"z\\""', '"\u00e9\u00e9"', "-1e400"),
)


def nearly_even(dice: random.Random) -> bytes:
    """Write an object in one of the two even forms, with a flaw here and there."""
    colon, comma = dice.choice(((":", ","), (": ", ", "), (": ", ","), (":", ", ")))
    flaw = dice.choice((0.0, 0.0, 0.1))

    def blank() -> str:
        return dice.choice(" \n\t") * dice.randrange(1, 4) if dice.random() < flaw else ""

    keys = [dice.choice(KEYS) for _ in range(dice.randrange(6))]
    if dice.random() < 0.5:
        keys = list(dict.fromkeys(keys))
    members = [f'{blank()}"{key}"{blank()}{colon}{blank()}{dice.choice(VALUES)}{blank()}' for key in keys]
    return f"{blank()}{{{comma.join(members)}}}{blank()}".encode()


@pytest.mark.parametrize("pad", [0, 10_000])
def test_members_are_where_a_scan_finds_them(pad: int) -> None:
    """Short bodies are searched, and long ones are not."""
    dice = random.Random(7)
    for _ in range(6_000):
        data = nearly_even(dice)
        if pad and scan(data).members:
            data = data.replace(b"{", b'{"pad":"%b",' % (b"p" * pad), 1)
        members = members_of(data)
        judged = scan(data).members
        for name in members.named.keys() & {"model", "stream", "x"}:
            places = [(each.value, each.end) for each in judged if each.key == name]
            found = members.place_of(name)
            assert found is None or [found] == places, data
        assert [(each.name, each.start, each.value, each.end) for each in members.spans] == [
            (each.key, each.start, each.value, each.end) for each in judged
        ], data
        spelled = [each.key.casefold() for each in judged]
        is_repeated = max(spelled.count("model"), spelled.count("stream")) > 1
        try:
            members_of(bytes(bytearray(data))).check_routing()
        except RepeatedMember:
            assert is_repeated, data
        else:
            assert not is_repeated, data


def test_even_bodies_are_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.wire.members._walk", None)
    for data in (b'{"model":"a","n":[1, 2]}', b'{"model": "a", "n": [1,2]}'):
        first = members_of(data).spans[0]
        assert data[first.value : first.end] == b'"a"'
