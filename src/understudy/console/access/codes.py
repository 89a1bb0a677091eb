"""The link with which the operator who started a gateway without admin keys signs in, once.

The code states until when it is valid and is signed with the gateway's secret: its bearer was shown the output of
`understudy serve`. That it is used once only, processes see in the state that they share.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.console.access.signing import opened, signed

if TYPE_CHECKING:
    from understudy.console.access.state import State
    from understudy.domain.secret import Secret

VALID = 600.0
"""Seconds for which a code is valid."""
ANOTHER = "send the gateway's process SIGUSR1, and it prints another one"
"""How to get another link."""
_CODE = struct.Struct(">Q16s")
_PURPOSE = "console code"


def make_code(secrets: Sequence[Secret], now: float) -> str:
    """Return a new code. `now`: Unix seconds."""
    return signed(_CODE.pack(int(now + VALID), os.urandom(16)), _PURPOSE, secrets)


def use_code(code: str, secrets: Sequence[Secret], state: State, now: float) -> bool:
    """Return whether a code is valid; it is used up then."""
    content = opened(code, _PURPOSE, secrets)
    if content is None or len(content) != _CODE.size:
        return False
    until, nonce = _CODE.unpack(content)
    return bool(now < until) and state.mark(f"code:{nonce.hex()}", float(until), now)


def link(url: str, secrets: Sequence[Secret], now: float) -> str:
    """Return the link that signs in once at a gateway's URL."""
    return f"{url}/console/sign-in?code={make_code(secrets, now)}"
