from __future__ import annotations

import inspect

import pytest

import understudy
from understudy import Image, Misuse, blocking


def test_media_are_fetched_without_async() -> None:
    """The same rules as `understudy.fetch_media`, which tests/network holds."""
    assert blocking.fetch_media(Image(url="data:image/png;base64,aGk=")).data == "aGk="
    with pytest.raises(Misuse, match="not a public address"):
        blocking.fetch_media(Image(url="http://127.0.0.1/a.png"))
    assert inspect.signature(blocking.fetch_media) == inspect.signature(understudy.fetch_media)
